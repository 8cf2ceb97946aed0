"""Values of settings that are chosen from a few names."""

from typing import Literal

CropMode = Literal["auto", "none", "face"]
FacePolicy = Literal["largest", "centre", "best", "all"]
NoFacePolicy = Literal["template", "drop"]
ExportFormat = Literal["onnx", "torchscript", "safetensors", "web"]
EngineName = Literal["local", "ray"]
Runtime = Literal["torch", "onnx"]
ExportPrecision = Literal["fp32", "fp16", "int8"]
ExportPixels = Literal["rgb", "rgba", "nchw"]
ExportPart = Literal["whole", "classifier"]
LayoutName = Literal[
    "auto",
    "rafdb",
    "rafdb-original",
    "affectnet-8",
    "affectnet-7",
    "ferplus",
    "ferplus-argmax",
    "fer2013",
    "pixels",
    "expw",
    "ckplus",
    "ckplus-1",
    "ckplus-neutral",
    "sfew",
    "fedro",
    "csv",
    "jaffe",
    "kdef",
    "folders",
]
DetectorName = Literal["mobilenet0.25", "resnet50"]
Variant = Literal["ampnet", "ampnet-small", "resnet18", "mobilenet_v3_small"]
Network = Literal["ampnet", "resnet18", "mobilenet_v3_small"]
DataForm = Literal["files", "shards"]
Split = Literal["train", "val", "test"]
SelectionSplit = Literal["val", "test"]
Module = Literal["gp", "lp", "ap"]
Placement = Literal["cells", "continuous"]
YesNo = Literal["yes", "no"]
FerplusRule = Literal["ferplus-majority", "ferplus-plurality", "ferplus-probability"]
OfficialSplit = Literal["fer2013", "rafdb", "affectnet-7", "affectnet-8", "sfew", "fedro"]
Protocol = Literal[FerplusRule, OfficialSplit]
Precision = Literal["fp32", "bf16", "fp16"]
UsePrecision = Literal["fp32", "bf16", "auto"]
TrackerName = Literal["tensorboard", "mlflow"]
Freeze = Literal["none", "stem", "norms"]

MODULES: tuple[Module, ...] = ("gp", "lp", "ap")
"""All perception modules of the network."""
