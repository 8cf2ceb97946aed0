"""`prepare --force` into a folder of someone else's harms no file but its own images."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from ampnet.dataset.index.faces_table import COLUMNS, FaceRow, write_faces
from ampnet.dataset.open_index import read_index
from ampnet.dataset.preparation.write_index import FinishedFaces
from ampnet.errors import DataError, UsageError
from ampnet.files.lock import LOCK_FILE
from ampnet.settings import PrepareConfig
from cli import app
from pipelines.prepare import run

FACES = Path(__file__).parents[1] / "samples" / "faces" / "train"
OURS = ("train_old.jpg", "train_older.jpg")


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("raw") / "faces"
    for expression in ("happiness", "fear"):
        (root / expression).mkdir(parents=True)
        with Image.open(sorted((FACES / expression).glob("*.jpg"))[0]) as face:
            face.save(root / expression / f"{expression}.jpg")
    return root


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The remains of an earlier prepare, in a folder with files of other kinds around it."""
    root = tmp_path / "out"
    (root / "index").mkdir(parents=True)
    (root / "dataset").mkdir()
    rows = [FaceRow(name, "a.jpg", "train", "fear", "detected") for name in OURS]
    write_faces(root / "index" / "faces.csv", [*rows, FaceRow("", "b.jpg", "train", "fear", "rejected")])
    (root / "index" / "meta.json").write_text("{}")
    for name in ("duplicates.csv", "duplicates.png", "preview.png"):
        (root / "index" / name).write_text("of the earlier set")
    for name in (*OURS, "unlisted.jpg", "notes.txt"):
        (root / "dataset" / name).write_text("content")
    for canary in (tmp_path / "canary.jpg", root / "canary.jpg", tmp_path / "home" / "canary.jpg"):
        canary.parent.mkdir(exist_ok=True)
        canary.write_text("mine")
    return root


def name_in_table(out: Path, name: str) -> None:
    """Put an untrusted name into faces.csv."""
    row = (name, "a.jpg", "train", "fear", "detected", "", "", "", "1", "48", "48", "", "", "", "")
    with (out / "index" / "faces.csv").open("a", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerow(row)


def files_below(root: Path) -> dict[str, str]:
    """Every file, link and folder, with what it holds."""
    return {
        path.relative_to(root).as_posix(): f"-> {path.readlink()}" if path.is_symlink() else path.read_text()
        for path in sorted(root.rglob("*"))
        if path.name != LOCK_FILE and (path.is_symlink() or path.is_file())
    }


def prepare(raw: Path, out: Path) -> None:
    run(PrepareConfig(raw_dir=raw, out=out, crop="none", gpus=0, force=True, check=False), quiet=True)


def test_the_images_of_the_earlier_index_go_and_all_other_files_stay(raw: Path, out: Path) -> None:
    prepare(raw, out)
    left = {path.name for path in (out / "dataset").iterdir()}
    assert left == {"unlisted.jpg", "notes.txt", "happiness.jpg", "fear.jpg"}
    assert (out / "canary.jpg").read_text() == "mine"


def test_lists_of_the_earlier_sets_duplicates_do_not_outlive_it(raw: Path, out: Path) -> None:
    prepare(raw, out)  # which looks for none itself, and eval would take them for copies of these images
    assert not {"duplicates.csv", "duplicates.png"}.intersection(path.name for path in (out / "index").iterdir())
    assert (out / "index" / "preview.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("place", ["dataset", "index/pictures"])
def test_raw_images_where_prepare_writes_are_refused_and_stay(raw: Path, tmp_path: Path, place: str) -> None:
    out = tmp_path / "mine"
    shutil.copytree(raw, out / place)
    rows = "".join(f"{place}/{name}/{name}.jpg,{name}\n" for name in ("happiness", "fear"))
    (out / "list.csv").write_text(f"path,label\n{rows}")
    before = {path: path.read_bytes() for path in out.rglob("*.jpg")}
    for given in (out / place, out / "list.csv"):
        with pytest.raises(UsageError, match="which holds raw images"):
            prepare(given, out)
    assert {path: path.read_bytes() for path in out.rglob("*.jpg")} == before


Change = Callable[[Path], object]


def named(name: str) -> Change:
    return lambda out: name_in_table(out, name)


def linked(name: str) -> Change:
    """Move a folder of the output elsewhere, and leave a link."""

    def change(out: Path) -> None:
        (out / name).rename(out.parent / "elsewhere")
        (out / name).symlink_to(out.parent / "elsewhere")

    return change


def link_to_the_canary(name: str) -> Change:
    return lambda out: (out / name).symlink_to(out.parent / "canary.jpg")


def link_image(out: Path) -> None:
    link_to_the_canary("dataset/link.jpg")(out)
    name_in_table(out, "link.jpg")


def folder_called_as_an_image(out: Path) -> None:
    (out / "dataset" / "folder.jpg").mkdir()
    name_in_table(out, "folder.jpg")


def table_of(content: str) -> Change:
    return lambda out: (out / "index" / "faces.csv").write_text(content)


@pytest.mark.parametrize(
    ("change", "named_so"),
    [
        (named("../../canary.jpg"), r"'\.\./\.\./canary\.jpg'"),
        (named("../canary.jpg"), r"'\.\./canary\.jpg'"),
        (named("/etc/canary.jpg"), "'/etc/canary.jpg'"),
        (named("./unlisted.jpg"), r"'\./unlisted\.jpg'"),
        (named(".."), r"'\.\.'"),
        (named("notes.txt"), r"'notes\.txt'"),
        (named("\x1b[2J/x.jpg"), r"'\\x1b\[2J/x\.jpg'"),
        (named("x" * 100_000), r"'x+\.\.\.x+'"),
        (link_image, r"dataset/link\.jpg is a link"),
        (folder_called_as_an_image, r"dataset/folder\.jpg is a link, or no file"),
        (linked("dataset"), "out/dataset is a link to .*elsewhere"),
        (linked("index"), "out/index is a link to .*elsewhere"),
        (link_to_the_canary("index/.prepare"), r"\.prepare is a link to .*canary"),
        (link_to_the_canary("index/err.csv"), r"index/err\.csv is a link"),
        (table_of("[" * 200_000), "field larger than field limit"),
        (table_of("a,b\n1,2\n"), "lacks the column name"),
        (table_of(f"{','.join(COLUMNS)}\na.jpg\n"), "expected 15 cells, got 1"),
    ],
)
def test_what_prepare_never_wrote_is_refused_by_name_before_anything_is_deleted(
    raw: Path, out: Path, change: Change, named_so: str
) -> None:
    change(out)
    before = files_below(out.parent)
    with pytest.raises(DataError, match=named_so) as refused:
        prepare(raw, out)
    assert str(refused.value).isprintable()
    assert "noth" in str(refused.value)  # nothing was deleted, or changed
    assert files_below(out.parent) == before


def test_the_command_says_so_in_one_line(raw: Path, out: Path) -> None:
    name_in_table(out, "../../canary.jpg")
    result = CliRunner().invoke(app, ["prepare", str(raw), "--out", str(out), "--force", "--gpus", "0", "--quiet"])
    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"ampnet: {out / 'index' / 'faces.csv'}, line 5: the name '../../canary.jpg' is not")
    assert line.endswith("nothing was deleted; choose another --out, or delete the old index and images yourself")
    assert (out.parent / "canary.jpg").read_text() == "mine"


@pytest.mark.parametrize("name", ["happiness.jpg", "fear.jpg"])
def test_a_link_in_the_place_of_a_new_image_is_replaced_and_not_followed(raw: Path, out: Path, name: str) -> None:
    link_to_the_canary(f"dataset/{name}")(out)
    prepare(raw, out)
    assert (out.parent / "canary.jpg").read_text() == "mine"
    assert not (out / "dataset" / name).is_symlink()


def test_a_set_whose_classes_could_not_be_written_is_not_read_under_the_names_of_others(
    raw: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object) -> None:
        raise DataError("cannot write meta.json: No space left on device")

    monkeypatch.setattr(FinishedFaces, "write_meta", full)
    with pytest.raises(DataError, match="No space left"):
        prepare(raw, out)
    with pytest.raises(DataError, match=r"holds no index/data_label\.txt"):
        read_index(out)


@pytest.mark.parametrize("force", [False, True])
def test_a_description_of_one_s_own_is_not_replaced(raw: Path, tmp_path: Path, force: bool) -> None:
    mine = tmp_path / "croissant.json"
    mine.write_text('{"description": "my photos"}')
    with pytest.raises(UsageError, match=r"croissant\.json is not by ampnet prepare; choose another --out, or rename"):
        run(PrepareConfig(raw_dir=raw, out=tmp_path, crop="none", gpus=0, force=force, check=False), quiet=True)
    assert mine.read_text() == '{"description": "my photos"}'
