"""Classifying faces with exported models on ONNX Runtime; nothing here imports torch."""

from ampnet.recognition.onnx.detector import OnnxFaceDetector
from ampnet.recognition.onnx.predictor import Predictor

__all__ = ["OnnxFaceDetector", "Predictor"]
