"""The model in the box is as good as its card says."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ampnet.checkpoints.checkpoint import load_checkpoint
from ampnet.checkpoints.model_files import (
    MODELS,
    ModelId,
    bundled_model,
    checkpoint_file,
    display_name,
    model_path,
    named_model,
)
from ampnet.errors import CheckpointError, UsageError
from ampnet.settings import EvalConfig, PrepareConfig
from pipelines import evaluate, prepare
from tests.small_report import draw_nothing

pytestmark = pytest.mark.slow

SAMPLES = Path(__file__).parents[1] / "samples" / "faces" / "test"
CARD = model_path().with_name("MODEL_CARD.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("bundled")
    (root / "raw").mkdir()
    (root / "raw" / "test").symlink_to(SAMPLES)
    prepare.run(PrepareConfig(raw_dir=root / "raw", out=root, crop="face", gpus=0, check=False), quiet=True)
    with pytest.MonkeyPatch.context() as patch:
        draw_nothing(patch)
        evaluate.run(EvalConfig(data=root, out=root / "report", gpus=0), quiet=True)
    return root / "report"


def test_the_rendered_faces_are_recognised_as_often_as_the_card_says(report: Path) -> None:
    stated = re.search(r"accuracy ([\d.]+)% on (\d+) test faces", CARD)
    assert stated is not None
    confusion = pd.read_csv(report / "confusion.csv", index_col=0).to_numpy()
    assert confusion.sum() == int(stated[2])
    hits = np.trace(confusion)
    # One face may lie so near the border that another processor's last bits decide it.
    assert hits == pytest.approx(float(stated[1]) / 100 * confusion.sum(), abs=1.05)


def test_the_file_is_small_and_says_what_its_network_has_seen() -> None:
    assert model_path().stat().st_size < 10_000_000
    checkpoint = load_checkpoint("bundled")
    assert checkpoint.file == model_path()
    assert checkpoint.framing.color == "grey"
    assert checkpoint.selected_on == "val"
    assert checkpoint.config["variant"] == "ampnet-small"


@pytest.fixture
def all_are_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Empty files in place of the models."""
    monkeypatch.setattr("ampnet.checkpoints.model_files._FOLDER", tmp_path)
    for name in MODELS:
        model_path(name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("argument", "file"),
    [
        (None, "ampnet-small-ferplus.safetensors"),
        (Path("bundled"), "ampnet-small-ferplus.safetensors"),
        (Path("bundled:ferplus"), "ampnet-small-ferplus.safetensors"),
        (Path("bundled:fer2013"), "ampnet-small-fer2013.safetensors"),
    ],
)
def test_a_word_names_a_bundled_model(all_are_there: Path, argument: Path | None, file: str) -> None:
    assert named_model(argument) == all_are_there / file


def test_an_unknown_model_is_refused_with_the_names_there_are(all_are_there: Path) -> None:
    with pytest.raises(UsageError, match=r"'rafdb'.*ferplus, fer2013"):
        named_model(Path("bundled:rafdb"))


def test_a_path_stays_what_it_is_even_under_the_word(all_are_there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(all_are_there)
    Path("bundled").mkdir()
    assert named_model(Path("bundled")) == Path("bundled")


@pytest.mark.parametrize("path", ["missing/best.pt", "bundle", "C:weights.pt"])
def test_a_path_that_is_not_there_is_refused_by_name(all_are_there: Path, path: str) -> None:
    with pytest.raises(UsageError, match=f"{path} does not exist"):
        named_model(Path(path))


def test_of_several_runs_one_is_to_be_named_and_each_is_called_after_its_series_as_well(tmp_path: Path) -> None:
    for run in ("seed1", "fold2"):
        file = tmp_path / run / "ours" / run / "best.pt"
        file.parent.mkdir(parents=True)
        file.write_bytes(b"weights")
        assert ModelId.of_file(file).name == f"ours/{run}"
        with pytest.raises(CheckpointError, match=f"holds several runs; name one of them, such as .*ours/{run}$"):
            checkpoint_file(file.parent.parent)


def test_a_copy_without_weights_says_so(all_are_there: Path) -> None:
    model_path("fer2013").unlink()
    with pytest.raises(UsageError, match="without a trained model"):
        bundled_model("fer2013")


def test_a_bundled_file_is_called_by_its_name_and_any_other_by_its_path() -> None:
    assert display_name(model_path("fer2013")) == "bundled:fer2013"
    assert display_name(Path("checkpoint/run1/best.pt")) == "checkpoint/run1/best.pt"
