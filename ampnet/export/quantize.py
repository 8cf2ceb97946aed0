"""Smaller ONNX files: half precision, and 8-bit integers calibrated on real faces."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ampnet.export.metadata import KEY
from ampnet.export.parity import Inputs
from ampnet.export.versions import OLDEST_HALF_RUNTIME, stamp
from ampnet.files.writing import atomic_write

BATCH = 32

FLOAT32 = 1
"""ONNX's number for this type."""


def write_half(source: Path, target: Path) -> None:
    """Convert an ONNX model to half precision; inputs and outputs keep their types.

    Raises:
        DataError: the file cannot be written.
    """
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    # Landmarks stay exact: regions are placed by them, on whole cells by rounding.
    kept = _coordinates(onnx.load(source))
    half = convert_float_to_float16(onnx.load(source), keep_io_types=True, node_block_list=kept)
    with atomic_write(target) as aside:
        stamp(half)
        for entry in half.metadata_props:
            if entry.key == KEY:
                entry.value = json.dumps(json.loads(entry.value) | {"oldest_onnxruntime": OLDEST_HALF_RUNTIME})
        aside.write_bytes(half.SerializeToString())


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


def _coordinates(model: Any) -> list[str]:
    """Name the nodes that compute with landmarks alone, until they are rounded to integers or meet the features."""
    landmarks, pixels, names = {"landmarks"}, {"images"}, []
    for node in model.graph.node:
        inputs = set(node.input)
        if inputs & pixels and node.op_type != "Shape":
            pixels |= set(node.output)
            continue
        if node.op_type == "Shape" or not landmarks & inputs:
            continue
        names.append(node.name)
        becomes = [attribute.i for attribute in node.attribute if attribute.name == "to"]
        if becomes in ([], [FLOAT32]):
            landmarks |= set(node.output)
    return names
