"""`ampnet adapt`: own classes from a few photos, written only if they are worth it."""

import math
import random
import shutil
from pathlib import Path

import httpx
import pytest
from PIL import Image
from typer.testing import CliRunner

from ampnet.checkpoints.checkpoint import load_checkpoint
from ampnet.dataset.sources import open_source
from ampnet.errors import DataError, UsageError
from ampnet.files.printable import MAX_LINE
from ampnet.settings import AdaptConfig, ExportConfig
from ampnet.settings.labels import EXPRESSIONS
from cli import app
from pipelines.adapt import _at_least, run
from pipelines.adapt_faces import embedded
from pipelines.export import run as export
from tests.prepared_faces import SAMPLES
from tests.service.running import PATIENCE, running
from tests.small_checkpoint import small_checkpoint

JPEG = {"Content-Type": "image/jpeg"}
OWN = {"happiness": "cheerful", "anger": "cross"}


def photos(root: Path, shuffled: bool = False) -> Path:
    files = [file for name in OWN for file in sorted((SAMPLES / "faces" / "train" / name).iterdir())[:12]]
    labels = [OWN[file.parent.name] for file in files]
    if shuffled:
        random.Random(2).shuffle(labels)
    for file, label in zip(files, labels, strict=True):
        (root / label).mkdir(parents=True, exist_ok=True)
        shutil.copy(file, root / label / file.name)
    return root


def config(root: Path, out: Path) -> AdaptConfig:
    return AdaptConfig(photos=root, out=out, checkpoint=Path("bundled"), gpus=0)


@pytest.mark.slow
def test_own_classes_are_learned_from_a_few_photos(tmp_path: Path) -> None:
    result = run(config(photos(tmp_path / "photos"), tmp_path / "mine.pt"), quiet=True)
    assert result.accuracy.value >= 20 / 24
    assert result.old_accuracy is None
    assert ", old model has none of these classes, most frequent class 50.0%" in result.shown()  # not 0% right
    assert load_checkpoint(tmp_path / "mine.pt").class_names == ("cheerful", "cross")
    with pytest.raises(UsageError, match="exists"):
        run(config(tmp_path / "photos", tmp_path / "mine.pt"), quiet=True)


@pytest.mark.slow
def test_where_people_are_known_the_interval_is_over_people(tmp_path: Path) -> None:
    for own in OWN.values():
        for number, file in enumerate(sorted((photos(tmp_path / "all") / own).iterdir())):
            folder = tmp_path / "photos" / f"s{number % 4}" / own
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, folder / file.name)
    result = run(config(tmp_path / "photos", tmp_path / "mine.pt"), quiet=True)
    assert (result.total, result.left_out, result.majority.value) == (24, "each person", 0.5)
    assert result.majority.interval == pytest.approx((0.150, 0.850), abs=1e-3)  # Wilson's for 2 of 4 people


@pytest.mark.slow
def test_the_result_exports_and_is_served_like_any_checkpoint(tmp_path: Path) -> None:
    pytest.importorskip("fastapi")
    mine = tmp_path / "mine.pt"
    run(config(photos(tmp_path / "photos"), mine), quiet=True)
    exported = export(ExportConfig(model=mine, format="safetensors", out=tmp_path / "mine.safetensors"))
    assert exported.difference < 1e-2
    photo = next((SAMPLES / "faces" / "test" / "happiness").iterdir()).read_bytes()
    with running(
        tmp_path, "--checkpoint", str(mine), "--runtime", "torch", "--gpus", "0", "--parallel", "1"
    ) as service:
        answer = httpx.post(f"{service.address}v1/predict", content=photo, headers=JPEG, timeout=PATIENCE).json()
    (face,) = answer["photos"][0]["faces"]
    assert set(face["scores"]) == {"cheerful", "cross"}
    assert face["label"] == "cheerful"


def test_copies_are_left_out_since_a_photo_tests_nothing_that_its_copy_has_taught(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = photos(tmp_path / "photos")
    for extra in sorted((root / "cross").iterdir())[4:]:
        extra.unlink()
    first, second, *_others = sorted((root / "cross").iterdir())
    shutil.copy(first, root / "cross" / "zcopy.jpg")
    Image.open(second).save(root / "cross" / "zsame.png")  # the same pixels in another file
    with pytest.raises(DataError, match=r"fewer than 5 faces of cross; add photos$"):
        run(config(root, tmp_path / "mine.pt"))
    said = capsys.readouterr().err
    assert (
        f"left out: 2 photos of which there are copies, first cross/zcopy.jpg, which shows what cross/{first.name}"
        in said
    )


def test_a_photo_in_two_classes_counts_for_neither(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = photos(tmp_path / "photos")
    for extra in [file for name in ("cross", "cheerful") for file in sorted((root / name).iterdir())[5:]]:
        extra.unlink()
    shutil.copy(sorted((root / "cross").iterdir())[0], root / "cheerful" / "zcopy.jpg")
    with pytest.raises(DataError, match="fewer than 5 faces of cross; add photos"):
        run(config(root, tmp_path / "mine.pt"))
    assert "left out: 2 photos of which there are copies, first cheerful/zcopy.jpg, which is in several classes" in (
        capsys.readouterr().err
    )


@pytest.mark.slow
def test_an_unreadable_photo_is_left_out_and_the_command_ends_with_1(tmp_path: Path) -> None:
    root = photos(tmp_path / "photos")
    (root / "cross" / "broken.jpg").write_bytes(b"no photo")
    result = CliRunner().invoke(app, ["adapt", str(root), "--out", str(tmp_path / "mine.pt"), "--gpus", "0"])
    assert result.exit_code == 1
    assert (tmp_path / "mine.pt").exists()
    assert result.stderr.splitlines()[-1].startswith("ampnet: cannot read ")
    assert "broken.jpg" in result.stderr.splitlines()[-1]


@pytest.mark.slow
def test_the_old_model_answers_as_predict_lets_it(tmp_path: Path) -> None:
    for name, count in (("happiness", 6), ("anger", 3)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for file in sorted((SAMPLES / "faces" / "train" / name).iterdir())[:count]:
            shutil.copy(file, tmp_path / "photos" / name)
    says_happy = [0.1 if name == "happiness" else 0.0 for name in EXPRESSIONS]
    shares = tuple(0.4 if name == "happiness" else 0.1 for name in EXPRESSIONS)
    answers = []
    for strength in (0.0, 1.0):  # the prior adds log 4 to the logit of anger, so that every face is angry
        file = small_checkpoint(
            tmp_path / str(strength), logits=says_happy, class_shares=shares, prior_strength=strength
        )
        checkpoint, source = load_checkpoint(file), open_source(tmp_path / "photos")
        _faces, _left_out, is_right = embedded(config(tmp_path, tmp_path), checkpoint, source, lambda _count: None)
        answers.append(is_right.sum())
    assert answers == [6, 3]


@pytest.mark.slow
def test_a_box_of_a_list_is_not_taken_for_the_face_beside_it(tmp_path: Path) -> None:
    rows = ["path,label,x0,y0,x1,y1"]
    for name, side, box in (("happiness", 140, "300,80,365,158"), ("anger", 60, "0,0,250,224")):  # no face is in this
        wide = Image.new("RGB", (420, 224), (120, 120, 120))
        with Image.open(sorted((SAMPLES / "faces" / "train" / name).iterdir())[0]) as face:
            wide.paste(face.convert("RGB").resize((side, side)), (252, 80 if side < 100 else 45))
        wide.save(tmp_path / f"{name}.jpg", quality=95)
        rows.append(f"{name}.jpg,{name},{box}")
    (tmp_path / "list.csv").write_text("\n".join(rows))
    asked, source = config(tmp_path, tmp_path), open_source(tmp_path, fold=None)
    faces, left_out, _is_right = embedded(asked, load_checkpoint("bundled"), source, lambda _count: None)
    assert [source.class_names[label] for label in faces.labels] == ["happiness"]
    assert ["anger.jpg" in name for name in left_out.without_face] == [True]


@pytest.mark.slow
def test_shuffled_labels_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match="nothing was written: the new heads are not significantly better than both others"
    ) as refused:
        run(config(photos(tmp_path / "photos", shuffled=True), tmp_path / "mine.pt"), quiet=True)
    assert "Confused most: cheerful and cross (" in str(refused.value)
    assert "ampnet train --pretrained bundled" in str(refused.value)
    assert "most frequent class" in str(refused.value)
    assert len(f"ampnet: {refused.value}") <= MAX_LINE  # nothing of it is left out
    assert not (tmp_path / "mine.pt").exists()


def test_too_few_photos_of_a_class_are_told(tmp_path: Path) -> None:
    root = photos(tmp_path / "photos")
    for extra in sorted((root / "cross").iterdir())[3:]:
        extra.unlink()
    for extra in sorted((root / "cheerful").iterdir())[5:]:
        extra.unlink()
    with pytest.raises(DataError, match="fewer than 5 faces of cross; add photos"):
        run(config(root, tmp_path / "mine.pt"), quiet=True)


def test_people_need_no_splits_and_an_unwritable_place_is_told_before_the_work(tmp_path, capsys):
    for person in ("s1", "s2"):  # too few for a test and a validation split, which adapt does not need
        for own, folder in (("cheerful", "happiness"), ("cross", "anger")):
            for file in sorted((SAMPLES / "faces" / "train" / folder).iterdir())[:2]:
                (tmp_path / "photos" / person / own).mkdir(parents=True, exist_ok=True)
                shutil.copy(file, tmp_path / "photos" / person / own / file.name)
    with pytest.raises(DataError, match="has fewer than 5 faces of cheerful, cross; add photos"):
        run(config(tmp_path / "photos", tmp_path / "mine.pt"))
    assert "split" not in capsys.readouterr().err
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="file; choose another place with --out"):
        run(config(tmp_path / "photos", tmp_path / "file" / "mine.pt"), quiet=True)


@pytest.mark.parametrize("count", [2, 2000, 20_000])
def test_a_large_number_of_faces_is_compared_with_guessing(count):
    half = count // 2  # a fair coin shows at least half heads as often as at most half
    assert _at_least(half, count, 0.5) == pytest.approx((1 + math.comb(count, half) / 2**count) / 2)
    assert _at_least(count, count, 1.0) == 1
