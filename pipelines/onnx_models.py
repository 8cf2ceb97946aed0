"""The ONNX forms of a checkpoint and of the detector, exported once and kept in the user's cache folder."""

from pathlib import Path

from platformdirs import user_cache_path
from rich.console import Console

from ampnet import __version__
from ampnet.files.writing import sha256_of
from ampnet.settings import ExportConfig

DETECTOR = Path("detector")


def onnx_models(checkpoint: Path, console: Console) -> tuple[Path, Path]:
    """Return the ONNX files of a checkpoint and of the detector; the first call for a checkpoint exports them.

    Args:
        checkpoint: a checkpoint file, or a file that `ampnet export` wrote, which is returned as it is.
        console: where the export is announced.

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


def _files(checkpoint: Path) -> tuple[Path, Path]:
    folder = user_cache_path("ampnet") / f"onnx-{__version__}"
    is_exported = checkpoint.suffix == ".onnx"
    classifier = checkpoint if is_exported else folder / f"{sha256_of(checkpoint)[:16]}.onnx"
    return classifier, folder / "detector.onnx"


def _exported(model: Path, file: Path, console: Console) -> Path:
    if not file.is_file():
        from pipelines.export import run  # loads torch, which the ONNX runtime otherwise does without

        console.print(f"exporting {model} for the ONNX runtime (once): {file}", markup=False)
        run(ExportConfig(model=model, out=file))
    return file
