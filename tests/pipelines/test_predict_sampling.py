"""`ampnet predict` takes frames of a video by time, and says beside the table how."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from ampnet import Predictor
from ampnet.errors import ConfigError
from ampnet.settings import PredictConfig
from cli import app
from tests.clips import PORTRAIT, write_timed
from tests.small_checkpoint import small_checkpoint

pytestmark = pytest.mark.slow

# 20 frames a second for a second, then 8 a second in dim light.
TIMES = [number / 20 for number in range(20)] + [1 + number / 8 for number in range(8)]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    with Image.open(PORTRAIT) as portrait:
        face = np.asarray(portrait.convert("RGB").resize((160, 160)))
    return write_timed(tmp_path_factory.mktemp("clips") / "clip.mp4", TIMES, [face] * len(TIMES))


def predict(clip, folder, *options):
    model = small_checkpoint(folder / "run", logits=[0.0, 0.0, 0.0, 4.0, 0.0, 0.0, 1.0])
    command = ["predict", clip, "--checkpoint", model, "--gpus", "0", "-q", "--csv", folder / "faces.csv", *options]
    done = CliRunner().invoke(app, [str(word) for word in command])
    assert done.exit_code == 0, done.output
    return folder / "faces.csv"


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        # Ticks at 0, 1/6, 2/6 ...; the nearest frames, each of them once.
        ([], [0, 0.15, 0.35, 0.5, 0.65, 0.85, 1, 1.125, 1.375, 1.5, 1.625, 1.875]),
        (["--rate", "2"], [0, 0.5, 1, 1.5]),
        (["--rate", "2", "--from", "0.5", "--to", "1.5"], [0.5, 1]),
        (["--every", "9"], [0, 0.45, 0.9, 1.875]),
    ],
)
def test_frames_are_taken_by_time_or_by_number(clip, tmp_path, options, seconds):
    table = pd.read_csv(predict(clip, tmp_path, *options))
    assert table["seconds"].tolist() == pytest.approx(seconds, abs=0.001)
    assert [TIMES[frame] for frame in table["frame"]] == pytest.approx(seconds, abs=0.001)


@pytest.mark.parametrize("options", [{}, {"rate": 2.0}, {"every": 9}])
def test_python_takes_the_frames_that_the_command_takes(clip, tmp_path, options):
    words = [text for name, value in options.items() for text in (f"--{name}", value)]
    table = pd.read_csv(predict(clip, tmp_path, *words))
    found = Predictor(tmp_path / "run").predict(clip, **options)
    assert [one.frame for one in found] == table["frame"].tolist()
    assert [one.seconds for one in found] == pytest.approx(table["seconds"].tolist(), abs=0.001)


def test_the_settings_of_the_run_stand_beside_its_table(clip, tmp_path):
    predict(clip, tmp_path, "--from", "0.5", "--track", "--smooth", "0.2")
    about = json.loads((tmp_path / "faces.csv.json").read_text())
    assert {name: about[name] for name in ("rate", "first", "smooth")} == {"rate": 6.0, "first": 0.5, "smooth": 0.2}
    assert about["model"] == "run"
    assert len(about["sha256"]) == 64
    assert "every" not in about


def test_options_on_which_answers_depend_stand_beside_the_table_and_in_the_methods(clip, tmp_path):
    words = ["--face", "largest", "--prior", "training", "--score-threshold", "0.6", "--mirror", "--batch-size", "4"]
    path = predict(clip, tmp_path, *words)
    options = {"--face": "largest", "--score-threshold": "0.6", "--prior": "training"}
    assert json.loads((tmp_path / "faces.csv.json").read_text())["options"] == options
    done = CliRunner().invoke(app, ["summarize", str(path), "--out", str(tmp_path / "tables")])
    assert done.exit_code == 0, done.output
    said = "and the options --mirror, --face largest, --score-threshold 0.6, --prior training."
    assert said in (tmp_path / "tables" / "methods.txt").read_text()


def test_a_table_of_photos_has_its_own_settings_in_place_of_those_of_a_video(clip, tmp_path):
    predict(clip, tmp_path, "--from", "0.5")
    about = tmp_path / "faces.csv.json"
    assert json.loads(about.read_text())["rate"] == 6.0
    Image.new("RGB", (48, 48)).save(photo := tmp_path / "wall.png")
    predict(photo, tmp_path, "--prior", "training", "--force")
    now = json.loads(about.read_text())
    assert not now.keys() & {"rate", "every", "last"}
    assert (now["first"], now["options"]) == (0.0, {"--prior": "training"})


def test_a_decimal_comma_is_what_spreadsheets_of_many_languages_open(clip, tmp_path):
    plain = pd.read_csv(predict(clip, tmp_path / "point"))
    path = predict(clip, tmp_path / "comma", "--decimal", ",")
    assert path.read_bytes().startswith(b"\xef\xbb\xbfimage;video;frame;")
    pd.testing.assert_frame_equal(pd.read_csv(path, sep=";", decimal=",", encoding="utf-8-sig"), plain)
    done = CliRunner().invoke(app, ["summarize", str(path), "--out", str(tmp_path / "tables")])
    assert done.exit_code == 0, done.output
    assert "videos: 1, people: 1" in done.output


def test_a_video_without_a_frame_in_the_range_is_said_and_is_a_failure_where_nothing_else_was_measured(clip, tmp_path):
    model = small_checkpoint(tmp_path / "run")
    words = [str(word) for word in ["--from", "100", "--checkpoint", model, "--gpus", "0"]]
    alone = CliRunner().invoke(app, ["predict", str(clip), *words])
    assert alone.exit_code == 1
    said = f"{clip}: there is no frame between --from and --to; it lasts "
    assert alone.stderr.splitlines()[-1].startswith(f"ampnet: {said}")
    assert "inf" not in alone.stderr
    beside = CliRunner().invoke(app, ["predict", str(clip), str(PORTRAIT), *words])
    assert beside.exit_code == 0
    assert said in beside.stderr
    estimated = CliRunner().invoke(app, ["predict", str(clip), *words, "--estimate"])
    assert estimated.exit_code == 1
    assert estimated.stderr.endswith("no photo can be read, and no frame between --from and --to\n")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"every": 2, "rate": 3.0}, "--every and --rate both choose the frames; use only one"),
        ({"first": 3.0, "last": 2.0}, "--to must be later than --from"),
        ({"csv": Path("faces.xlsx")}, r"would be no \.xlsx file; use the extension \.csv"),
        ({"csv": Path("faces.parquet")}, r"would be no \.parquet file; use the extension \.csv"),
    ],
)
def test_what_does_not_go_together_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        PredictConfig(images=(Path("clip.mp4"),), **options)
