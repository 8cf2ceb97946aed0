"""The trained models that come with the package."""

from pathlib import Path

from ampnet.errors import UsageError

_FOLDER = Path(__file__).parents[1] / "weights"

WORD = "bundled"
"""Names the default model wherever a checkpoint is asked for; ``bundled:NAME`` names any of them."""

DEFAULT_MODEL = "ferplus"

MODELS: dict[str, str] = {
    "ferplus": "trained on the votes of FER+: what most people see in a face",
    "fer2013": "trained on FER-2013's own labels, for comparison with published work on them",
}
"""The models by name; see MODEL_CARD.md beside their files."""


def model_path(name: str = DEFAULT_MODEL) -> Path:
    """Give where a bundled model's weights belong, whether they are there or not."""
    return _FOLDER / f"ampnet-small-{name}.safetensors"


def record_path(name: str = DEFAULT_MODEL) -> Path:
    """Give where the settings, the history and the data's hash of a bundled model's training belong."""
    return _FOLDER / f"training_record_{name}.json"


def bundled_model(name: str = DEFAULT_MODEL) -> Path:
    """Give a bundled model's file.

    Raises:
        UsageError: there is no such model, or this copy of ampnet comes without it.
    """
    if name not in MODELS:
        raise UsageError(f"no bundled model is called {name!r}; there are {', '.join(MODELS)}")
    if not model_path(name).is_file():
        raise UsageError("this ampnet comes without a trained model; name a run folder or a checkpoint file")
    return model_path(name)


def named_model(path: Path | None) -> Path:
    """Give the file that a checkpoint argument means.

    Args:
        path: ``bundled``, ``bundled:NAME`` (unless a file has that name), or a path, which stays what it is; None
            means the default model.

    Raises:
        UsageError: the path does not exist, or as :func:`bundled_model`.
    """
    if path is None:
        return bundled_model()
    if path.exists():
        return path
    word, _, name = str(path).partition(":")
    if word != WORD:
        raise UsageError(f"{path} does not exist; give a run folder of `ampnet train` or a checkpoint file")
    return bundled_model(name or DEFAULT_MODEL)
