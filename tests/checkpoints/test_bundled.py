"""The model in the box is as good as its card says."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ampnet.checkpoints.bundled import model_path
from ampnet.checkpoints.checkpoint import load_checkpoint
from ampnet.config import EvalConfig, PrepareConfig
from pipelines import evaluate, prepare

SAMPLES = Path(__file__).parents[1] / "samples" / "faces" / "test"
CARD = model_path().with_name("MODEL_CARD.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("bundled")
    (root / "raw").mkdir()
    (root / "raw" / "test").symlink_to(SAMPLES)
    prepare.run(PrepareConfig(raw_dir=root / "raw", out=root, crop="face", gpus=0, check=False), quiet=True)
    evaluate.run(EvalConfig(data=root, out=root / "report", gpus=0), quiet=True)
    return root / "report"


def test_the_rendered_faces_are_recognised_as_often_as_the_card_says(report: Path) -> None:
    stated = re.search(r"accuracy ([\d.]+) % on (\d+) test faces", CARD)
    assert stated is not None
    confusion = pd.read_csv(report / "confusion.csv", index_col=0).to_numpy()
    assert confusion.sum() == int(stated[2])
    hits = np.trace(confusion)
    # One face may lie so near the border that another processor's last bits decide it.
    assert hits == pytest.approx(float(stated[1]) / 100 * confusion.sum(), abs=1.05)


def test_the_file_is_small_and_says_what_its_network_has_seen() -> None:
    assert model_path().stat().st_size < 10_000_000
    checkpoint = load_checkpoint(model_path())
    assert checkpoint.framing.color == "grey"
    assert checkpoint.selected_on == "val"
    assert checkpoint.config["variant"] == "ampnet-small"
