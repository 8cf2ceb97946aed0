"""`eval` of a prepared set and `predict` of its original images give the same answers."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from ampnet import Predictor
from ampnet.checkpoints.checkpoint import Checkpoint, load_checkpoint
from ampnet.checkpoints.model_files import named_model
from ampnet.dataset.index.faces_table import read_faces
from ampnet.dataset.index.index_files import FACES_FILE, META_FILE
from ampnet.dataset.index.splits import split_indices
from ampnet.dataset.open_index import read_index
from ampnet.files.documents import read_json
from ampnet.inference.classifier import Classifier, faces_for
from ampnet.settings import PrepareConfig, Split
from ampnet.settings.choices import CropMode
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
    return prepare(raw, tmp_path_factory.mktemp("prepared"), request.param)


def prepare(raw: Path, folder: Path, crop: CropMode) -> Path:
    run(PrepareConfig(raw_dir=raw, out=folder, crop=crop, check=False), quiet=True)
    return folder


def network_for(prepared: Path, model: str, network: str) -> Checkpoint:
    """Load a bundled model, which takes the framing of the set if it is to be one that was trained on it."""
    checkpoint = load_checkpoint(named_model(Path(model)))
    framing = read_index(prepared).framing
    assert framing is not None
    assert checkpoint.framing.face_resolution is not None  # so that by itself it limits the detail of these faces
    return replace(checkpoint, framing=framing) if network == "trained on the set" else checkpoint


def both_answers(data: Path, checkpoint: Checkpoint, split: Split) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Classify the faces of a split as `eval` does, and the images that they were prepared from as `predict` does.

    Images in which `predict` finds no face, and those that have got the mean landmarks, are left out.
    """
    index = read_index(data)
    faces = index.subset(split_indices(index)[split])
    classifier = Classifier.from_checkpoint(checkpoint, torch.device("cpu"))
    logits = classifier.collect_faces(faces_for(checkpoint, faces), 32, 0)
    evaluated = classifier.probabilities(logits.local, logits.global_)

    raw = Path(read_json(data / "index" / META_FILE, dict, "")["raw_dir"])
    rows = {row.name: row for row in read_faces(data / "index" / FACES_FILE)}
    photos = [str(raw / rows[name].source) for name in faces.names]
    results = Predictor(checkpoint, face="largest").predict_many(photos)
    pairs = [
        (expected, list(result.faces[0].scores.values()))
        for name, expected, result in zip(faces.names, evaluated, results, strict=True)
        if rows[name].status != "template" and result.faces
    ]
    one, other = zip(*pairs, strict=True)
    return np.array(one), np.array(other, dtype=np.float32)


NETWORKS = pytest.mark.parametrize("network", ["trained on the set", "trained on another set"])


@NETWORKS
def test_the_images_of_a_prepared_set_get_the_same_answers_from_predict(prepared: Path, network: str) -> None:
    checkpoint = network_for(prepared, "bundled:fer2013", network)
    evaluated, predicted = both_answers(prepared, checkpoint, "test")
    assert len(evaluated) == 28
    moved = np.abs(evaluated - predicted).max(axis=1)
    assert np.quantile(moved, 0.95) < 0.02  # of a few faces, the 99th percentile would be the largest difference ...
    assert moved.max() < 0.04  # ... which is JPEG's, on faces of which these networks are not sure
    second, first = np.sort(evaluated, axis=1)[:, -2:].T
    is_clear = first - second > 0.04  # else a difference within the bound decides the label
    assert is_clear.mean() > 0.6
    assert (evaluated.argmax(axis=1) == predicted.argmax(axis=1))[is_clear].all()


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.parametrize("crop", ["face", "none"])
@NETWORKS
def test_of_all_rendered_faces_99_percent_have_the_same_label_and_differ_by_at_most_two_hundredths(
    crop: CropMode, network: str, tmp_path: Path
) -> None:
    prepared = prepare(FACES, tmp_path, crop)
    checkpoint = network_for(prepared, "bundled:ferplus", network)
    parts = [both_answers(prepared, checkpoint, split) for split in ("train", "test")]
    evaluated, predicted = (np.concatenate(one) for one in zip(*parts, strict=True))
    assert len(evaluated) > 380
    assert np.quantile(np.abs(evaluated - predicted).max(axis=1), 0.99) < 0.02
    assert (evaluated.argmax(axis=1) == predicted.argmax(axis=1)).mean() >= 0.99
