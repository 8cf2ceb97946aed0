"""The network of `facex` (PyPI): python -m benchmarks.rivals.facex FOLDER OUT.csv.

The TensorFlow Lite file inside the package, run by LiteRT. Each step is that of ``EmotionClassifier.detect_emotion``
(facex/core.py) and ``input_resize`` (facex/utils.py).
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.transform import resize

from benchmarks.rivals.predictions import Image, predict_folder
from benchmarks.rivals.tflite import tflite_network

CLASS_NAMES = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")

if __name__ == "__main__":
    network = tflite_network("facex", "assets/model_optimized.tflite")

    def classify(image: Image) -> NDArray[np.floating]:
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        enlarged = resize(grey, (200, 200, 3))  # (200, 200, 3), 0 to 1: scikit-image turns bytes into shares
        return network(enlarged[None].astype(np.float32))[0]

    predict_folder(classify, CLASS_NAMES)
