"""`ampnet predict --estimate` says how long a run takes, and progress counts the frames of all videos."""

import re
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ampnet.reading.reader import NOTHING, count_results, counted_ahead
from ampnet.reading.sources import Source
from ampnet.reading.video_clock import choose_sampling
from cli import app
from tests.clips import write_face_then_wall, write_timed
from tests.small_checkpoint import small_checkpoint

SAMPLES = Path(__file__).parents[1] / "samples"


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Sixty frames at 10 a second."""
    return write_face_then_wall(tmp_path_factory.mktemp("clips") / "a.mp4", frames=30, side=160)


def test_an_estimate_counts_everything_and_writes_nothing(clip, tmp_path):
    folder = tmp_path / "inputs"
    folder.mkdir()
    shutil.copy(SAMPLES / "portrait.jpg", folder)
    for name in ("a.mp4", "b.mp4"):
        shutil.copy(clip, folder / name)
    run = small_checkpoint(tmp_path / "run")
    words = ["predict", folder, "--videos", "--checkpoint", run, "--every", "5", "--gpus", "0", "--estimate"]
    words += ["--csv", tmp_path / "faces.csv"]
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    (line,) = done.stdout.splitlines()
    assert re.fullmatch(r"about \d+ s for 1 photo and 24 frames of 2 videos \(measured on \d+ of them\)", line)
    assert {path.name for path in tmp_path.iterdir()} == {"inputs", "run"}


def test_photos_in_an_archive_are_not_taken_for_one(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for number in range(3):
            archive.add(SAMPLES / "portrait.jpg", f"{number}.jpg")
    words = ["predict", tmp_path / "a.tar", "--estimate"]
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--estimate cannot count the photos in" in done.stderr


def test_nothing_is_estimated_of_what_cannot_be_read(tmp_path):
    words = [
        "predict",
        "nothing.jpg",
        "--checkpoint",
        str(small_checkpoint(tmp_path / "run")),
        "--gpus",
        "0",
        "--estimate",
    ]
    done = CliRunner().invoke(app, words)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "no photo can be read" in done.stderr


def test_a_video_with_absurd_times_is_expected_to_have_the_frames_that_it_has(tmp_path):
    clip = write_timed(tmp_path / "a.mkv", [0, 1, 100_000], [np.zeros((64, 64, 3), np.uint8)] * 3)
    assert count_results((Source(clip), NOTHING), choose_sampling()) == 3


def test_progress_is_told_about_the_frames_of_all_videos_before_they_are_read(clip):
    tasks = [(Source(clip), NOTHING), (Source(SAMPLES / "portrait.jpg"), NOTHING), (Source(clip), 29.0)]
    sampling = choose_sampling(5, None)
    assert [count_results(task, sampling) for task in tasks] == [12, 1, 6]
    told = []
    with counted_ahead(tasks, sampling, lambda count=1, note="", more=0: told.append(more)):
        while sum(told) < 11 + 5:
            pass
    assert told == [11, 5]
