"""Classifying faces with exported models on ONNX Runtime; nothing here imports torch."""

from ampnet.onnx.detector import OnnxFaceDetector
from ampnet.onnx.predictor import Predictor

__all__ = ["OnnxFaceDetector", "Predictor"]
