"""The ONNX forms of a checkpoint and of the detector, exported once and kept in the user's cache folder."""

import os
from pathlib import Path

from platformdirs import user_cache_path
from rich.console import Console

from ampnet import __version__
from ampnet.errors import DataError
from ampnet.files.writing import sha256_of
from ampnet.settings import ExportConfig
from pipelines.result_folder import is_writable

DETECTOR = Path("detector")

CACHE_VARIABLE = "XDG_CACHE_HOME"
"""Environment variable that moves the cache folder."""


def onnx_models(checkpoint: Path, console: Console) -> tuple[Path, Path]:
    """Return the ONNX files of a checkpoint and of the detector; the first call for a checkpoint exports them.

    Args:
        checkpoint: a checkpoint file, or a file that `ampnet export` wrote, which is returned as it is.

    Raises:
        UsageError: a package for the export is missing.
        CheckpointError: the checkpoint cannot be used.
        DataError: the cache folder cannot be written to.
    """
    classifier, detector = _files(checkpoint)
    detector = _exported(DETECTOR, detector, console)
    return classifier if classifier == checkpoint else _exported(checkpoint, classifier, console), detector


def are_exported(checkpoint: Path) -> bool:
    """Return whether :func:`onnx_models` has its files already; exporting them takes a while."""
    return all(file.is_file() for file in _files(checkpoint))


def cache_folder() -> Path:
    """Return the folder of the exported models: in ``XDG_CACHE_HOME`` on any system, else in the system's place."""
    home = os.environ.get(CACHE_VARIABLE)
    return Path(home) / "ampnet" if home else user_cache_path("ampnet")


def _files(checkpoint: Path) -> tuple[Path, Path]:
    folder = cache_folder() / f"onnx-{__version__}"
    is_exported = checkpoint.suffix == ".onnx"
    classifier = checkpoint if is_exported else folder / f"{sha256_of(checkpoint)[:16]}.onnx"
    return classifier, folder / "detector.onnx"


def _exported(model: Path, file: Path, console: Console) -> Path:
    if not file.is_file():
        if not is_writable(file.parent):
            raise DataError(
                f"cannot keep the exported model in {file.parent}, which is read-only; "
                f"set {CACHE_VARIABLE} to a folder that can be written to"
            )
        from pipelines.export import run  # loads torch, which the ONNX runtime otherwise does without

        console.print(f"exporting {model} for the ONNX runtime (once): {file}")
        run(ExportConfig(model=model, out=file, part="classifier", force=True))  # another process may be as far
    return file
