"""Settings of the commands that exchange models with other programs: import, export, export-reference."""

from dataclasses import dataclass
from pathlib import Path

from ampnet.errors import require
from ampnet.settings.choices import ExportFormat, ExportPrecision
from ampnet.settings.labels import fault_of_class_names


@dataclass(frozen=True, kw_only=True)
class ImportConfig:
    """Settings of `ampnet import`: the reference program's file to convert."""

    source: Path
    out: Path | None = None
    """Checkpoint to write; None: checkpoint/<name of the source>.pt."""
    class_names: tuple[str, ...] = ()
    """Class names in the file's label order; empty: RAF-DB's order for 7 classes, contempt last for 8."""
    force: bool = False
    """Replace an existing checkpoint."""

    def __post_init__(self) -> None:
        if self.class_names:
            fault = fault_of_class_names(self.class_names)
            require(not fault, fault)


@dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """Settings of `ampnet export`: a model in a form that runs without this program."""

    model: Path
    """A checkpoint, the name of a bundled model, or ``detector``."""
    format: ExportFormat = "onnx"
    precision: ExportPrecision = "fp32"
    """Of an ONNX file; int8 is calibrated on the faces in ``data``."""
    data: Path | None = None
    """Prepared data set whose validation faces calibrate int8 and are checked."""
    out: Path | None = None
    """File to write; None: the model's name and the format's extension, in the current folder."""
    licence: str = ""
    """Terms of the weights, for the file's metadata; empty: those of a bundled model, else not stated."""
    force: bool = False
    """Replace an existing file."""

    def __post_init__(self) -> None:
        require(
            self.precision == "fp32" or self.format == "onnx",
            f"precision {self.precision} is for --format onnx; omit it for {self.format}",
        )
        require(
            self.format != "safetensors" or self.out is None or self.out.suffix == ".safetensors",
            "the name of a safetensors file must end in .safetensors",
        )


@dataclass(frozen=True, kw_only=True)
class ExportReferenceConfig:
    """Settings of `ampnet export-reference`: the checkpoint to write in the reference program's format."""

    checkpoint: Path
    out: Path = Path("published.pth")
    data_parallel: bool = False
    """Prefix all parameter names with ``module.``, as DataParallel does in the reference program."""
    force: bool = False
    """Replace an existing file."""
