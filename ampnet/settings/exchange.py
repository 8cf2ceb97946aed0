"""Settings of the commands that exchange models with other programs: import, export, export-reference."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from ampnet.errors import require
from ampnet.settings.choices import ExportFormat, ExportPart, ExportPixels, ExportPrecision
from ampnet.settings.fields import Option, Settings, existing, written
from ampnet.settings.labels import fault_of_class_names
from ampnet.settings.shared import ReplaceFile


@dataclass(frozen=True, kw_only=True)
class ImportConfig(Settings):
    """Settings of `ampnet import`: the reference program's file to convert."""

    source: Annotated[Path, existing("file", "Checkpoint of the reference program (.pth).", positional=True)]
    class_names: Annotated[
        tuple[str, ...],
        Option(
            "Class names in the file's label order, comma-separated.",
            "Input",
            flag="--classes",
            separated=True,
            unset="RAF-DB's order; contempt last for 8",
        ),
    ] = ()
    out: Annotated[Path | None, written("file", "Checkpoint to write.", unset="checkpoint/<name of the file>.pt")] = (
        None
    )
    force: Annotated[bool, Option("Replace an existing checkpoint.", "Output")] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.class_names:
            fault = fault_of_class_names(self.class_names)
            require(not fault, fault)


@dataclass(frozen=True, kw_only=True)
class ExportConfig(Settings):
    """Settings of `ampnet export`: a model in a form that runs without this program."""

    model: Annotated[
        Path,
        Option("A run folder, a checkpoint file, `bundled`, `bundled:NAME`, or `detector`.", "Model", positional=True),
    ]
    format: Annotated[
        ExportFormat,
        Option("Format to write; web: a folder with a page that runs the model in the browser.", "Output"),
    ] = "onnx"
    part: Annotated[
        ExportPart,
        Option("Contents of an ONNX file: everything from photo to faces, or only the classifier.", "Output"),
    ] = "whole"
    pixels: Annotated[
        ExportPixels,
        Option("Input of a whole ONNX file: (H, W, 3), (H, W, 4) with transparency, or (1, 3, H, W).", "Output"),
    ] = "rgb"
    precision: Annotated[
        ExportPrecision | None,
        Option("Storage type of the larger weights in an ONNX file.", "Output", unset="fp32; for web: int8"),
    ] = None
    data: Annotated[
        Path | None,
        existing(
            "folder",
            "Prepared data set whose validation faces check the classifier.",
            unset="the faces of a sample photo",
        ),
    ] = None
    out: Annotated[Path | None, written("file", "File to write; web: the folder.", unset="the model's name")] = None
    runtime: Annotated[
        Path | None,
        existing(
            "folder",
            "Folder of the npm package onnxruntime-web, for --format web.",
            flag="--onnxruntime-web",
            unset="installed by npm",
        ),
    ] = None
    licence: Annotated[
        str,
        Option("Licence of the weights, for the file's metadata.", "Output", unset="the bundled model's, else none"),
    ] = ""
    force: ReplaceFile = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.precision in (None, "fp32") or self.format in ("onnx", "web"),
            f"precision {self.precision} is for --format onnx; omit it for {self.format}",
        )
        is_whole = self.format == "onnx" and self.part == "whole"
        require(self.part == "whole" or self.format == "onnx", "--part is for --format onnx; omit it")
        require(self.pixels == "rgb" or is_whole, "--pixels is for a whole ONNX file; omit it")
        is_photo = is_whole or self.format == "web"
        require(self.data is None or not is_photo, "--data checks a classifier: add --part classifier, or omit it")
        is_described = self.format != "safetensors" or not self.licence
        require(is_described, "--licence is for the metadata of ONNX and TorchScript; omit it for safetensors")
        require(self.runtime is None or self.format == "web", "--onnxruntime-web is for --format web")
        require(
            self.format != "safetensors" or self.out is None or self.out.suffix == ".safetensors",
            "the name of a safetensors file must end in .safetensors",
        )


@dataclass(frozen=True, kw_only=True)
class ExportReferenceConfig(Settings):
    """Settings of `ampnet export-reference`: the checkpoint to write in the reference program's format."""

    checkpoint: Annotated[Path, Option("A run folder (its best.pt) or a checkpoint file.", "Model", positional=True)]
    out: Annotated[Path, written("file", "File to write (458 MB).")] = Path("published.pth")
    data_parallel: Annotated[bool, Option("Prefix all names with `module.`, as DataParallel does.", "Output")] = False
    force: ReplaceFile = False
