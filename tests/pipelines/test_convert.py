"""A data set in shards holds what its files hold."""

import filecmp
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ampnet.settings.choices import Split

pytest.importorskip("pyarrow")

from typer.testing import CliRunner

from ampnet.dataset import open_index
from ampnet.dataset.index.faces_table import FaceRow, read_faces, write_faces
from ampnet.dataset.index.label_votes import write_votes
from ampnet.dataset.index.splits import split_indices
from ampnet.dataset.loading.dataset import FaceBatches, FaceDataset, SampleKey
from ampnet.dataset.loading.sampling import ResumableBatchSampler
from ampnet.dataset.open_index import open_split, read_index
from ampnet.dataset.quality.duplicates import CopyPair, write_pairs
from ampnet.dataset.shards.manifest import read_manifest
from ampnet.errors import DataError, ImageError
from ampnet.settings.recipes import Augmentation
from cli import app
from tests.prepared_faces import write_prepared_faces


def convert(data: Path, to: str, out: Path, *options: str) -> None:
    result = CliRunner().invoke(app, ["convert", str(data), "--to", to, "--out", str(out), "-q", *options])
    assert result.exit_code == 0, result.stderr


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The samples as files, with votes, outcomes and two rejected images, and as shards of 10 faces."""
    root = tmp_path_factory.mktemp("forms")
    files = write_prepared_faces(root / "files", train=3, val=1, test=1)
    index = read_index(files)
    rows = [
        FaceRow(
            name, f"raw/{name}", split, index.class_names[label], "detected", "", 0.9876, (1.5, 2, 30, 40.1), 1, 48, 48
        )
        for name, split, label in zip(index.names, index.splits, index.labels, strict=True)
    ]
    lost = FaceRow(
        "", "raw/lost.png", "train", index.class_names[0], "rejected", "no face", faces=0, width=48, height=48
    )
    write_faces(files / "index" / "faces.csv", [*rows[:4], lost, *rows[4:], lost])
    votes = [(name, [float(i % 3), 0, 2, 0, 0, 0, 1]) for i, name in enumerate(index.names)]
    write_votes(files / "index" / "label_votes.csv", index.class_names, votes)
    convert(files, "shards", root / "shards", "--faces-per-shard", "10")
    return files, root / "shards"


def test_files_become_shards_and_the_same_files_again(forms: tuple[Path, Path], tmp_path: Path) -> None:
    files, shards = forms
    convert(shards, "files", tmp_path / "again")
    for name in ("data_label.txt", "land_marks.npy", "faces.csv", "label_votes.csv"):
        assert filecmp.cmp(files / "index" / name, tmp_path / "again/index" / name, shallow=False), name
    images = sorted(path.name for path in (files / "dataset").iterdir())
    assert images == sorted(path.name for path in (tmp_path / "again/dataset").iterdir())
    assert not filecmp.cmpfiles(files / "dataset", tmp_path / "again/dataset", images, shallow=False)[1]


def test_the_same_faces_give_the_same_shards(forms: tuple[Path, Path], tmp_path: Path) -> None:
    files, shards = forms
    convert(files, "shards", tmp_path, "--faces-per-shard", "10")
    names = [path.relative_to(shards) for path in shards.rglob("*.*") if path.suffix in (".tar", ".parquet", ".json")]
    assert len(names) == 4 + 4 + 1 + 1  # 35 faces: tables, tars, rejected images, shards.json
    assert all((shards / name).read_bytes() == (tmp_path / name).read_bytes() for name in names)


def test_images_that_are_no_conversions_are_not_replaced(forms: tuple[Path, Path], tmp_path: Path) -> None:
    files, shards = forms
    mine = tmp_path / "dataset" / read_index(files).names[0]
    mine.parent.mkdir()
    mine.write_text("my picture")
    result = CliRunner().invoke(app, ["convert", str(shards), "--to", "files", "--out", str(tmp_path)])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"ampnet: {tmp_path / 'dataset'} holds other files; choose another --out\n"
    assert [path.read_text() for path in tmp_path.rglob("*.*")] == ["my picture"]


def test_shards_of_a_killed_conversion_into_more_do_not_stay(forms: tuple[Path, Path], tmp_path: Path) -> None:
    files, _shards = forms
    convert(files, "shards", tmp_path, "--faces-per-shard", "10")
    (tmp_path / "index" / "shards.json").unlink()  # as if it had been killed before the last step
    (tmp_path / "dataset" / "notes.tar").touch()
    convert(files, "shards", tmp_path, "--faces-per-shard", "20")
    assert sorted(path.name for path in (tmp_path / "dataset").iterdir()) == [
        "faces-00000.tar",
        "faces-00001.tar",
        "notes.tar",
    ]
    assert [path.name for path in sorted((tmp_path / "index").glob("*.parquet"))] == [
        "faces-00000.parquet",
        "faces-00001.parquet",
        "rejected-00000.parquet",
    ]


def test_a_tar_holds_the_images_for_any_reader(forms: tuple[Path, Path]) -> None:
    import tarfile

    files, shards = forms
    with tarfile.open(shards / "dataset" / "faces-00000.tar") as tar:
        for member in tar:
            content = tar.extractfile(member)
            assert content is not None
            assert content.read() == (files / "dataset" / member.name).read_bytes()
        assert len(tar.getnames()) == 10


def test_both_forms_are_the_same_index(forms: tuple[Path, Path]) -> None:
    files, shards = (read_index(root) for root in forms)
    assert (files.names, files.splits, files.class_names) == (shards.names, shards.splits, shards.class_names)
    assert np.array_equal(files.labels, shards.labels)
    assert np.array_equal(files.landmarks, shards.landmarks)
    assert files.votes is not None
    assert shards.votes is not None
    assert np.array_equal(files.votes.counts, shards.votes.counts)


def test_both_forms_give_the_same_batches_for_the_same_order(forms: tuple[Path, Path]) -> None:
    batches = []
    for root in forms:
        index = read_index(root)
        training = np.flatnonzero(np.array(index.splits) == "train")
        faces = FaceBatches(FaceDataset(index, training, 64, Augmentation(), seed=3))
        order = ResumableBatchSampler(index.labels[training], 8, seed=3)
        order.start_at(epoch=1, step=1)
        batches.append([faces[keys] for keys in order])
    assert len(batches[0]) == 2
    for file, shard in zip(*batches, strict=True):
        assert bool((file.images == shard.images).all() and (file.landmarks == shard.landmarks).all())
        assert file.labels.tolist() == shard.labels.tolist()


def evaluate(data: Path, out: Path) -> dict[str, Any]:
    asked = f"eval bundled --data {data} --split test --gpus 0 --workers 0 --out {out} -q"
    result = CliRunner().invoke(app, asked.split())
    assert result.exit_code == 0, result.stderr
    metrics: dict[str, Any] = json.loads((out / "metrics.json").read_text())
    return {name: value for name, value in metrics.items() if name not in ("about", "seconds")}


@pytest.mark.slow
def test_eval_says_the_same_of_both_forms_and_of_a_set_too_large_to_be_loaded(
    forms: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = read_index(forms[0]).names
    test, train = (next(name for name in names if name.startswith(split)) for split in ("test", "train"))
    for data in forms:
        write_pairs(
            data / "index" / "duplicates.csv", [CopyPair((test, train), ("test", "train"), ("a", "b"), 1.0, True)]
        )
    files, shards = (evaluate(data, tmp_path / data.name) for data in forms)
    monkeypatch.setattr(open_index, "STREAMED_FACES", 0)
    split_alone = evaluate(forms[1], tmp_path / "alone")
    assert files == shards == split_alone
    assert files["copies"]["exact"] == 1
    for form in ("shards", "alone"):
        assert filecmp.cmp(tmp_path / "files/predictions.csv", tmp_path / form / "predictions.csv", shallow=False)


def test_of_a_set_too_large_to_be_loaded_only_the_split_is(
    forms: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = read_index(forms[1])
    monkeypatch.setattr(open_index, "STREAMED_FACES", 0)
    counts: dict[Split, int] = {"train": 21, "val": 7, "test": 7}
    for split, count in counts.items():
        index = open_split(forms[1], split)
        assert len(index) == count
        expected = whole.subset([place for place, of in enumerate(whole.splits) if of == split])
        assert (index.names, index.splits) == (expected.names, [split] * count)
        assert np.array_equal(index.labels, expected.labels)
        assert np.array_equal(index.landmarks, expected.landmarks)
        assert all(index.image_bytes(i) == expected.image_bytes(i) for i in range(count))
        assert index.votes is not None
        assert expected.votes is not None
        assert np.array_equal(index.votes.counts, expected.votes.counts)
        assert index.shards is not None
        assert {row.split for _line, row in index.shards.outcomes()} == {split}
        assert {name: len(found) for name, found in split_indices(index).items()} == {
            name: count * (name == split) for name in ("train", "val", "test")
        }


def test_a_split_that_a_large_set_does_not_have_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = write_prepared_faces(tmp_path / "files", train=2, val=1)
    convert(files, "shards", tmp_path / "shards")
    monkeypatch.setattr(open_index, "STREAMED_FACES", 0)
    with pytest.raises(DataError, match="has no face in the split test; it has train, val"):
        open_split(tmp_path / "shards", "test")


def test_check_refuses_shards_in_one_line(forms: tuple[Path, Path]) -> None:
    result = CliRunner().invoke(app, ["check", "--data", str(forms[1])])
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1


def test_the_outcome_of_every_image_is_kept_in_its_order(forms: tuple[Path, Path]) -> None:
    files, shards = forms
    index = read_index(shards)
    assert index.shards is not None
    rows = [row for _line, row in sorted(index.shards.outcomes(), key=lambda pair: pair[0])]
    assert rows == list(read_faces(files / "index" / "faces.csv"))


def test_a_folder_that_holds_a_data_set_is_not_written_to(forms: tuple[Path, Path]) -> None:
    files, shards = forms
    result = CliRunner().invoke(app, ["convert", str(files), "--to", "shards", "--out", str(shards)])
    assert result.exit_code == 2
    assert "choose another --out" in result.stderr


def test_a_folder_with_both_forms_is_refused(forms: tuple[Path, Path], tmp_path: Path) -> None:
    root = damaged(forms[1], tmp_path / "copy")
    (root / "index" / "data_label.txt").write_bytes((forms[0] / "index" / "data_label.txt").read_bytes())
    with pytest.raises(DataError, match="out of date"):
        read_index(root)


def damaged(shards: Path, out: Path) -> Path:
    import shutil

    shutil.copytree(shards, out)
    return out


def test_a_truncated_table_is_named_in_one_line(forms: tuple[Path, Path], tmp_path: Path) -> None:
    root = damaged(forms[1], tmp_path / "copy")
    path = root / "index" / "faces-00001.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"faces-00001\.parquet") as raised:
        read_index(root)
    assert "\n" not in str(raised.value)


def test_a_table_that_is_not_the_one_counted_is_refused(forms: tuple[Path, Path], tmp_path: Path) -> None:
    root = damaged(forms[1], tmp_path / "copy")
    (root / "index" / "faces-00000.parquet").write_bytes((root / "index" / "faces-00001.parquet").read_bytes())
    with pytest.raises(DataError, match=r"shards\.json"):
        read_index(root)


@pytest.mark.parametrize(
    ("key", "value"), [("class_names", ["one"]), ("version", 2), ("shards", []), ("vote_columns", "all")]
)
def test_a_manifest_out_of_bounds_is_refused(forms: tuple[Path, Path], tmp_path: Path, key: str, value: object) -> None:
    root = damaged(forms[1], tmp_path / "copy")
    path = root / "index" / "shards.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(DataError, match=r"shards\.json"):
        read_manifest(root)


def test_only_the_member_that_the_table_names_is_read(forms: tuple[Path, Path], tmp_path: Path) -> None:
    root = damaged(forms[1], tmp_path / "copy")
    tar = root / "dataset" / "faces-00000.tar"
    name = read_index(root).names[0].encode()
    tar.write_bytes(tar.read_bytes().replace(name, b"payload.pth".ljust(len(name), b"\0"), 1))
    faces = FaceDataset(read_index(root), np.arange(10), 64)
    with pytest.raises(ImageError, match="something else at its place"):
        faces.decode(0)
    faces.decode(1)


def test_a_truncated_tar_costs_only_its_last_images(forms: tuple[Path, Path], tmp_path: Path) -> None:
    root = damaged(forms[1], tmp_path / "copy")
    tar = root / "dataset" / "faces-00000.tar"
    tar.write_bytes(tar.read_bytes()[: tar.stat().st_size // 2])
    batch = FaceBatches(FaceDataset(read_index(root), np.arange(10), 64))
    loaded = batch[[SampleKey(0, i, i) for i in range(10)]]
    assert 0 < len(loaded.unreadable) < 10
    assert len(loaded.labels) == 10 - len(loaded.unreadable)


def test_people_of_a_set_of_0_1_stay_known_in_shards(tmp_path: Path) -> None:
    files = write_prepared_faces(tmp_path / "files", train=1)
    index = read_index(files)
    rows = [
        FaceRow(name, f"raw/{name}", "train", index.class_names[label], "detected", subject=f"S{label}")
        for name, label in zip(index.names, index.labels.tolist(), strict=True)
    ]
    write_faces(files / "index" / "faces.csv", rows)
    meta = {"class_names": list(index.class_names), "splits": ["train"], "layout": "ckplus"}  # 0.1.0 counted no people
    (files / "index" / "meta.json").write_text(json.dumps(meta))
    convert(files, "shards", tmp_path / "shards")
    assert read_index(tmp_path / "shards").subjects == [f"S{label}" for label in index.labels.tolist()]


def test_a_description_of_one_s_own_is_not_replaced_by_a_conversion(forms: tuple[Path, Path], tmp_path: Path) -> None:
    mine = tmp_path / "croissant.json"
    mine.write_text("my notes")
    result = CliRunner().invoke(app, ["convert", str(forms[0]), "--to", "shards", "--out", str(tmp_path)])
    assert result.exit_code == 2
    assert mine.read_text() == "my notes"


@pytest.mark.parametrize("to", ["shards", "files"])
def test_what_a_killed_conversion_of_a_set_with_votes_left_is_not_taken_for_another_set_s(
    forms: tuple[Path, Path], tmp_path: Path, to: str
) -> None:
    plain, out = write_prepared_faces(tmp_path / "plain", train=1), tmp_path / "out"
    if to == "files":
        convert(plain, "shards", tmp_path / "shards")
        plain = tmp_path / "shards"
    (out / "index").mkdir(parents=True)
    pair = CopyPair(("train_a.jpg", "train_b.jpg"), ("train", "train"), ("", ""), 1.0, True)
    write_pairs(out / "index" / "duplicates.csv", [pair])
    shutil.copy(forms[0] / "index" / "label_votes.csv", out / "index")
    convert(plain, to, out)
    assert read_index(out).votes is None
    assert not (out / "index" / "duplicates.csv").exists()
