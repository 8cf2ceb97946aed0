"""`ampnet predict --track --people --annotate` on videos loses nothing: not by Ctrl-C, a kill or a full disk."""

import errno
import os
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ampnet.files.journal import Lines
from ampnet.settings import PredictConfig
from pipelines.predict import run
from tests.clips import PORTRAIT, frames_of, write_frames
from tests.pipelines.test_predict_outputs import Stop
from tests.processes import Command
from tests.small_checkpoint import small_checkpoint

pytest.importorskip("scipy")
pytestmark = pytest.mark.slow

PATIENCE = 120
FRAMES = 12


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """A folder of three clips at 10 frames a second: a face that drifts to the right."""
    folder = tmp_path_factory.mktemp("clips")
    with Image.open(PORTRAIT) as portrait:
        face = np.asarray(portrait.convert("RGB").resize((160, 160)))
    pictures = [np.full((160, 256, 3), 90, np.uint8) for _ in range(FRAMES)]
    for number, picture in enumerate(pictures):
        picture[:, 4 * number : 4 * number + 160] = face
    first = write_frames(folder / "a.mp4", pictures)
    for name in "bc":
        shutil.copy(first, folder / f"{name}.mp4")
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return small_checkpoint(tmp_path_factory.mktemp("run"), logits=[0.0, 0.0, 0.0, 4.0, 0.0, 0.0, 1.0])


OUTPUTS = {"a.mp4", "a.timeline.png", "b.mp4", "b.timeline.png", "c.mp4", "c.timeline.png"}


def require_whole(out):
    """What an uninterrupted run leaves: a row and a drawn frame for each frame, one person, and nothing else."""
    assert {path.name for path in out.iterdir()} == {"faces.csv", "faces.csv.json", "drawn"}
    assert {path.name for path in (out / "drawn").iterdir()} == OUTPUTS
    table = pd.read_csv(out / "faces.csv")
    assert [Path(path).name for path in table["image"].unique()] == ["a.mp4", "b.mp4", "c.mp4"]
    for name, rows in table.groupby("image"):
        assert rows["frame"].tolist() == list(range(FRAMES))
        assert rows["track"].tolist() == rows["person"].tolist() == [1] * FRAMES
        assert len(list(frames_of(out / "drawn" / Path(str(name)).name))) == FRAMES


def test_ctrl_c_and_a_kill_are_resumed_by_the_command_that_the_message_names(clips, model, tmp_path):
    out = tmp_path / "out"
    words = ["predict", str(clips), "--videos", "--checkpoint", str(model), "--gpus", "0", "--every", "1", "--track"]
    words += ["--people", "1", "--csv", str(out / "faces.csv"), "--annotate", str(out / "drawn")]
    for number, wanted in ((signal.SIGINT, "a.mp4"), (signal.SIGKILL, "b.mp4"), (None, "c.mp4")):
        process = Command(*words)
        wait_for(out / "drawn" / wanted, process)
        if number is not None:
            process.send_signal(number)
        told = process.communicate(timeout=PATIENCE)[1].splitlines()
        if number == signal.SIGINT and process.returncode != 0:  # it may have been at its end
            assert process.returncode == 130
            assert told[-1] == "ampnet: interrupted; to resume, run the same command with --resume"
        if not (out / "faces.csv").exists() and "--resume" not in words:
            words.append("--resume")
    assert process.returncode == 0, told
    require_whole(out)


def wait_for(path, process):
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline and not path.exists():
        time.sleep(0.01)


@pytest.mark.parametrize("rows", [FRAMES + 5, pytest.param(5, marks=pytest.mark.soak)])
def test_a_disk_that_fills_up_is_resumed_to_the_whole(clips, model, tmp_path, monkeypatch, rows):
    out = tmp_path / "out"
    config = {"images": (clips,), "videos": True, "checkpoint": model, "gpus": 0, "every": 1, "track": True}
    config |= {"people": 1, "csv": out / "faces.csv", "annotate": out / "drawn"}
    append, left = Lines.append, [rows]

    def until_full(self, *lines):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        append(self, *lines)

    with monkeypatch.context() as full:
        full.setattr(Lines, "append", until_full)
        (problem,) = run(PredictConfig(**config), quiet=True).problems[:1]
    assert "No space left on device; free some space" in problem
    assert "continue with --resume" in problem
    assert not (out / "faces.csv").exists()
    resumed = run(PredictConfig(**config, resume=True), quiet=True)
    assert resumed.problems == []
    assert resumed.earlier == (FRAMES if rows > FRAMES else 0)  # of whole videos
    require_whole(out)


def test_copies_without_a_table_are_resumed_by_those_that_are_there(clips, model, tmp_path):
    config = PredictConfig(images=(clips,), videos=True, checkpoint=model, gpus=0, every=1, annotate=tmp_path / "drawn")
    assert run(config, quiet=True, sinks=[Stop(FRAMES + 3, KeyboardInterrupt())]).is_interrupted
    before = (tmp_path / "drawn" / "a.mp4").stat()
    resumed = PredictConfig(
        images=(clips,), videos=True, checkpoint=model, gpus=0, every=1, annotate=tmp_path / "drawn", resume=True
    )
    assert run(resumed, quiet=True).files == 2
    assert {path.name for path in (tmp_path / "drawn").iterdir()} == {"a.mp4", "b.mp4", "c.mp4"}
    assert (tmp_path / "drawn" / "a.mp4").stat().st_mtime_ns == before.st_mtime_ns
