"""`eval` of a prepared set and `predict` of its original images give the same answers."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ampnet.checkpoints.bundled import named_model
from ampnet.checkpoints.checkpoint import load_checkpoint
from ampnet.dataset.open_index import read_index
from ampnet.settings import PrepareConfig
from benchmarks.eval_predict import both_answers
from pipelines.prepare import run

FACES = Path(__file__).parents[1] / "samples" / "faces"


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rendered faces of 256 px: four of each class and split."""
    folder = tmp_path_factory.mktemp("raw")
    for source in sorted(FACES.glob("*/*")):
        for image in sorted(source.iterdir())[:4]:
            place = folder / source.relative_to(FACES) / image.name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(image, place)
    return folder


@pytest.fixture(scope="module", params=["face", "none"])
def prepared(raw: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """The rendered faces, aligned or kept whole."""
    folder = tmp_path_factory.mktemp("prepared")
    run(PrepareConfig(raw_dir=raw, out=folder, crop=request.param, check=False), quiet=True)
    return folder


def test_the_images_of_a_prepared_set_get_the_same_answers_from_predict(prepared: Path) -> None:
    framing = read_index(prepared).framing
    assert framing is not None
    bundled = load_checkpoint(named_model(Path("bundled:fer2013")))
    trained_on_the_set = replace(bundled, framing=framing)
    names, evaluated, predicted = both_answers(prepared, trained_on_the_set, "test", 100)
    assert len(names) == 28
    moved = np.abs(evaluated - predicted).max(axis=1)
    assert np.quantile(moved, 0.9) < 0.02
    assert moved.max() < 0.03
    assert_same_labels(evaluated, predicted)


def test_a_network_trained_on_another_set_says_the_same_in_both_ways(prepared: Path) -> None:
    bundled = load_checkpoint(named_model(Path("bundled:fer2013")))
    _, evaluated, predicted = both_answers(prepared, bundled, "test", 100)
    assert np.abs(evaluated - predicted).max() < 0.1
    assert_same_labels(evaluated, predicted)


def assert_same_labels(evaluated: NDArray[np.float32], predicted: NDArray[np.float32]) -> None:
    """Compare the labels, but not of faces whose two best classes are nearly equal."""
    second, first = np.sort(evaluated, axis=1)[:, -2:].T
    is_clear = first - second > 0.06
    assert is_clear.mean() > 0.6
    assert (evaluated.argmax(axis=1) == predicted.argmax(axis=1))[is_clear].all()
