"""A prepare that is killed gives the files of an undisturbed one."""

import json
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from ampnet.dataset.open_index import read_index
from ampnet.errors import DataError, UsageError
from ampnet.settings import PrepareConfig
from pipelines.prepare import run
from tests.prepared_faces import files_of
from tests.processes import Command

pytestmark = pytest.mark.slow

SAMPLES = Path(__file__).parents[1] / "samples" / "faces"
IMAGES = 96
"""Two chunks of 64, the last one not full."""


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Links to sample faces under many names, and some files that show no face."""
    root = tmp_path_factory.mktemp("raw") / "faces"
    faces = sorted(SAMPLES.rglob("*.jpg"))[::7]
    for number in range(IMAGES):
        face = faces[number % len(faces)]
        folder = root / ("test" if number % 5 == 0 else "train") / face.parent.name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"face {number}.jpg").symlink_to(face)
    for number in range(3):
        (folder / f"broken {number}.jpg").write_text("no picture")
    return root


@pytest.fixture(scope="module")
def undisturbed(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("undisturbed")
    run(PrepareConfig(raw_dir=raw, out=out, crop="face", no_face="template", gpus=0), quiet=True)
    return files_of(out)


ARGUMENTS = ["--crop", "face", "--no-face", "template", "--gpus", "0"]


def test_a_killed_run_resumes_and_gives_the_same_files(
    raw: Path, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    process = Command("prepare", raw, "--out", tmp_path, *ARGUMENTS)
    record = tmp_path / "index" / ".prepare" / "journal.jsonl"
    while process.poll() is None and (not record.is_file() or record.read_bytes().count(b"\n") < 2):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    done = record.read_bytes().count(b"\n") - 1  # the plan
    assert 1 <= done <= 2  # on a busy machine the kill may come after the last chunk
    first = json.loads(record.read_bytes().splitlines()[1])["faces"][0]["row"]["name"]
    touched = (tmp_path / "dataset" / first).stat().st_mtime_ns
    # The kill may cut a line short, and may leave a half-written image behind.
    left = [name for name in undisturbed if Path(name).match("dataset/*") and Path(name).name not in record.read_text()]
    with record.open("ab") as file:
        file.write(b'{"chunk":1,"faces":[{"item":64,"row"')
    for name in left[:1]:
        (tmp_path / name).write_bytes(b"half")

    with pytest.raises(UsageError, match="unfinished run; resume it with --resume"):
        run(PrepareConfig(raw_dir=raw, out=tmp_path, gpus=0), quiet=True)
    run(PrepareConfig(raw_dir=raw, out=tmp_path, crop="face", no_face="template", gpus=0, resume=True), quiet=True)
    assert (tmp_path / "dataset" / first).stat().st_mtime_ns == touched  # finished work is not done again
    assert files_of(tmp_path) == undisturbed


def test_an_impatient_ctrl_c_ends_with_one_line(raw: Path, tmp_path: Path) -> None:
    process = Command("prepare", raw, "--out", tmp_path, *ARGUMENTS)
    record = tmp_path / "index" / ".prepare" / "journal.jsonl"
    while process.poll() is None and not record.is_file():
        time.sleep(0.01)
    for _ in range(3):
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)
    stderr = process.communicate()[1]
    assert process.returncode == 130
    assert stderr.splitlines()[-1] == "ampnet: interrupted; to resume, run the same command with --resume"
    assert "Traceback" not in stderr


def test_resume_refuses_other_settings_and_other_images(raw: Path, tmp_path: Path) -> None:
    mine, out = tmp_path / "raw", tmp_path / "out"
    for face in sorted(raw.rglob("face *.jpg"))[:20]:
        (mine / face.relative_to(raw)).parent.mkdir(parents=True, exist_ok=True)
        (mine / face.relative_to(raw)).symlink_to(face)
    config = PrepareConfig(raw_dir=mine, out=out, crop="face", gpus=0)
    run(config, quiet=True)
    # As if the run had been killed right after its last chunk: the plan, and no finished index.
    plan = json.loads((out / "index" / "meta.json").read_text())
    shutil.rmtree(out)
    (out / "index" / ".prepare").mkdir(parents=True)
    (out / "index" / ".prepare" / "journal.jsonl").write_text(json.dumps(plan) + "\n")

    with pytest.raises(DataError, match=r"changed: face\)"):
        run(replace(config, face="best", resume=True), quiet=True)
    with pytest.raises(DataError, match=r"changed: crop, no_face\)"):
        run(replace(config, crop="none", resume=True), quiet=True)
    next(mine.rglob("face *.jpg")).unlink()
    with pytest.raises(DataError, match=r"changed: images, listing_sha256\)"):
        run(replace(config, resume=True), quiet=True)
    run(replace(config, force=True), quiet=True)
    assert len(read_index(out)) == 19
