"""`ampnet predict --track` numbers the faces of a video in all its outputs."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from ampnet.errors import ConfigError
from ampnet.settings import PredictConfig
from cli import app
from tests.clips import write_frames

pytest.importorskip("scipy")
SAMPLES = Path(__file__).parents[1] / "samples"


@pytest.fixture
def clip(tmp_path):
    """Twelve frames at 10 a second: a face that drifts to the right."""
    with Image.open(SAMPLES / "portrait.jpg") as portrait:
        face = np.asarray(portrait.convert("RGB").resize((160, 160)))
    pictures = [np.full((160, 240, 3), 90, np.uint8) for _ in range(12)]
    for number, picture in enumerate(pictures):
        picture[:, 4 * number : 4 * number + 160] = face
    return write_frames(tmp_path / "clip.mp4", pictures)


def test_rows_objects_and_pictures_name_the_track(clip, tmp_path):
    command = ["predict", clip, SAMPLES / "portrait.jpg", "--track", "--smooth", "0.5", "--every", "3", "-q"]
    command += ["--csv", tmp_path / "a.csv", "--jsonl", tmp_path / "a.jsonl", "--annotate", tmp_path / "drawn"]
    found = CliRunner().invoke(app, [str(part) for part in command] + ["--checkpoint", "bundled"])
    assert found.exit_code == 0, found.output
    table = pd.read_csv(tmp_path / "a.csv")
    assert table["frame"].tolist()[:4] == [0, 3, 6, 9]
    assert table["track"].tolist()[:4] == [1, 1, 1, 1]
    assert pd.isna(table["track"].tolist()[4])
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [line["faces"][0].get("track") for line in lines] == [1, 1, 1, 1, None]
    names = {path.name for path in (tmp_path / "drawn").iterdir()}
    assert names == {"clip.mp4", "clip.timeline.png", "portrait.jpg"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"smooth": 1.0}, "--smooth averages along tracks, so it needs --track"),
        ({"track": True, "smooth": 1.0, "explain": True}, "not the averages of --smooth"),
    ],
)
def test_combinations_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        PredictConfig(images=(SAMPLES,), **options)
