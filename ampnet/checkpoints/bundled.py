"""The trained model that comes with the package."""

from pathlib import Path

from ampnet.errors import UsageError

_FOLDER = Path(__file__).parents[1] / "weights"

MODEL_FILE = _FOLDER / "ampnet-small-fer2013.safetensors"
"""AMP-Net at a quarter of the width, trained on FER-2013; see MODEL_CARD.md beside it."""

RECORD_FILE = _FOLDER / "training_record.json"
"""How it was trained: settings, history, counts and hash of the data."""


WORD = "bundled"
"""Names the model where training asks for a checkpoint."""


def named_model(path: Path) -> Path:
    """Give the bundled model's file for the word ``bundled``, unless a file has that name; else the path itself.

    Raises:
        UsageError: this copy of ampnet comes without it.
    """
    return bundled_model() if str(path) == WORD and not path.exists() else path


def bundled_model() -> Path:
    """Give the model's file.

    Raises:
        UsageError: this copy of ampnet comes without it.
    """
    if not MODEL_FILE.is_file():
        raise UsageError("this ampnet comes without a trained model; name a run folder or a checkpoint file")
    return MODEL_FILE
