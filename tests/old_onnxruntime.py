"""Runs exported models in an ONNX Runtime of another version, which knows neither ampnet nor torch.

python old_onnxruntime.py MODEL COUNT...      prints, for each count, the shapes of the outputs for so many faces
"""

import sys

import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
for count in map(int, sys.argv[2:]):
    inputs = {}
    for entry in session.get_inputs():
        shape = [count, *(side if isinstance(side, int) else 64 for side in entry.shape[1:])]
        inputs[entry.name] = np.zeros(shape, np.uint8 if entry.type == "tensor(uint8)" else np.float32)
    print([output.shape for output in session.run(None, inputs)])
