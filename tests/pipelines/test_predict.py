"""`ampnet predict` on photos of all kinds, with the real detector."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from ampnet.checkpoints.model_files import model_path
from ampnet.errors import DataError, UsageError
from ampnet.reading.sources import plan
from ampnet.results.photo_result import PhotoResult
from ampnet.settings import PredictConfig
from ampnet.settings.labels import EXPRESSIONS
from cli import app
from pipelines.predict import run
from tests.clips import frames_of, write_clip, write_face_then_wall
from tests.small_checkpoint import small_checkpoint

pytestmark = pytest.mark.slow

SAMPLES = Path(__file__).parents[1] / "samples"
ALWAYS_HAPPY = [0.0, 0.0, 0.0, 4.0, 0.0, 0.0, 1.0]


@pytest.fixture
def happy(tmp_path):
    return small_checkpoint(tmp_path / "run", logits=ALWAYS_HAPPY)


@pytest.fixture
def photos(tmp_path):
    """A folder with a portrait, a wall, and a text that calls itself a picture; names as people give them."""
    folder = tmp_path / "my photos"
    (folder / "été").mkdir(parents=True)
    with Image.open(SAMPLES / "portrait.jpg") as portrait:
        portrait.resize((256, 256)).save(folder / "été" / "it's me.png")
    Image.new("RGB", (150, 100), "grey").save(folder / "wall.bmp")
    (folder / "notes.jpg").write_text("milk, eggs")
    return folder


class Found:
    """Every result of a run, and its problems."""

    def __init__(self, checkpoint, *images, **options):
        self.images = []
        config = PredictConfig(images=images, checkpoint=checkpoint, gpus=0, **options)
        self.problems = run(config, quiet=True, sinks=[self]).problems

    def add(self, result):
        self.images.append(result)


predict = Found


def test_a_broken_file_is_listed_and_the_rest_is_done(happy, photos):
    result = predict(happy, photos)
    by_name = {Path(photo.name).name: photo for photo in result.images}
    assert [face.label for face in by_name["it's me.png"].faces] == ["happiness"]
    assert by_name["wall.bmp"].faces == []
    assert by_name["wall.bmp"].problem is None
    assert "notes.jpg" in by_name["notes.jpg"].problem
    assert len(result.problems) == 1


def test_the_results_that_stay_to_be_listed_keep_no_pixels(happy, photos):
    result = run(PredictConfig(images=(photos,), checkpoint=happy, gpus=0), quiet=True)
    listed = [photo for photo in result.listed if isinstance(photo, PhotoResult)]
    assert [len(photo) for photo in listed] == [0, 0, 1]
    assert [photo.framed for photo in listed] == [None] * 3


def test_the_command_says_where_its_files_are(happy, photos, tmp_path):
    csv, drawn = tmp_path / "faces.csv", tmp_path / "drawn"
    outputs = ["--csv", str(csv), "--annotate", str(drawn), "--checkpoint", str(happy), "--gpus", "0"]
    result = CliRunner().invoke(app, ["predict", str(photos / "wall.bmp"), *outputs])
    assert f"written: {csv}, annotated copies in {drawn}" in result.stderr
    assert csv.exists()
    assert list(drawn.iterdir())


def test_a_missing_file_is_one_of_the_problems(happy, photos):
    result = predict(happy, photos / "nowhere.jpg", photos / "wall.bmp")
    assert [photo.problem is None for photo in result.images] == [False, True]


def test_the_table_has_a_row_for_each_face_and_each_photo_without_one(happy, photos, tmp_path):
    predict(happy, photos, csv=tmp_path / "faces.csv")
    table = pd.read_csv(tmp_path / "faces.csv").set_index("status")
    assert sorted(table.index) == ["no face", "ok", "unreadable"]
    face = table.loc["ok"]
    assert face["label"] == "happiness"
    assert face["probability"] == face["score_happiness"] == pytest.approx(np.exp(4) / (5 + np.e + np.exp(4)), abs=1e-5)
    assert sum(face[f"score_{name}"] for name in EXPRESSIONS) == pytest.approx(1, abs=1e-5)
    assert face["x0"] < face["left_eye_x"] < face["nose_x"] < face["right_eye_x"] < face["x1"]
    assert pd.isna(table.loc["no face"]["label"])


def test_annotated_pictures_keep_their_place_and_differ_where_faces_are(happy, photos, tmp_path):
    predict(happy, photos, annotate=tmp_path / "drawn")
    drawn = {path.relative_to(tmp_path / "drawn").as_posix() for path in (tmp_path / "drawn").rglob("*.*")}
    assert drawn == {"été/it's me.png", "wall.jpg"}
    with (
        Image.open(photos / "été" / "it's me.png") as before,
        Image.open(tmp_path / "drawn" / "été" / "it's me.png") as after,
    ):
        assert before.size == after.size
        assert (np.asarray(before.convert("RGB")) != np.asarray(after)).any()


def test_names_of_annotated_pictures_never_meet(tmp_path):
    folders = [tmp_path / name for name in "ab"]
    for folder in folders:
        folder.mkdir()
        for suffix in ("jpg", "bmp"):
            (folder / f"me.{suffix}").touch()
    names = [source.drawn.name for source in plan(folders, tmp_path / "out").sources]
    assert sorted(names) == ["me-2.jpg", "me-3.jpg", "me-4.jpg", "me.jpg"]


def test_nothing_is_replaced_unasked(happy, photos, tmp_path):
    (tmp_path / "faces.csv").write_text("mine")
    with pytest.raises(UsageError, match="--force"):
        predict(happy, photos, csv=tmp_path / "faces.csv")
    assert (tmp_path / "faces.csv").read_text() == "mine"
    predict(happy, photos, csv=tmp_path / "faces.csv", force=True)
    assert "happiness" in (tmp_path / "faces.csv").read_text()

    predict(happy, photos, annotate=tmp_path / "drawn")
    with pytest.raises(UsageError, match=r"wall\.jpg exists"):
        predict(happy, photos / "wall.bmp", annotate=tmp_path / "drawn")


@pytest.fixture
def clip(tmp_path):
    """Twelve frames at 10 a second: six of a face, then six of a wall."""
    return write_face_then_wall(tmp_path / "clip.mp4", frames=6, side=240)


def test_every_nth_frame_of_a_video_is_classified(happy, clip, tmp_path):
    result = predict(happy, clip, every=4, csv=tmp_path / "clip.csv")
    assert [image.frame for image in result.images] == [0, 4, 8]
    assert [image.seconds for image in result.images] == pytest.approx([0, 0.4, 0.8])
    assert [len(image.faces) for image in result.images] == [1, 1, 0]
    table = pd.read_csv(tmp_path / "clip.csv")
    assert table["frame"].tolist() == [0, 4, 8]
    assert table["status"].tolist() == ["ok", "ok", "no face"]


def test_an_annotated_video_has_all_frames_with_the_last_faces_drawn(happy, clip, tmp_path):
    predict(happy, clip, every=4, annotate=tmp_path / "drawn")
    drawn = frames_of(tmp_path / "drawn" / "clip.mp4")
    assert len(drawn) == 12
    changed = [
        np.abs(after.image.astype(int) - before.image)[: -before.image.shape[0] // 5].max()
        > 100  # above the model's name
        for after, before in zip(drawn, frames_of(clip), strict=True)
    ]
    assert changed == [True] * 8 + [False] * 4
    assert {path.name for path in (tmp_path / "drawn").iterdir()} == {"clip.mp4"}


def test_a_video_is_summed_up_in_one_row(happy, clip):
    shown = CliRunner().invoke(app, ["predict", str(clip), "--every", "4", "--checkpoint", str(happy), "-q"]).stdout
    assert "3 frames, 2 with" in shown
    assert "happiness" in shown


def test_a_broken_video_is_listed_and_the_rest_is_done(happy, clip, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    result = predict(happy, tmp_path / "broken.mp4", tmp_path / "none.avi", clip, annotate=tmp_path / "drawn")
    assert len(result.problems) == 2
    assert "broken.mp4" in result.problems[0]
    assert "No such file" in result.problems[1]
    assert (tmp_path / "drawn" / "clip.mp4").exists()


def test_a_video_that_ends_early_is_told_about_and_used_as_far_as_it_goes(happy, tmp_path):
    write_clip(tmp_path / "whole.avi")
    data = (tmp_path / "whole.avi").read_bytes()
    (tmp_path / "cut.avi").write_bytes(data[: len(data) // 2])
    assert predict(happy, tmp_path / "whole.avi").problems == []
    result = predict(happy, tmp_path / "cut.avi", every=1)
    assert 5 < len(result.images) < 30
    assert len(result.problems) == 1
    assert result.problems[0].endswith(f"cut.avi: it is cut short, after frame {len(result.images) - 1}")


def test_a_photo_is_never_drawn_over_even_when_forced(happy, tmp_path):
    shutil.copy(SAMPLES / "portrait.jpg", tmp_path / "me.jpg")
    before = (tmp_path / "me.jpg").read_bytes()
    with pytest.raises(UsageError, match="itself one of the inputs"):
        predict(happy, tmp_path / "me.jpg", annotate=tmp_path, force=True)
    assert (tmp_path / "me.jpg").read_bytes() == before


def test_without_a_checkpoint_the_newest_run_is_used_and_named(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small_checkpoint(tmp_path / "checkpoint" / "run1", logits=ALWAYS_HAPPY)
    small_checkpoint(
        tmp_path / "checkpoint" / "folds" / "seed1-fold2", logits=ALWAYS_HAPPY
    )  # later, but for its own data
    result = CliRunner().invoke(app, ["predict", str(photos / "wall.bmp"), "--gpus", "0", "--json"])
    assert result.exit_code == 0
    told = "model: checkpoint/run1/best.pt (newest run in checkpoint/; choose another with --checkpoint)"
    assert result.stderr.splitlines()[0] == told
    assert json.loads(result.stdout)["checkpoint"] == "checkpoint/run1/best.pt"


def test_without_a_checkpoint_and_a_run_the_bundled_model_is_used_and_named(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ["predict", str(photos / "été"), "--gpus", "0", "--json"]
    result = CliRunner().invoke(app, arguments)
    if model_path().is_file():
        assert result.exit_code == 0
        assert "bundled:ferplus" in result.stderr.splitlines()[0]
        assert json.loads(result.stdout)["checkpoint"] == str(model_path())
    else:
        assert result.exit_code == 2
        assert "without a trained model" in result.stderr


@pytest.mark.parametrize("option", ["csv", "annotate"])
def test_a_place_that_cannot_be_written_to_is_said_before_any_work(happy, tmp_path, option):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(DataError, match="cannot write"):
        predict(happy, tmp_path / "never read.jpg", **{option: tmp_path / "file" / "results" / "out"})


def test_a_folder_without_images_is_said(happy, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no images"):
        predict(happy, tmp_path / "empty")


def test_the_command_gives_json_only_and_exit_code_1_for_a_broken_file(happy, photos):
    arguments = ["predict", str(photos), "--checkpoint", str(happy), "--json", "--quiet", "--gpus", "0"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    plain = json.loads(result.stdout)
    assert plain["class_names"] == list(EXPRESSIONS)
    faces = {Path(image["image"]).name: image["faces"] for image in plain["images"]}
    (face,) = faces["it's me.png"]
    assert face["label"] == "happiness"
    assert len(face["landmarks"]) == 5
    problems = [image["problem"] for image in plain["images"] if image["problem"]]
    assert result.stderr.splitlines() == [f"ampnet: {problem}" for problem in problems]


def test_the_command_prints_a_table(happy, photos):
    picture = photos / "été" / "it's me.png"
    result = CliRunner().invoke(app, ["predict", str(picture), "--checkpoint", str(happy), "-q"])
    assert result.exit_code == 0
    assert "happiness" in result.stdout
    assert "neutral 4%" in result.stdout  # e / (5 + e + e^4) = 4.4%
    wall = CliRunner().invoke(app, ["predict", str(photos / "wall.bmp"), "--checkpoint", str(happy), "-q"])
    assert wall.exit_code == 0
    assert "no face found" in wall.stdout
