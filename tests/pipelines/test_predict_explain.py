"""`ampnet predict --explain` says what each region of a face added to its answer, and the sum is the answer."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from ampnet import Predictor
from ampnet.checkpoints.checkpoint import Checkpoint, save_checkpoint
from ampnet.errors import ConfigError, UsageError
from ampnet.faces.framing import Framing
from ampnet.models.ampnet import AMPNet
from ampnet.models.regions import REGION_NAMES
from ampnet.reading import contents
from ampnet.reading.sources import plan
from ampnet.results.drawings import explained_places
from ampnet.settings import PredictConfig
from ampnet.settings.labels import EXPRESSIONS
from cli import app
from pipelines.predict import run
from tests.clips import write_clip

SAMPLES = Path(__file__).parents[1] / "samples"


def predict(*arguments):
    return CliRunner().invoke(app, ["predict", *map(str, arguments), "--checkpoint", "bundled", "-q"])


def summed(explanation):
    logits = np.sum([list(values.values()) for values in explanation["summands"].values()], axis=0)
    return np.exp(logits) / np.exp(logits).sum()


@pytest.mark.parametrize("mirror", [False, True])
def test_the_softmax_of_the_sum_is_the_answer(mirror):
    found = predict(SAMPLES / "portrait.jpg", "--explain", "--json", *(["--mirror"] if mirror else []))
    (face,) = json.loads(found.stdout)["images"][0]["faces"]
    why = face["explanation"]
    assert list(why["summands"])[:9] == list(REGION_NAMES)
    assert list(why["summands"])[9:11] == ["constant", "whole face"]
    np.testing.assert_allclose(summed(why), list(face["scores"].values()), atol=1e-4)
    of_label = {
        name: values[face["label"]] - np.mean(list(values.values())) for name, values in why["summands"].items()
    }
    assert why["added"] == pytest.approx(of_label, abs=1e-5)
    eye = np.array(face["landmarks"][0])
    corners = np.array(why["regions"]["left eye"])
    assert (corners.min(axis=0) < eye).all()
    assert (eye < corners.max(axis=0)).all()


def test_a_photo_is_decoded_once_for_its_answer_its_drawing_and_its_explanation(tmp_path, monkeypatch):
    decoded = []
    decode = vars(contents)["decode"]
    monkeypatch.setattr(contents, "decode", lambda data, **options: decoded.append(data) or decode(data, **options))
    photos = [shutil.copy(SAMPLES / f"{name}.jpg", tmp_path) for name in ("portrait", "group")]
    outputs = [
        "--explain",
        "--annotate",
        tmp_path / "drawn",
        "--csv",
        tmp_path / "a.csv",
        "--jsonl",
        tmp_path / "a.jsonl",
    ]
    assert predict(*photos, *outputs).exit_code == 0
    assert len(list((tmp_path / "drawn").iterdir())) == 4
    assert sorted(map(len, decoded)) == sorted(Path(photo).stat().st_size for photo in photos)


def test_pictures_lie_beside_the_annotated_copies_and_faceless_photos_have_none(tmp_path):
    shutil.copy(SAMPLES / "portrait.jpg", tmp_path / "me.jpg")
    Image.new("RGB", (80, 60)).save(tmp_path / "wall.png")
    command = [tmp_path / "me.jpg", tmp_path / "wall.png", "--explain", "--annotate", tmp_path / "drawn"]
    assert predict(*command).exit_code == 0
    assert {path.name for path in (tmp_path / "drawn").iterdir()} == {"me.jpg", "me.explained.png", "wall.png"}
    again = predict(*command)
    assert again.exit_code == 2
    assert "exists" in again.stderr


def test_names_of_pictures_never_meet(tmp_path):
    for name in ("a.jpg", "a.png", "a.explained.png", f"{'x' * 251}.jpg"):
        (tmp_path / name).touch()
    sources = plan([tmp_path], tmp_path / "out").sources
    places = explained_places(sources)
    names = [path.name for path in (*places, *places.values())]
    assert len(set(names)) == len(names) == 8
    assert max(map(len, names)) <= 255


def test_python_draws_and_saves_the_same(tmp_path):
    result = Predictor().predict(SAMPLES / "group.jpg")
    why = result.explain()
    for face, one in zip(result, why.faces, strict=True):
        assert (face.label, len(one.added)) == (one.label, len(one.names))
    why.save(tmp_path / "why.png")
    with Image.open(tmp_path / "why.png") as saved:
        assert np.array_equal(np.asarray(saved), why.plot())
    assert str(why).startswith("face 1: happiness: whole face +")
    with pytest.raises(UsageError, match=r"\.png"):
        why.save(tmp_path / "why.gif")


def test_regions_of_a_reduced_photo_are_in_pixels_of_the_whole_one(monkeypatch):
    whole = Predictor().predict(SAMPLES / "portrait.jpg")
    monkeypatch.setattr("ampnet.reading.photo.ENOUGH_SIDE", 256)
    reduced = Predictor().predict(SAMPLES / "portrait.jpg")
    assert reduced.photo.is_reduced
    (one,), (other,) = whole.explain().given_to(whole), reduced.explain().given_to(reduced)
    assert (
        np.abs(one.explanation.corners - other.explanation.corners).max() < 0.15 * one.detection.side
    )  # regions follow the landmarks


def test_what_cannot_be_explained_is_said_before_any_work(tmp_path):
    assert "--annotate DIR, --json or --jsonl FILE" in predict(SAMPLES / "portrait.jpg", "--explain").stderr
    with pytest.raises(ConfigError, match="--runtime torch"):
        PredictConfig(images=(SAMPLES,), explain=True, runtime="onnx")
    whole = AMPNet(len(EXPRESSIONS), 0.125, 64, modules=("gp",)).eval()
    save_checkpoint(tmp_path / "best.pt", Checkpoint(whole, EXPRESSIONS, framing=Framing(), epoch=1))
    config = PredictConfig(images=(SAMPLES / "portrait.jpg",), checkpoint=tmp_path / "best.pt", explain=True)
    with pytest.raises(ConfigError, match="no local branches"):
        run(config, quiet=True)


def test_pictures_alone_of_what_is_not_drawn_are_refused(tmp_path):
    clip = write_clip(tmp_path / "clip.avi", 3)
    done = predict(clip, "--explain", "--annotate", tmp_path / "drawn")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--explain draws photos only, and there are none; add --jsonl FILE" in done.stderr
    assert not (tmp_path / "drawn").exists()
