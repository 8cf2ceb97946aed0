"""`ampnet predict` reads, detects and classifies side by side, and nobody can tell by the results."""

import shutil
import threading

import numpy as np
import pytest
import torch
from PIL import Image

from ampnet.reading.image_files import read_image
from ampnet.settings import PredictConfig
from pipelines.predict import run
from tests.clips import write_frames
from tests.pipelines.test_predict_outputs import Stop
from tests.prepared_faces import SAMPLES
from tests.small_checkpoint import small_checkpoint

pytestmark = pytest.mark.slow

CHUNK = 4


@pytest.fixture
def cores():
    """Let the networks use three cores, whatever the tests were given."""
    usual = torch.get_num_threads()
    torch.set_num_threads(3)
    yield 3
    torch.set_num_threads(usual)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    for module in ("ampnet.reading.reader", "pipelines.predict"):
        monkeypatch.setattr(f"{module}.CHUNK_IMAGES", CHUNK)


@pytest.fixture
def model(tmp_path):
    return small_checkpoint(tmp_path / "run")


@pytest.fixture
def inputs(tmp_path):
    """Photos of every kind, one of them none, around a video."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    faces = sorted((SAMPLES / "faces").rglob("*.jpg"))
    for number, face in enumerate(faces[:: len(faces) // 9]):
        shutil.copy(face, (first if number < 6 else second) / f"{number}.jpg")
    Image.new("RGB", (90, 60), (9, 90, 90)).save(first / "no face.png")
    (second / "0.jpg").write_text("milk, eggs")
    with Image.open(SAMPLES / "portrait.jpg") as portrait:
        portrait.resize((2600, 2600)).save(second / "large.jpg")
        frame = np.asarray(portrait.convert("RGB").resize((160, 160)))
    write_frames(tmp_path / "clip.mp4", [frame] * 30)
    return first, tmp_path / "clip.mp4", second


def rows(model, inputs, folder, **options):
    config = PredictConfig(images=inputs, checkpoint=model, gpus=0, csv=folder / "faces.csv", **options)
    return run(config, quiet=True), (folder / "faces.csv").read_text()


def test_the_rows_are_those_of_one_core_in_the_same_order(model, inputs, tmp_path, cores):
    _, beside = rows(model, inputs, tmp_path / "beside")
    torch.set_num_threads(1)
    _, alone = rows(model, inputs, tmp_path / "alone")
    assert beside == alone
    assert len({line.split(",")[0] for line in alone.splitlines()[1:]}) == 14


def test_an_interrupted_run_leaves_no_thread_and_is_resumed_to_the_same_file(model, inputs, tmp_path, cores):
    _, expected = rows(model, inputs, tmp_path / "whole")
    csv = tmp_path / "broken" / "faces.csv"
    before = threading.active_count()
    for after, resume in ((6, False), (3, True)):
        config = PredictConfig(images=inputs, checkpoint=model, gpus=0, csv=csv, resume=resume)
        assert run(config, quiet=True, sinks=[Stop(after, KeyboardInterrupt())]).is_interrupted
        assert threading.active_count() == before
    result, found = rows(model, inputs, tmp_path / "broken", resume=True)
    assert result.earlier >= CHUNK
    assert found == expected


class Found:
    def __init__(self):
        self.results = []

    def add(self, result):
        self.results.append(result)


def test_a_large_photo_is_reduced_and_its_copy_drawn_whole(model, tmp_path):
    photo, small = tmp_path / "large.jpg", tmp_path / "small.jpg"
    with Image.open(SAMPLES / "portrait.jpg") as portrait:
        portrait.resize((2600, 2600), Image.Resampling.BICUBIC).save(photo, quality=95)
        portrait.resize((1300, 1300), Image.Resampling.BICUBIC).save(small, quality=95)
    config = PredictConfig(images=(photo, small), checkpoint=model, gpus=0, annotate=tmp_path / "drawn")
    found = Found()
    run(config, quiet=True, sinks=[found])
    large, half = found.results
    assert large.size_hw == (2600, 2600)
    (face,), (other,) = large.faces, half.faces
    assert np.abs(face.box - 2 * other.box).max() < 0.02 * face.detection.side
    drawn = read_image(tmp_path / "drawn" / "large.jpg")
    assert drawn.shape == (2600, 2600, 3)
    is_drawn = np.abs(drawn.astype(int) - read_image(photo)).sum(axis=2) > 100
    is_drawn[-2600 // 20 :] = False  # the model's name
    rows_, columns = np.nonzero(is_drawn)
    left, _, right, bottom = face.box
    assert columns.min() == pytest.approx(left, abs=0.03 * 2600)
    assert (right - 0.03 * 2600) < columns.max()
    assert rows_.max() == pytest.approx(bottom, abs=0.03 * 2600)
