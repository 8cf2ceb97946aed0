"""`eval` of all rendered faces and `predict` of their images agree, by the bounds of docs/data.md."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ampnet.checkpoints.bundled import named_model
from ampnet.checkpoints.checkpoint import load_checkpoint
from ampnet.dataset.open_index import read_index
from ampnet.settings import PrepareConfig
from benchmarks.eval_predict import both_answers
from pipelines.prepare import run

pytestmark = [pytest.mark.slow, pytest.mark.soak]

FACES = Path(__file__).parents[1] / "samples" / "faces"


@pytest.fixture(scope="module", params=["face", "none"])
def prepared(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """All rendered faces, aligned or kept whole."""
    folder = tmp_path_factory.mktemp("prepared")
    run(PrepareConfig(raw_dir=FACES, out=folder, crop=request.param, check=False), quiet=True)
    return folder


@pytest.mark.parametrize("network", ["trained on the set", "trained on another set"])
def test_answers_differ_by_at_most_two_hundredths_for_99_percent_and_labels_agree(prepared: Path, network: str) -> None:
    checkpoint = load_checkpoint(named_model(Path("bundled:ferplus")))
    framing = read_index(prepared).framing
    assert framing is not None
    if network == "trained on the set":
        checkpoint = replace(checkpoint, framing=framing)
    parts = [both_answers(prepared, checkpoint, split, 1000) for split in ("train", "test")]
    evaluated, predicted = (np.concatenate([part[which] for part in parts]) for which in (1, 2))
    assert len(evaluated) > 380
    assert np.quantile(np.abs(evaluated - predicted).max(axis=1), 0.99) < 0.02
    assert (evaluated.argmax(axis=1) == predicted.argmax(axis=1)).mean() >= 0.99
