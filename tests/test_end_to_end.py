"""The main job: the four commands in a row, on a handful of faces."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.processes import ROOT, Command

pytestmark = pytest.mark.slow

SAMPLES = ROOT / "tests" / "samples"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder of raw photos, two classes, four training and two test faces of each."""
    root = tmp_path_factory.mktemp("place")
    for split, count in (("train", 4), ("test", 2)):
        for name in ("happiness", "anger"):
            (root / "raw" / split / name).mkdir(parents=True)
            for path in sorted((SAMPLES / "faces" / split / name).glob("*.jpg"))[:count]:
                shutil.copy(path, root / "raw" / split / name)
    return root


def ampnet(place, *words):
    """Run a command in a process of its own; returns its stdout."""
    process = Command(*words, cwd=place)
    stdout, stderr = process.communicate()
    assert process.returncode == 0, stderr
    return stdout


def test_prepare_train_eval_predict_follow_each_other_without_paths(place):
    ampnet(place, "prepare", "raw", "--gpus", "0")
    lines = (place / "index" / "data_label.txt").read_text().splitlines()
    assert len(lines) == 12
    assert {line.split()[1] for line in lines} == {"1", "2"}

    options = ["--image-size", "64", "--width", "0.125", "--epochs", "1", "--batch-size", "4", "--workers", "0"]
    trained = ampnet(place, "train", "--name", "first", "--variant", "ampnet-small", "--gpus", "0", *options)
    run = place / "checkpoint" / "first"
    assert (run / "best.pt").exists()
    assert (run / "last.pt").exists()
    assert (run / "curves.png").exists()
    assert len(pd.read_csv(run / "history.csv")) == 1
    assert "checkpoint/first" in trained

    report = json.loads(ampnet(place, "eval", "checkpoint/first", "--gpus", "0", "--json"))
    assert report["images"] == 4
    assert report["confusion"]["rows"] == ["happiness", "anger"]
    assert np.array(report["confusion"]["counts"])[:, :2].sum(axis=1).tolist() == [2, 2]
    assert (run / "eval" / "test" / "confusion.png").exists()

    arguments = ["--checkpoint", "checkpoint/first", "--gpus", "0", "--annotate", "drawn", "--json"]
    predicted = json.loads(ampnet(place, "predict", str(SAMPLES / "group.jpg"), *arguments))
    faces = predicted["images"][0]["faces"]
    assert len(faces) == 5
    assert {name for face in faces for name in face["scores"]} == {"happiness", "anger"}
    with Image.open(place / "drawn" / "group.jpg") as picture:
        assert picture.size == (1280, 720)
