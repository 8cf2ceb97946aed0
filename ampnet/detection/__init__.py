"""Detection of faces and their five landmarks."""

from ampnet.detection.detector import FaceDetector
from ampnet.detection.face import Face, choose_face
from ampnet.detection.retries import Detection, detect_with_retries

__all__ = ["Detection", "Face", "FaceDetector", "choose_face", "detect_with_retries"]
