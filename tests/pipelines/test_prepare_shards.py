"""`prepare --form shards` writes what `prepare` and `convert` write one after the other."""

import io
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

pytest.importorskip("pyarrow")

from ampnet.dataset import prepared_shards as build
from ampnet.dataset.index.index_files import is_sharded
from ampnet.dataset.open_index import read_index
from ampnet.errors import DataError
from ampnet.settings import FACES_PER_SHARD, ConvertConfig, PrepareConfig
from cli import app
from pipelines.convert import run as convert
from pipelines.prepare import run as prepare
from tests.prepared_faces import files_of

pytestmark = pytest.mark.slow

SAMPLES = Path(__file__).parents[1] / "samples"
IMAGES = 80


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two chunks of 64: links to sample faces, a group, walls without a face, and files that are no images."""
    root = tmp_path_factory.mktemp("raw") / "faces"
    faces = sorted((SAMPLES / "faces").rglob("*.jpg"))[::11]
    for number in range(IMAGES):
        face = faces[number % len(faces)]
        folder = root / ("test" if number % 5 == 0 else "train") / face.parent.name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"face {number}.jpg").symlink_to(face)
    (folder / "group.jpg").symlink_to(SAMPLES / "group.jpg")
    for number in range(3):
        (folder / f"broken {number}.jpg").write_text("no picture")
        noise = np.random.default_rng(number).integers(90, 110, (60, 60, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"a wall {number}.png")
    return root


@pytest.fixture(scope="module")
def votes(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Odd numbers of votes for some of the images."""
    classes = sorted({folder.name for folder in raw.glob("train/*")})
    lines = [",".join(("name", *classes, "unknown"))]
    for number, path in enumerate(sorted(raw.rglob("*.*"))[::2]):
        counts = [str((number * place) % 5 / 3) for place in range(len(classes) + 1)]
        lines.append(",".join((path.relative_to(raw).as_posix(), *counts)))
    file = tmp_path_factory.mktemp("votes") / "votes.csv"
    file.write_text("\n".join(lines) + "\n")
    return file


def asked(raw: Path, votes: Path, out: Path) -> PrepareConfig:
    return PrepareConfig(
        raw_dir=raw, votes=votes, out=out, crop="face", face="all", no_face="template", gpus=0, check=False
    )


def in_shards(config: PrepareConfig) -> PrepareConfig:
    return replace(config, form="shards", faces_per_shard=20)


@pytest.fixture(scope="module")
def converted(raw: Path, votes: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What prepare and convert give."""
    root = tmp_path_factory.mktemp("converted")
    prepare(asked(raw, votes, root / "files"), quiet=True)
    convert(ConvertConfig(data=root / "files", to="shards", out=root / "shards", faces_per_shard=20), quiet=True)
    return files_of(root / "shards")


def test_the_shards_are_those_that_convert_makes_of_the_files(
    raw: Path, votes: Path, converted: dict[str, bytes], tmp_path: Path
) -> None:
    result = prepare(in_shards(asked(raw, votes, tmp_path)), quiet=True)
    assert files_of(tmp_path) == converted
    assert len([name for name in converted if name.endswith(".tar")]) >= 5
    outcomes = sum((Counter(row) for of_split in result.counts.table.values() for row in of_split.values()), Counter())
    assert outcomes["template"] == outcomes["rejected"] == 3
    assert result.counts.faces > IMAGES + 3  # the group has several
    assert not (tmp_path / "index" / ".prepare").exists()


@pytest.mark.filterwarnings("ignore")  # mlcroissant uses deprecated names and leaves files open
def test_croissant_json_describes_the_shards_so_that_its_loader_yields_each_face(
    raw: Path, votes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loader = pytest.importorskip("mlcroissant")
    extract = "mlcroissant._src.operation_graph.operations.extract.EXTRACT_PATH"  # as CROISSANT_CACHE before the import
    monkeypatch.setattr(extract, loader._src.core.constants.EXTRACT_PATH.__class__(tmp_path / "cache"))
    prepare(in_shards(asked(raw, votes, tmp_path / "set")), quiet=True)
    index = read_index(tmp_path / "set")
    records = loader.Dataset(jsonld=str(tmp_path / "set" / "croissant.json")).records("faces")
    found = {record["faces/name"].decode(): record for record in records}
    assert sorted(found) == sorted(index.names)
    classes = {name: index.class_names[label] for name, label in zip(index.names, index.labels, strict=True)}
    assert {name: record["faces/class"].decode() for name, record in found.items()} == classes
    for i in (0, len(index) - 1):  # of the first and the last shard
        image = found[index.names[i]]["faces/image"]
        assert np.array_equal(np.asarray(image), np.asarray(Image.open(io.BytesIO(index.image_bytes(i)))))


class KilledError(Exception):
    """As good as a kill for what is on the disk, since it passes through at any point."""


@pytest.fixture(scope="module")
def killed_once(raw: Path, votes: Path, tmp_path_factory: pytest.TempPathFactory) -> PrepareConfig:
    """A run that ended in its third shard, after the tar, before the table."""
    config = in_shards(asked(raw, votes, tmp_path_factory.mktemp("killed")))
    write_table, calls = vars(build)["write_shard"], iter(range(100))

    def write_or_die(root: Path, number: int, *rest: object) -> object:
        if next(calls) == 2:
            (root / "dataset" / f"faces-{number:05d}.tar").write_bytes(b"half")
            raise KilledError
        return write_table(root, number, *rest)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(build, "write_shard", write_or_die)
        with pytest.raises(KilledError):
            prepare(config, quiet=True)
    return config


@pytest.fixture
def killed(killed_once: PrepareConfig, tmp_path: Path) -> PrepareConfig:
    """A copy of that run."""
    return replace(killed_once, out=shutil.copytree(killed_once.out, tmp_path / "killed"))


def test_a_run_killed_between_two_shards_resumes_without_doing_any_image_again(
    killed: PrepareConfig, converted: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not is_sharded(killed.out)
    first = killed.out / "dataset" / "faces-00000.tar"
    touched = first.stat().st_mtime_ns
    prepare(replace(killed, resume=True), quiet=True)
    assert files_of(killed.out) == converted
    assert first.stat().st_mtime_ns == touched


def test_a_run_in_shards_is_not_resumed_in_files_or_in_shards_of_another_size(killed: PrepareConfig) -> None:
    with pytest.raises(DataError, match=r"changed: faces_per_shard, form\)"):
        prepare(replace(killed, form="files", faces_per_shard=FACES_PER_SHARD, resume=True), quiet=True)
    with pytest.raises(DataError, match=r"changed: faces_per_shard\)"):
        prepare(replace(killed, faces_per_shard=30, resume=True), quiet=True)


def test_a_pack_that_is_damaged_is_named_in_one_line(killed: PrepareConfig) -> None:
    pack = max(killed.out.rglob("*.pack"))
    pack.write_bytes(pack.read_bytes()[:-10])
    with pytest.raises(DataError, match=rf"{pack.name}.*--force") as raised:
        prepare(replace(killed, resume=True), quiet=True)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("form", ["files", "shards"])
def test_shards_are_replaced_only_by_force_and_then_wholly(
    killed: PrepareConfig, raw: Path, tmp_path: Path, form: str
) -> None:
    prepare(replace(killed, resume=True), quiet=True)
    few = tmp_path / "few"
    for expression in ("happiness", "fear"):
        (few / expression).mkdir(parents=True)
        shutil.copy(sorted((SAMPLES / "faces/train" / expression).glob("*.jpg"))[0], few / expression)
    arguments = ["prepare", str(few), "--out", str(killed.out), "--form", form, "--gpus", "0", "-q", "--no-check"]
    refused = CliRunner().invoke(app, arguments)
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
    assert "holds a data set in shards; replace it with --force, or choose another --out" in refused.stderr
    forced = CliRunner().invoke(app, [*arguments, "--force"])
    assert forced.exit_code == 0, forced.stderr
    assert (len(read_index(killed.out)), is_sharded(killed.out)) == (2, form == "shards")
    assert len(list((killed.out / "dataset").iterdir())) == (1 if form == "shards" else 2)


def test_convert_leaves_a_finished_or_unfinished_prepare_alone(
    killed: PrepareConfig, raw: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    done = tmp_path_factory.mktemp("done")
    shutil.copytree(killed.out, done / "killed")
    prepare(replace(killed, resume=True), quiet=True)
    convert(ConvertConfig(data=killed.out, to="files", out=done / "files"), quiet=True)
    for taken, data in ((done / "files", killed.out), (killed.out, done / "files"), (done / "killed", done / "files")):
        to = "shards" if data == done / "files" else "files"
        refused = CliRunner().invoke(app, ["convert", str(data), "--to", to, "--out", str(taken)])
        assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1), refused.stderr
        assert "choose another --out" in refused.stderr
