"""The network of `facex` (PyPI): python -m benchmarks.rivals.facex FOLDER OUT.csv.

The TensorFlow Lite file inside the package, run by LiteRT. Each step is that of ``EmotionClassifier.detect_emotion``
(facex/core.py) and ``input_resize`` (facex/utils.py).
"""

from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from skimage.transform import resize

from benchmarks.rivals.predictions import Image, predict_folder

CLASS_NAMES = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")

if __name__ == "__main__":
    package = Path(find_spec("facex").origin).parent  # found, not imported: the import needs TensorFlow
    network = Interpreter(str(package / "assets" / "model_optimized.tflite"), num_threads=1)
    network.allocate_tensors()
    given, answer = network.get_input_details()[0]["index"], network.get_output_details()[0]["index"]

    def classify(image: Image) -> NDArray[np.floating]:
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        enlarged = resize(grey, (200, 200, 3))  # (200, 200, 3), 0 to 1: scikit-image turns bytes into shares
        network.set_tensor(given, enlarged[None].astype(np.float32))
        network.invoke()
        return network.get_tensor(answer)[0]

    predict_folder(classify, CLASS_NAMES)
