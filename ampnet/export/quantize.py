"""Smaller ONNX files: larger weights in half precision or in 8-bit integers, which a runtime converts when it loads."""

import math
from typing import Any

import numpy as np

MIN_STORED = 1024
"""Smallest weights, in numbers, that are worth a conversion."""

LEVELS = 127
"""Of an 8-bit integer on either side of 0."""


def store_small(model: Any, is_int8: bool) -> None:
    """Store a model's larger weights in fewer bits; it computes in full precision, so no faces are needed to scale it.

    Args:
        model: an ONNX model, changed in place.
        is_int8: in 8-bit integers, each channel of a weight by its own scale; else in half precision.
    """
    from onnx import TensorProto, helper, numpy_helper

    kept, restored = [], []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or len(tensor.dims) < 2 or math.prod(tensor.dims) < MIN_STORED:
            kept.append(tensor)
            continue
        name, weights = tensor.name, numpy_helper.to_array(tensor)
        stored, cast = f"{name}_stored", f"{name}_cast" if is_int8 else name
        restored.append(helper.make_node("Cast", [stored], [cast], f"{name}_cast", to=TensorProto.FLOAT))
        if is_int8:
            scale = np.abs(weights).max(axis=tuple(range(1, weights.ndim)), keepdims=True) / LEVELS
            weights = np.rint(weights / np.maximum(scale, np.finfo(np.float32).tiny))
            kept.append(numpy_helper.from_array(scale, f"{name}_scale"))
            restored.append(helper.make_node("Mul", [cast, f"{name}_scale"], [name], f"{name}_restored"))
        kept.append(numpy_helper.from_array(weights.astype(np.int8 if is_int8 else np.float16), stored))
    nodes = list(model.graph.node)
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(kept)
    model.graph.node.extend([*restored, *nodes])
