"""The script for a few minutes on a GPU does all of it on a CPU, too, and its packed faces are the faces."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.packed_faces import pack, unpack
from tests.pictures import read_bgr

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "tests" / "samples" / "faces"
VOTES = "path,anger,fear,happiness,neutral,sadness,surprise,disgust\n"


def write_small_grey_faces(raw, train=3, val=2):
    """Write faces of 48 px in FER-2013's folders; returns the file of their votes."""
    lines = []
    for folder, split, count in (("Training", "train", train), ("PublicTest", "test", val), ("PrivateTest", "test", 1)):
        for of_class in sorted((SAMPLES / split).iterdir()):
            for file in sorted(of_class.iterdir())[:count]:
                path = raw / folder / of_class.name / f"{file.stem}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                grey = cv2.cvtColor(read_bgr(file), cv2.COLOR_BGR2GRAY)
                cv2.imwrite(str(path), cv2.resize(grey, (48, 48), interpolation=cv2.INTER_AREA))
                if folder != "PrivateTest":
                    votes = ["8" if name == of_class.name else "1" for name in VOTES.strip().split(",")[1:]]
                    lines.append(f"{path.relative_to(raw).as_posix()},{','.join(votes)}\n")
    votes = raw.parent / "given.csv"
    votes.write_text(VOTES + "".join(lines))
    return votes


def pixels(folder):
    files = sorted(folder.rglob("*.png"))
    return {file.relative_to(folder): cv2.imread(str(file), cv2.IMREAD_UNCHANGED) for file in files}


def test_faces_are_unpacked_pixel_for_pixel_without_the_test_split(tmp_path):
    votes = write_small_grey_faces(tmp_path / "raw")
    assert pack(tmp_path / "raw", votes, tmp_path / "faces.zip", 10**6) == (35, 35)
    kept = unpack(tmp_path / "faces.zip", tmp_path / "again" / "raw")
    assert kept.read_text() == votes.read_text()
    before, after = pixels(tmp_path / "raw"), pixels(tmp_path / "again" / "raw")
    assert after.keys() == {name for name in before if name.parts[0] != "PrivateTest"}
    assert all(np.array_equal(before[name], image) for name, image in after.items())


def test_fewer_training_faces_are_packed_where_all_would_be_too_many(tmp_path):
    write_small_grey_faces(tmp_path / "raw")
    pack(tmp_path / "raw", None, tmp_path / "faces.zip", 10**6)
    fewer = int(0.8 * (tmp_path / "faces.zip").stat().st_size)
    packed, there = pack(tmp_path / "raw", None, tmp_path / "faces.zip", fewer)
    assert 14 < packed < there == 35
    assert (tmp_path / "faces.zip").stat().st_size < fewer + 1000  # the names
    unpack(tmp_path / "faces.zip", tmp_path / "again" / "raw")
    assert sum(name.parts[0] == "PublicTest" for name in pixels(tmp_path / "again" / "raw")) == 14


@pytest.mark.slow
@pytest.mark.soak
def test_everything_for_the_gpu_runs_on_a_cpu_with_a_tiny_budget(tmp_path):
    votes = write_small_grey_faces(tmp_path / "raw", train=2, val=1)
    pack(tmp_path / "raw", votes, tmp_path / "faces.zip", 10**6)
    options = ["faces.zip", "--device", "cpu", "--minutes", "2", "--batches", "2", "--out", "results"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-m", "benchmarks.gpu", *options], capture_output=True, text=True,
                          cwd=tmp_path, env=environment, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    files = sorted((tmp_path / "results").iterdir())
    assert {"results.md", "small.csv", "small.safetensors"} < {file.name for file in files}
    assert len(files) == 4  # and the teacher's history, which has one epoch or more
    assert all(file.stat().st_size < 16 << 20 for file in files)
    results = (tmp_path / "results" / "results.md").read_text()
    for said in ("| train, resumed ", "| predict ", "| baseline ", "| ampnet-small | infer | bf16 ", "small: best of "):
        assert said in results
