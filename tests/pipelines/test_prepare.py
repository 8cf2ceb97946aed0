"""`ampnet prepare`, from raw folders to an index, with the real detector."""

import csv
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps
from typer.testing import CliRunner

from ampnet.dataset.index.landmarks_file import read_landmarks
from ampnet.dataset.open_index import read_index
from ampnet.detection.detector import FaceDetector
from ampnet.detection.finder import FaceFinder
from ampnet.errors import DataError, UsageError
from ampnet.faces.alignment import CANONICAL_LANDMARKS, align_face
from ampnet.faces.geometry import similarity, transform_points
from ampnet.files.lock import LOCK_FILE, lock_folder
from ampnet.reading.image_files import read_image
from ampnet.reading.photo import Photo
from ampnet.settings import PrepareConfig
from cli import app
from pipelines import prepare as pipeline
from pipelines.prepare import PrepareResult, run
from tests.limits import file_size_limit

SAMPLES = Path(__file__).parents[1] / "samples"
FACES = SAMPLES / "faces"


def sample(class_name: str, number: int = 0, split: str = "train") -> Path:
    return sorted((FACES / split / class_name).glob("*.jpg"))[number]


def annotation(path: Path) -> dict[str, float]:
    """Give the true landmarks of a rendered sample face."""
    with (SAMPLES / "annotations.csv").open(newline="") as file:
        row = next(row for row in csv.DictReader(file) if row["file"] == path.relative_to(SAMPLES).as_posix())
    return {key: float(value) for key, value in row.items() if key.endswith(("_x", "_y"))}


def true_landmarks(path: Path) -> np.ndarray:
    row = annotation(path)
    points = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")
    return np.array([[row[f"{point}_x"], row[f"{point}_y"]] for point in points])


def faces_of(root: Path) -> list[dict[str, str]]:
    with (root / "index" / "faces.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def prepare(raw: Path, out: Path, **options: Any) -> PrepareResult:
    result = run(PrepareConfig(raw_dir=raw, out=out, gpus=0, **options), quiet=True)
    assert result is not None
    return result


def make_raw(root: Path, per_class: int = 2) -> Path:
    for split, class_name in [("train", "happiness"), ("train", "fear"), ("test", "happiness"), ("test", "fear")]:
        folder = root / split / class_name
        folder.mkdir(parents=True)
        for number in range(per_class):
            shutil.copy(sample(class_name, number, split), folder)
    return root


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_raw(tmp_path_factory.mktemp("raw") / "faces")


@pytest.fixture(scope="module")
def prepared(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("prepared")
    prepare(raw, out)
    return out


def test_the_label_file_has_the_reference_format(prepared: Path) -> None:
    lines = (prepared / "index" / "data_label.txt").read_text().splitlines()
    assert len(lines) == 8
    # fear comes before happiness in the written order, and labels count from 1 where names carry the split
    assert {line.split()[1] for line in lines if "_fear_" in line} == {"1"}
    assert {line.split()[1] for line in lines if "_happiness_" in line} == {"2"}
    assert [line.partition("_")[0] for line in lines] == ["train"] * 4 + ["test"] * 4


def test_labels_landmarks_images_and_faces_carry_the_same_names(prepared: Path) -> None:
    names = [line.split()[0] for line in (prepared / "index" / "data_label.txt").read_text().splitlines()]
    assert list(read_landmarks(prepared / "index" / "land_marks.npy")) == names
    assert sorted(path.name for path in (prepared / "dataset").iterdir()) == sorted(names)
    assert [row["name"] for row in faces_of(prepared)] == names
    assert {read_image(prepared / "dataset" / name).shape for name in names} == {(224, 224, 3)}


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph")  # mlcroissant uses it
def test_croissant_json_describes_the_files_so_that_its_loader_yields_each_face(prepared: Path) -> None:
    file = prepared / "croissant.json"
    described = json.loads(file.read_text())
    assert described["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    faces = (prepared / "index" / "faces.csv").read_bytes()
    assert described["distribution"][0]["sha256"] == hashlib.sha256(faces).hexdigest()
    loader = pytest.importorskip("mlcroissant")
    records = list(loader.Dataset(jsonld=str(file)).records("faces"))  # raises if the file is not valid
    assert [record["faces/name"].decode() for record in records] == [row["name"] for row in faces_of(prepared)]
    assert {record["faces/image"].size for record in records} == {(224, 224)}


def test_meta_tells_how_the_index_was_made(prepared: Path, raw: Path) -> None:
    meta = json.loads((prepared / "index" / "meta.json").read_text())
    assert meta["class_names"] == ["fear", "happiness"]
    assert (meta["label_base"], meta["image_size"], meta["layout"]) == (1, 224, "folders")
    assert meta["splits"] == ["train", "test"]
    assert len(meta["weights_sha256"]) == 64
    assert meta["counts"]["test"]["fear"] == {"detected": 2}
    landmarks = read_index(prepared).landmarks[:4]  # the training faces
    assert np.allclose(meta["framing"]["mean_landmarks"], landmarks.mean(axis=0), atol=0.01)


def test_scenes_are_cropped_and_the_landmarks_follow(prepared: Path) -> None:
    meta = json.loads((prepared / "index" / "meta.json").read_text())
    assert meta["crop"] == "face"
    finder = FaceFinder(FaceDetector(), "largest")
    for row, stored in zip(faces_of(prepared), read_index(prepared).landmarks, strict=True):
        photo = Photo.of_file(FACES / row["source"])
        (found,) = finder.find([photo])[0].faces
        assert np.abs(stored - align_face(photo.whole, found.landmarks).landmarks).max() < 0.01


def test_the_landmarks_of_cropped_faces_are_near_the_rendered_ones(prepared: Path) -> None:
    fitted = [0, 1, 3, 4]  # eyes and mouth corners decide the warp
    distances = []
    for row, found in zip(faces_of(prepared), read_index(prepared).landmarks, strict=True):
        truth = true_landmarks(FACES / row["source"])
        expected = transform_points(truth, similarity(truth[fitted], CANONICAL_LANDMARKS[fitted]))
        distances.append(np.linalg.norm(found - expected, axis=1).mean())
    assert np.mean(distances) < 0.1 * 80  # of the eyes' distance


def test_a_picture_of_the_data_is_written(prepared: Path) -> None:
    with Image.open(prepared / "index" / "preview.png") as preview:
        assert preview.size[0] > 4 * 144
        assert preview.size[1] > 2 * 144


def test_whole_images_keep_landmarks_right_when_they_are_not_square(tmp_path: Path) -> None:
    """A face in a 512 x 256 frame: x shrinks by 224 / 512, y by 224 / 256, not both by 224 / height."""
    raw, path = tmp_path / "raw", sample("neutral")
    wide = Image.new("RGB", (512, 256), (90, 90, 90))
    with Image.open(path) as face:
        wide.paste(face, (200, 0))
    for class_name in ("neutral", "fear"):
        (raw / class_name).mkdir(parents=True)
        wide.save(raw / class_name / "wide.png")
    prepare(raw, tmp_path / "out", crop="none")
    expected = (true_landmarks(path) + np.array([200, 0])) * (224 / 512, 224 / 256)
    between_eyes = expected[1, 0] - expected[0, 0]
    for found in read_index(tmp_path / "out").landmarks:
        assert np.abs(found - expected).max() < 0.12 * between_eyes


def test_without_official_splits_labels_count_from_zero(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    for class_name in ("sadness", "anger"):
        (raw / class_name).mkdir(parents=True)
        shutil.copy(sample(class_name), raw / class_name / "train_photo.jpg")
    prepare(raw, tmp_path / "out")
    lines = (tmp_path / "out" / "index" / "data_label.txt").read_text().splitlines()
    assert sorted(lines) == ["img_train_photo-2.jpg 0", "img_train_photo.jpg 1"]


BAD_FILES = {
    "text.jpg": "not an image, or a damaged one",
    "empty.png": "the file is empty",
    "cut.jpg": "truncated",
    "dot.png": "no face found",
    "wall.jpg": "no face found",
}


@pytest.fixture(scope="module")
def with_bad_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Good and bad images under odd names, prepared with --no-face drop."""
    raw = make_raw(tmp_path_factory.mktemp("odd") / "raw", per_class=1)
    fear = raw / "test" / "fear"
    (fear / "text.jpg").write_text("this is no picture")
    (fear / "empty.png").touch()
    (fear / "cut.jpg").write_bytes(sample("fear").read_bytes()[:6000])
    Image.new("RGB", (1, 1)).save(fear / "dot.png")
    Image.new("RGB", (200, 200), (200, 190, 180)).save(fear / "wall.jpg")
    shutil.copy(sample("fear", 1), fear / 'a "quoted" name.jpg')
    shutil.copy(sample("fear", 2), fear / "it's \u00dcml\u00e4ut \u8868\u60c5.jpg")
    with Image.open(sample("fear", 3)) as face:
        face.save(fear / "twin.jpg")
        face.convert("L").save(fear / "twin.png")
        face.convert("CMYK").save(fear / "print.jpg")
        face.convert("RGBA").save(fear / "clear.png")
        turned = Image.Exif()
        turned[0x0112] = 6
        face.transpose(Image.Transpose.ROTATE_90).save(fear / "phone.jpg", exif=turned)
    deep = np.array(Image.open(fear / "twin.png"), dtype=np.uint16) * 257
    Image.fromarray(deep).save(fear / "deep.png")
    prepare(raw, raw.parent / "out", crop="face", no_face="drop")
    return raw.parent / "out"


@pytest.mark.parametrize(("file", "reason"), BAD_FILES.items())
def test_what_cannot_be_used_has_a_row_with_its_reason(with_bad_files: Path, file: str, reason: str) -> None:
    row = next(row for row in faces_of(with_bad_files) if row["source"] == f"test/fear/{file}")
    assert (row["name"], row["status"]) == ("", "rejected")
    assert reason in row["reason"]
    assert f"test/fear/{file}," in (with_bad_files / "index" / "err.csv").read_text()


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ('a "quoted" name.jpg', "test_a__quoted__name.jpg"),
        ("it's \u00dcml\u00e4ut \u8868\u60c5.jpg", "test_it_s_Umlaut___.jpg"),
        ("twin.jpg", "test_twin.jpg"),
        ("twin.png", "test_twin-2.jpg"),
        ("print.jpg", "test_print.jpg"),
        ("clear.png", "test_clear.jpg"),
        ("deep.png", "test_deep.jpg"),
        ("phone.jpg", "test_phone.jpg"),
    ],
)
def test_odd_files_that_show_a_face_are_used_under_a_plain_name(with_bad_files: Path, file: str, name: str) -> None:
    row = next(row for row in faces_of(with_bad_files) if row["source"] == f"test/fear/{file}")
    assert (row["name"], row["status"]) == (name, "detected")
    assert (with_bad_files / "dataset" / name).is_file()


def test_a_turned_phone_picture_gives_the_upright_face(with_bad_files: Path) -> None:
    index = read_index(with_bad_files)
    phone, twin = (index.landmarks[index.names.index(name)] for name in ("test_phone.jpg", "test_twin.jpg"))
    assert np.abs(phone - twin).max() < 3


def test_lost_images_are_counted_for_later_reports(with_bad_files: Path) -> None:
    assert read_index(with_bad_files).undetected == {"test": {"fear": len(BAD_FILES)}}


def test_whole_images_without_a_face_get_the_mean_landmarks_of_the_training_faces(raw: Path, tmp_path: Path) -> None:
    copy = tmp_path / "raw"
    shutil.copytree(raw, copy)
    Image.new("RGB", (100, 50), (200, 190, 180)).save(copy / "test" / "fear" / "wall.png")
    result = prepare(copy, tmp_path / "out", crop="none")
    assert result.counts.table["test"]["fear"]["template"] == 1
    index = read_index(tmp_path / "out")
    wall = index.landmarks[index.names.index("test_wall.jpg")]
    training = index.landmarks[[split == "train" for split in index.splits]]
    assert np.allclose(wall, training.mean(axis=0), atol=0.01)


def test_an_image_that_vanishes_before_it_gets_the_template_is_rejected(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "raw"
    shutil.copytree(raw, copy)
    wall = copy / "test" / "fear" / "wall.png"
    Image.new("RGB", (100, 50), (200, 190, 180)).save(wall)
    build_index = vars(pipeline)["build_index"]

    def build_without_the_wall(*arguments: Any) -> Any:
        wall.unlink()
        return build_index(*arguments)

    monkeypatch.setattr(pipeline, "build_index", build_without_the_wall)
    result = prepare(copy, tmp_path / "out", crop="none")
    assert result.counts.table["test"]["fear"]["rejected"] == 1
    row = next(row for row in faces_of(tmp_path / "out") if row["source"] == "test/fear/wall.png")
    assert (row["name"], row["reason"]) == ("", "No such file or directory")
    assert len(read_index(tmp_path / "out")) == 8


def test_warped_faces_can_take_the_template_too(raw: Path, tmp_path: Path) -> None:
    copy = tmp_path / "raw"
    shutil.copytree(raw, copy)
    Image.new("RGB", (100, 50), (200, 190, 180)).save(copy / "test" / "fear" / "wall.png")
    prepare(copy, tmp_path / "out", crop="face", no_face="template")
    row = next(row for row in faces_of(tmp_path / "out") if row["source"] == "test/fear/wall.png")
    assert (row["name"], row["status"]) == ("test_wall.jpg", "template")
    assert read_image(tmp_path / "out" / "dataset" / "test_wall.jpg").shape == (224, 224, 3)


def test_an_image_with_many_faces_gives_one_or_all(tmp_path: Path) -> None:
    for class_name in ("happiness", "fear"):
        (tmp_path / "raw" / class_name).mkdir(parents=True)
    shutil.copy(SAMPLES / "group.jpg", tmp_path / "raw" / "happiness")
    shutil.copy(sample("fear"), tmp_path / "raw" / "fear")
    with (SAMPLES / "group.csv").open(newline="") as file:
        people = len(list(csv.DictReader(file)))
    assert prepare(tmp_path / "raw", tmp_path / "one", face="largest").counts.faces == 2
    assert prepare(tmp_path / "raw", tmp_path / "all", face="all").counts.faces == people + 1
    names = [row["name"] for row in faces_of(tmp_path / "all") if row["source"].endswith("group.jpg")]
    assert names == ["group.jpg", *(f"group+{number}.jpg" for number in range(2, people + 1))]
    assert {row["faces"] for row in faces_of(tmp_path / "one") if "group" in row["source"]} == {str(people)}


def test_faces_with_a_box_of_their_own_are_told_apart(tmp_path: Path) -> None:
    """The group photo as an ExpW list: each line's box must give that person's face."""
    raw = tmp_path / "raw"
    (raw / "label").mkdir(parents=True)
    (raw / "image" / "origin").mkdir(parents=True)
    shutil.copy(SAMPLES / "group.jpg", raw / "image" / "origin")
    with (SAMPLES / "group.csv").open(newline="") as file:
        people = [{key: float(row[key]) for key in row if key.startswith("face_")} for row in csv.DictReader(file)]
    boxes = [(p["face_x"], p["face_y"], p["face_x"] + p["face_w"], p["face_y"] + p["face_h"]) for p in people]
    boxes.append((0, 0, 20, 20))  # nobody is there
    boxes.append((-90, -90, -50, -50))  # not even the image is
    lines = [f"group.jpg {i} {y0} {x0} {x1} {y1} 99 {i % 7}" for i, (x0, y0, x1, y1) in enumerate(boxes)]
    (raw / "label" / "label.lst").write_text("\n".join(lines))

    prepare(raw, tmp_path / "out")
    rows = faces_of(tmp_path / "out")
    assert [row["status"] for row in rows[-2:]] == ["rejected", "rejected"]
    assert "outside the image" in rows[-1]["reason"]
    for row, (x0, y0, x1, y1) in zip(rows, boxes[:-2], strict=False):
        left, top, right, bottom = (float(value) for value in row["box"].split())
        assert x0 < (left + right) / 2 < x1
        assert y0 < (top + bottom) / 2 < y1
        assert (row["name"], row["width"]) == (f"group_{rows.index(row)}.jpg", "1280")


def test_a_folder_where_no_face_is_found_says_so(tmp_path: Path) -> None:
    for class_name in ("happiness", "fear"):
        (tmp_path / "raw" / class_name).mkdir(parents=True)
        Image.new("RGB", (64, 64), (200, 190, 180)).save(tmp_path / "raw" / class_name / "wall.png")
    with pytest.raises(DataError, match="no face was found in any of the 2 images"):
        prepare(tmp_path / "raw", tmp_path / "out")


def test_jpegs_of_the_final_size_are_not_compressed_again(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    for class_name in ("happiness", "fear"):
        (raw / class_name).mkdir(parents=True)
        with Image.open(sample(class_name)) as face:
            face.resize((224, 224)).save(raw / class_name / f"{class_name}.jpg", quality=60)
    prepare(raw, tmp_path / "out", crop="none")
    for class_name in ("happiness", "fear"):
        source = (raw / class_name / f"{class_name}.jpg").read_bytes()
        assert (tmp_path / "out" / "dataset" / f"{class_name}.jpg").read_bytes() == source


def test_nothing_is_overwritten_unasked(raw: Path, prepared: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="already holds an index; replace it with --force"):
        prepare(raw, prepared)
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset" / "holiday.jpg").touch()
    with pytest.raises(UsageError, match="holds other files"):
        prepare(raw, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["dataset"]


def test_force_replaces_the_index_and_its_images_and_nothing_else(raw: Path, tmp_path: Path) -> None:
    prepare(raw, tmp_path)
    (tmp_path / "dataset" / "notes.txt").write_text("mine")
    other = make_raw(tmp_path.parent / f"{tmp_path.name}_other", per_class=1)
    prepare(other, tmp_path, force=True)
    assert len(list((tmp_path / "dataset").glob("*.jpg"))) == 4
    assert (tmp_path / "dataset" / "notes.txt").read_text() == "mine"


def test_the_output_may_not_lie_inside_the_raw_folder(raw: Path) -> None:
    with pytest.raises(UsageError, match="inside the raw folder"):
        prepare(raw, raw / "out")


def test_an_output_folder_that_cannot_be_made_is_named(raw: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = CliRunner().invoke(app, ["prepare", str(raw), "--out", str(tmp_path / "file" / "out"), "--gpus", "0"])
    assert result.exit_code == 1
    assert f"ampnet: cannot write to {tmp_path / 'file' / 'out'}" in result.stderr
    assert len(result.stderr.splitlines()) == 2  # what the source is, and why its index cannot be written


def test_a_full_disk_ends_the_run_with_one_line_and_a_resumable_state(raw: Path, tmp_path: Path) -> None:
    arguments = ["prepare", str(raw), "--out", str(tmp_path / "out"), "--gpus", "0", "--quiet"]
    with file_size_limit(4000):  # enough for the plan, too little for a face
        result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert ".jpg: File too large; free some space or choose another folder" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not list((tmp_path / "out" / "dataset").iterdir())
    assert CliRunner().invoke(app, [*arguments, "--resume"]).exit_code == 0
    assert len(read_index(tmp_path / "out")) == 8


def test_a_run_that_could_not_even_write_its_plan_is_begun_again(raw: Path, tmp_path: Path) -> None:
    arguments = ["prepare", str(raw), "--out", str(tmp_path / "out"), "--gpus", "0", "--quiet"]
    with file_size_limit(100):
        assert "journal.jsonl: File too large" in CliRunner().invoke(app, arguments).stderr
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert len(read_index(tmp_path / "out")) == 8


def test_beside_a_live_run_nothing_is_resumed_or_replaced(raw: Path, prepared: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in prepared.rglob("*.*")}
    with lock_folder(prepared / "index"):
        for asked in ([], ["--resume"], ["--force"]):
            result = CliRunner().invoke(app, ["prepare", str(raw), "--out", str(prepared), "--quiet", *asked])
            assert result.exit_code == 1
            assert f"ampnet: {prepared}/index is in use by another ampnet command (process {os.getpid()} on" in (
                result.stderr
            )
            assert len(result.stderr.splitlines()) == 1
        result = CliRunner().invoke(app, ["check", "--data", str(prepared)])
        assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert {path: path.stat().st_mtime_ns for path in prepared.rglob("*.*") if path.name != LOCK_FILE} == {
        path: time for path, time in before.items() if path.name != LOCK_FILE
    }


@pytest.mark.parametrize(
    ("files", "message"), [([], "holds no images"), (["a.jpg"], "class folders")], ids=["empty", "no classes"]
)
def test_a_useless_folder_is_refused_in_one_line(tmp_path: Path, files: list[str], message: str) -> None:
    (tmp_path / "raw").mkdir()
    for file in files:
        shutil.copy(sample("fear"), tmp_path / "raw" / file)
    result = CliRunner().invoke(app, ["prepare", str(tmp_path / "raw"), "--out", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_the_command_prints_a_table_or_json(raw: Path, tmp_path: Path) -> None:
    plain = CliRunner().invoke(app, ["prepare", str(raw), "--out", str(tmp_path / "a"), "--gpus", "0"])
    assert plain.exit_code == 0
    assert "100.00%" in plain.stdout
    assert "crop face" in plain.stderr
    as_json = CliRunner().invoke(app, ["prepare", str(raw), "--out", str(tmp_path / "b"), "--gpus", "0", "--json"])
    assert json.loads(as_json.stdout)["faces"] == 8


def test_images_that_are_no_photographs_any_more_are_named_and_shown(tmp_path: Path) -> None:
    raw, out = tmp_path / "raw", tmp_path / "out"
    for class_name in ("fear", "happiness"):
        (raw / class_name).mkdir(parents=True)
        for number in range(2):
            with Image.open(sample(class_name, number)) as face:
                ImageOps.equalize(face).save(raw / class_name / f"{class_name}{number}.png")
    Image.new("RGB", (256, 256)).save(raw / "fear" / "black.png")
    arguments = ["prepare", str(raw), "--out", str(out), "--crop", "none"]
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    assert "80% of the images look histogram-equalised: is this the original set?" in result.stdout
    assert "constant: 20.00% of the images (1) show a single tone, such as fear/black.png" in result.stdout
    rows = {row["source"]: row for row in faces_of(out)}
    assert rows["happiness/happiness0.png"]["traits"] == "equalised"
    black = rows["fear/black.png"]
    assert (black["status"], black["traits"], black["grey_mean"], black["grey_spread"]) == (
        "template",
        "constant",
        "0.00",
        "0.00",
    )
    with Image.open(out / "index" / "preview.png") as preview:
        assert preview.size[1] > 4 * 144  # two classes and two traits
    plain = json.loads(CliRunner().invoke(app, [*arguments, "--force", "--json"]).stdout)
    assert plain["check"]["traits"]["equalised"]["images"] == 4


def test_ctrl_c_leaves_a_state_to_go_on_from(raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_arguments: object) -> None:
        raise KeyboardInterrupt

    arguments = ["prepare", str(raw), "--out", str(tmp_path / "out"), "--gpus", "0"]
    monkeypatch.setattr(pipeline, "build_index", interrupt)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 130
    assert "to resume, run the same command with --resume" in result.stderr
    monkeypatch.undo()
    again = CliRunner().invoke(app, arguments)
    assert again.exit_code == 2
    assert "unfinished run; resume it with --resume" in again.stderr
    assert CliRunner().invoke(app, [*arguments, "--resume"]).exit_code == 0


ANSWERS = "neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
VOTES = {
    "row00000.png": "0,0,0,1,9,0,0,0,0,0",
    "row00001.png": "0,10,0,0,0,0,0,0,0,0",
    "row00002.png": "1,0,0,0,4,0,0,1,4,0",
    "row00003.png": "1,0,0,0,0,0,0,0,0,9",
    "row00004.png": "0,0,0,0,0,0,0,0,0,10",
}
PLACES = ["Training/angry", "Training/happy", "PublicTest/angry", "PrivateTest/happy", "PrivateTest/angry"]


@pytest.fixture(scope="module")
def fer2013_with_votes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four grey faces and a wall, sorted as FER-2013 is; people call one of the faces and the wall no face."""
    root = tmp_path_factory.mktemp("fer")
    for number, (name, folder) in enumerate(zip(VOTES, PLACES, strict=True)):
        (root / "raw" / folder).mkdir(parents=True, exist_ok=True)
        path = sample("anger" if "angry" in folder else "happiness", number)
        with Image.open(path) as face:
            grey = face.convert("L").resize((48, 48)) if number < 4 else Image.new("L", (48, 48), 150)
            grey.save(root / "raw" / folder / name)
    usages = [folder.partition("/")[0] for folder in PLACES]
    rows = [f"{usage},{name},{votes}" for usage, (name, votes) in zip(usages, VOTES.items(), strict=True)]
    (root / "fer2013new.csv").write_text("\n".join([f"Usage,Image name,{ANSWERS}", *rows]))
    return root


def test_votes_are_written_for_every_image_used_or_not(fer2013_with_votes: Path, tmp_path: Path) -> None:
    votes = fer2013_with_votes / "fer2013new.csv"
    result = prepare(fer2013_with_votes / "raw", tmp_path, votes=votes, crop="face", no_face="drop")
    lines = (tmp_path / "index" / "label_votes.csv").read_text().splitlines()
    assert lines[0] == f"name,{ANSWERS.replace('NF', 'no_face')}"
    splits = {"Training": "train", "PublicTest": "val", "PrivateTest": "test"}
    assert sorted(lines[1:]) == sorted(
        f"{splits[folder.partition('/')[0]]}_{name.replace('png', 'jpg')},{row}"
        for folder, (name, row) in zip(PLACES, VOTES.items(), strict=True)
    )
    index = read_index(tmp_path)
    assert len(index) == 4  # the wall is rejected, its votes stay
    assert index.votes is not None
    third = index.names.index("val_row00002.jpg")
    assert index.votes.on_classes(("happiness", "anger", "neutral"))[third].tolist() == [0, 4, 1]

    counted = (tmp_path / "index" / "meta.json").read_text()
    assert result.to_dict()["votes"] == json.loads(counted)["votes"]
    # 48-pixel faces may be found at the first look or the second.
    assert json.loads(counted.replace("retried", "detected"))["votes"] == {
        "images": {"train": {"detected": 2}, "val": {"detected": 1}, "test": {"detected": 1, "rejected": 1}},
        "no_face": {"test": {"detected": 1, "rejected": 1}},
    }


def test_the_command_tells_how_many_faces_were_found_where_people_see_none(
    fer2013_with_votes: Path, tmp_path: Path
) -> None:
    raw, votes = fer2013_with_votes / "raw", fer2013_with_votes / "fer2013new.csv"
    arguments = ["prepare", str(raw), "--out", str(tmp_path), "--votes", str(votes), "--gpus", "0", "--crop", "face"]
    shown = CliRunner().invoke(app, [*arguments, "--no-face", "template"])
    assert shown.exit_code == 0
    expected = "votes: 5 of 5 images have votes; of 2 voted to show no face, the detector found a face in 1"
    assert expected in " ".join(shown.stdout.split())


def test_a_set_prepared_again_without_votes_keeps_none(fer2013_with_votes: Path, tmp_path: Path) -> None:
    raw = fer2013_with_votes / "raw"
    prepare(raw, tmp_path, votes=fer2013_with_votes / "fer2013new.csv", no_face="template")
    assert (tmp_path / "index" / "label_votes.csv").is_file()
    prepare(raw, tmp_path, no_face="template", force=True)
    assert not (tmp_path / "index" / "label_votes.csv").exists()
    assert read_index(tmp_path).votes is None
    assert "votes" not in json.loads((tmp_path / "index" / "meta.json").read_text())


def test_a_resumed_run_notices_other_votes(
    fer2013_with_votes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw, votes = fer2013_with_votes / "raw", tmp_path / "fer2013new.csv"
    shutil.copy(fer2013_with_votes / "fer2013new.csv", votes)

    def interrupt(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "build_index", interrupt)
    with pytest.raises(KeyboardInterrupt):
        prepare(raw, tmp_path / "out", votes=votes, no_face="template")
    monkeypatch.undo()
    good = votes.read_text()
    votes.write_text(good.replace(VOTES["row00000.png"], "0,0,0,2,8,0,0,0,0,0"))
    with pytest.raises(DataError, match="changed: listing_sha256"):
        prepare(raw, tmp_path / "out", votes=votes, no_face="template", resume=True)
    votes.write_text(good)
    prepare(raw, tmp_path / "out", votes=votes, no_face="template", resume=True)
    assert read_index(tmp_path / "out").votes is not None


def test_votes_on_a_photo_of_many_faces_belong_to_the_first(tmp_path: Path) -> None:
    for class_name in ("happiness", "fear"):
        (tmp_path / "raw" / class_name).mkdir(parents=True)
    shutil.copy(SAMPLES / "group.jpg", tmp_path / "raw" / "happiness")
    shutil.copy(sample("fear"), tmp_path / "raw" / "fear" / "one.jpg")
    (tmp_path / "votes.csv").write_text("name,happiness,fear\ngroup.jpg,8,2\n")
    prepare(tmp_path / "raw", tmp_path / "out", face="all", votes=tmp_path / "votes.csv")
    assert (tmp_path / "out" / "index" / "label_votes.csv").read_text() == "name,happiness,fear\ngroup.jpg,8,2\n"
    meta = json.loads((tmp_path / "out" / "index" / "meta.json").read_text())
    assert meta["votes"] == {"images": {"": {"detected": 1}}, "no_face": {}}
