"""Smaller ONNX files: half precision, and 8-bit integers calibrated on real faces."""

import math
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from ampnet.export.parity import Inputs
from ampnet.export.versions import stamp
from ampnet.files.writing import atomic_write

BATCH = 32

MIN_HALVED = 1024
"""Smallest weights, in numbers, that are worth a conversion."""


def store_half(model: Any) -> None:
    """Store a model's larger weights in half precision; a runtime converts them once, and computes in full precision.

    Args:
        model: an ONNX model, changed in place.
    """
    from onnx import TensorProto, helper, numpy_helper

    kept, casts = [], []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or len(tensor.dims) < 2 or math.prod(tensor.dims) < MIN_HALVED:
            kept.append(tensor)
            continue
        half = numpy_helper.to_array(tensor).astype(np.float16)
        kept.append(numpy_helper.from_array(half, f"{tensor.name}_half"))
        casts.append(
            helper.make_node(
                "Cast", [f"{tensor.name}_half"], [tensor.name], f"{tensor.name}_cast", to=TensorProto.FLOAT
            )
        )
    nodes = list(model.graph.node)
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(kept)
    model.graph.node.extend([*casts, *nodes])


def write_int8(source: Path, target: Path, inputs: Inputs) -> None:
    """Quantise an ONNX model's convolutions statically, each channel of a weight by its own scale.

    Args:
        source: the model in full precision.
        target: file to write.
        inputs: real faces, by which activations are scaled.

    Raises:
        DataError: the file cannot be written.
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Faces(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._left = iter(range(0, len(inputs["images"]), BATCH))

        def get_next(self) -> Inputs | None:
            start = next(self._left, None)
            return None if start is None else {name: rows[start : start + BATCH] for name, rows in inputs.items()}

    with TemporaryDirectory() as folder, atomic_write(target) as aside:
        prepared, written = Path(folder) / "prepared.onnx", Path(folder) / "int8.onnx"
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            written,
            Faces(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        small = onnx.load(written)
        stamp(small)
        aside.write_bytes(small.SerializeToString())
