"""`eval` of a prepared set and `predict` of its original images give the same answers."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ampnet.checkpoints.bundled import named_model
from ampnet.checkpoints.checkpoint import load_checkpoint
from ampnet.dataset.open_index import read_index
from ampnet.settings import PrepareConfig
from benchmarks.eval_predict import both_answers
from pipelines.prepare import run

FACES = Path(__file__).parents[1] / "samples" / "faces"


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rendered faces of 256 px, four of each class and split; every fourth is cut to a portrait, without loss."""
    folder = tmp_path_factory.mktemp("raw")
    for source in sorted(FACES.glob("*/*")):
        for number, image in enumerate(sorted(source.iterdir())[:4]):
            place = folder / source.relative_to(FACES) / image.name
            place.parent.mkdir(parents=True, exist_ok=True)
            if number < 3:
                shutil.copy(image, place)
            else:
                with Image.open(image) as picture:
                    picture.crop((28, 0, 228, 256)).save(place.with_suffix(".png"))
    return folder


@pytest.fixture(scope="module", params=["face", "none"])
def prepared(raw: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """The rendered faces, aligned or kept whole."""
    folder = tmp_path_factory.mktemp("prepared")
    run(PrepareConfig(raw_dir=raw, out=folder, crop=request.param, check=False), quiet=True)
    return folder


@pytest.mark.parametrize("network", ["trained on the set", "trained on another set"])
def test_the_images_of_a_prepared_set_get_the_same_answers_from_predict(prepared: Path, network: str) -> None:
    framing = read_index(prepared).framing
    assert framing is not None
    checkpoint = load_checkpoint(named_model(Path("bundled:fer2013")))
    assert checkpoint.framing.face_resolution is not None  # so that the second one limits the detail of these faces
    if network == "trained on the set":
        checkpoint = replace(checkpoint, framing=framing)
    names, evaluated, predicted = both_answers(prepared, checkpoint, "test", 100)
    assert len(names) == 28
    moved = np.abs(evaluated - predicted).max(axis=1)
    assert np.quantile(moved, 0.95) < 0.02  # of a few faces, the 99th percentile would be the largest difference ...
    assert moved.max() < 0.04  # ... which is JPEG's, on faces of which these networks are not sure
    second, first = np.sort(evaluated, axis=1)[:, -2:].T
    is_clear = first - second > 0.04  # else a difference within the bound decides the label
    assert is_clear.mean() > 0.6
    assert (evaluated.argmax(axis=1) == predicted.argmax(axis=1))[is_clear].all()
