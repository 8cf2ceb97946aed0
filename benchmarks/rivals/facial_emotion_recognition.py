"""The network of `facial-emotion-recognition` (PyPI): see README.md for the command.

The layers are the package's networks.py, the weights its model/model.pkl. Each step is that of
``EmotionRecognition._predict``; its seven outputs are sigmoids, of which it names the largest. Here their exponentials,
which it calls probabilities, are divided by their sum; the order stays.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torchvision import transforms

from benchmarks.rivals.predictions import Image, predict_folder

CLASS_NAMES = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")

if __name__ == "__main__":
    torch.set_num_threads(1)
    found = find_spec("facial_emotion_recognition")
    assert found
    assert found.origin
    package = Path(found.origin).parent
    sys.path.append(str(package))  # the package itself imports a face detector, which is not asked here
    from networks import NetworkV2

    network = NetworkV2(in_c=1, nl=32, out_f=7).eval()
    weights = torch.load(package / "model" / "model.pkl", map_location="cpu", weights_only=True)
    network.load_state_dict(weights["network"])
    prepare = transforms.Compose(
        [
            transforms.ToPILImage(),
            transforms.Resize((48, 48)),
            transforms.ToTensor(),
            transforms.Normalize(mean=[0.5], std=[0.5]),
        ]
    )

    @torch.inference_mode()
    def classify(image: Image) -> NDArray[np.floating]:
        grey = prepare(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))
        return network(grey[None])[0].softmax(dim=0).numpy()

    predict_folder(classify, CLASS_NAMES)
