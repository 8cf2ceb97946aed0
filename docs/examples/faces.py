"""From photos to faces with ONNX Runtime alone, one JSON line a photo.

    pip install onnxruntime pillow
    python faces.py MODEL.onnx PHOTO...

MODEL.onnx is what `ampnet export bundled` writes.
"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

model, *photos = sys.argv[1:]
options = onnxruntime.SessionOptions()
options.log_severity_level = 3  # it would warn about each optional input
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
outputs = [output.name for output in session.get_outputs()]
for file in photos:
    with Image.open(file) as picture:
        if picture.mode == "I;16":  # of which Pillow would make white
            picture = picture.point(lambda value: value / 256).convert("L")
        upright = ImageOps.exif_transpose(picture).convert("RGBA")
    white = Image.new("RGBA", upright.size, "white")  # behind what is transparent
    photo = np.asarray(Image.alpha_composite(white, upright).convert("RGB"))  # (H, W, 3) uint8
    found = dict(zip(outputs, session.run(None, {"photo": photo}), strict=True))
    names = found["class_names"].tolist()
    faces = [
        {"box": box.tolist(), "label": names[shares.argmax()], "scores": dict(zip(names, shares.tolist(), strict=True))}
        for box, shares in zip(found["boxes"], found["probabilities"], strict=True)
    ]
    print(json.dumps({"photo": file, "faces": faces}))
