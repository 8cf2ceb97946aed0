"""Detection of faces and their five landmarks. The torch detector loads on first use: the ONNX one needs no torch."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ampnet.detection.any_size import AnySizeDetector
from ampnet.detection.face import Face, choose_face
from ampnet.detection.retries import Detection, detect_with_retries

if TYPE_CHECKING:
    from ampnet.detection.detector import FaceDetector

__all__ = ["AnySizeDetector", "Detection", "Face", "FaceDetector", "choose_face", "detect_with_retries"]


def __getattr__(name: str) -> Any:
    if name != "FaceDetector":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module("ampnet.detection.detector").FaceDetector
