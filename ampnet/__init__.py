"""Facial expression recognition with AMP-Net (Liu et al. 2022, doi:10.1109/TCSVT.2022.3165321).

The public names load on first use, so that ``import ampnet`` stays light.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any
from warnings import warn

from ampnet.errors import ONE_OPENCV, AmpnetError, DataError, ImageError, is_broken_opencv

if TYPE_CHECKING:
    from ampnet.checkpoints.checkpoint import load_checkpoint
    from ampnet.checkpoints.reference.reference_files import load_reference
    from ampnet.detection.detector import FaceDetector
    from ampnet.models.ampnet import AMPNet
    from ampnet.reading.image_files import read_image
    from ampnet.recognition.predictor import Predictor
    from ampnet.results.photo_result import PhotoResult

# ONNX Runtime reads this when imported; otherwise it stores an id of the device in the home folder and reports its use.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

__version__ = "1.0.0rc1"
__all__ = [
    "AMPNet",
    "AmpnetError",
    "DataError",
    "FaceDetector",
    "ImageError",
    "PhotoResult",
    "Predictor",
    "__version__",
    "load_checkpoint",
    "load_reference",
    "read_image",
]

_HOMES = {
    "AMPNet": "ampnet.models.ampnet",
    "FaceDetector": "ampnet.detection.detector",
    "PhotoResult": "ampnet.results.photo_result",
    "Predictor": "ampnet.recognition.predictor",
    "load_checkpoint": "ampnet.checkpoints.checkpoint",
    "load_reference": "ampnet.checkpoints.reference.reference_files",
    "read_image": "ampnet.reading.image_files",
}

_OLD_NAMES = {"load_published": "load_reference"}
"""Earlier names that scripts may still use."""


def __getattr__(name: str) -> Any:
    if new := _OLD_NAMES.get(name):
        warn(f"ampnet.{name} is deprecated since ampnet 1.0: use ampnet.{new}", DeprecationWarning, stacklevel=2)
        name = new
    if name not in _HOMES:
        raise AttributeError(f"module 'ampnet' has no attribute {name!r}")
    try:
        return getattr(import_module(_HOMES[name]), name)
    except (ImportError, AttributeError) as error:
        if is_broken_opencv(error):
            raise ImportError(f"OpenCV cannot be used ({error}); {ONE_OPENCV}", name="cv2") from error
        raise
