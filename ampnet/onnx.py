"""The public name of predicting with exported models on ONNX Runtime; nothing here imports torch."""

from ampnet.recognition.onnx import OnnxFaceDetector, Predictor

__all__ = ["OnnxFaceDetector", "Predictor"]
