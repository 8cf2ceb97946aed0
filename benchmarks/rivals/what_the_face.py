"""The network of `what-the-face-classification` (PyPI): python -m benchmarks.rivals.what_the_face FOLDER OUT.csv.

The package's own network, weights and preparation, without the face detector in ``Image_classifier.predict``.
"""

import cv2
import numpy as np
import PIL.Image
import torch
from numpy.typing import NDArray
from what_the_face_classification.inference import Image_classifier

from benchmarks.rivals.predictions import Image, predict_folder

CLASS_NAMES = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")

if __name__ == "__main__":
    torch.set_num_threads(1)
    tool = Image_classifier()
    tool.net.eval()

    @torch.inference_mode()
    def classify(image: Image) -> NDArray[np.floating]:
        face = tool.transform(PIL.Image.fromarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)))  # (1, 48, 48)
        return tool.net(face)[0].softmax(dim=0).numpy()

    predict_folder(classify, CLASS_NAMES)
