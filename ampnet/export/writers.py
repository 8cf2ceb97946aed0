"""Writing a graph as ONNX or TorchScript; ONNX files take no faces at all, and may store weights in fewer bits."""

import gc
import logging
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ampnet.errors import missing_package
from ampnet.export.graphs import ClassifierGraph, DetectorGraph, encode
from ampnet.export.versions import OLDEST_RUNTIME, OPSET, stamp
from ampnet.files.writing import atomic_write

REGIONS = "region_contributions", "region_boxes"
"""Outputs of the classifier about its R regions."""


def write_classifier_onnx(path: Path, graph: ClassifierGraph, metadata: Mapping[str, Any]) -> None:
    """Write a classifier as an ONNX file for any number of faces, none included.

    Raises:
        DataError: the file cannot be written.
        UsageError: the package onnx or onnxscript is missing.
    """
    batch = torch.export.Dim("batch", min=1)
    names = ("images", "landmarks"), ("probabilities", "local_logits", "global_logits", *REGIONS)
    _write_onnx(path, graph, classifier_example(graph), ({0: batch}, {0: batch}), *names, metadata)


def write_detector_onnx(path: Path, graph: DetectorGraph, metadata: Mapping[str, Any]) -> None:
    """Write a detector as an ONNX file for any number of images, none included, of any size.

    Raises:
        DataError: the file cannot be written.
        UsageError: the package onnx or onnxscript is missing.
    """
    batch, rows, columns = (torch.export.Dim(name, min=1) for name in ("batch", "rows", "columns"))
    example = (torch.zeros(2, 224, 256, 3, dtype=torch.uint8),)
    sizes = ({0: batch, 1: 32 * rows, 2: 32 * columns},)
    _write_onnx(path, graph, example, sizes, ("images",), ("boxes", "landmarks", "scores"), metadata)


def write_classifier_torchscript(path: Path, graph: ClassifierGraph, metadata: Mapping[str, Any]) -> None:
    """Write a classifier as a TorchScript file; ``torch.jit.load(path, _extra_files={"ampnet": ""})`` reads both parts.

    Raises:
        DataError: the file cannot be written.
    """
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # tracing compares shapes, which do not change
        traced = torch.jit.trace(graph, classifier_example(graph))  # type: ignore[no-untyped-call]
    content = traced.save_to_buffer(
        _extra_files=encode(dict(metadata))
    )  # writing files itself, it aborts on a full disk
    with atomic_write(path) as aside:
        aside.write_bytes(content)


def require_packages() -> None:
    """Check that the packages for ONNX are installed.

    Raises:
        UsageError: one is missing.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401  (torch's exporter needs it)
    except ImportError as error:
        raise missing_package(error.name, "onnx") from error


def classifier_example(graph: ClassifierGraph) -> tuple[Tensor, Tensor]:
    """Return inputs of the right shape for a classifier."""
    side = graph.network.architecture.image_size
    landmarks = torch.rand(2, 5, 2, generator=torch.Generator().manual_seed(0)) * side
    return torch.zeros(2, side, side, 3, dtype=torch.uint8), landmarks


def _write_onnx(
    path: Path,
    graph: nn.Module,
    example: tuple[Tensor, ...],
    dynamic_shapes: Sequence[Any],
    inputs: Sequence[str],
    outputs: Sequence[str],
    metadata: Mapping[str, Any],
) -> None:
    require_packages()
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), _garbage_seldom_collected():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            graph,
            example,
            dynamo=True,
            verbose=False,
            opset_version=OPSET,
            dynamic_shapes=tuple(dynamic_shapes),
            input_names=list(inputs),
            output_names=list(outputs),
            optimize=False,  # its fusion of minimum and maximum leaves a dangling input (onnxscript 0.7)
        )
    assert program is not None
    model = _simplified(program.model_proto)
    accept_none(model)
    write_model(path, model, metadata)


@contextmanager
def _garbage_seldom_collected() -> Iterator[None]:
    """Look for garbage less often: among the millions of objects of a trace that takes a third of the export."""
    before = gc.get_threshold()
    gc.set_threshold(50_000, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def write_model(path: Path, model: Any, metadata: Mapping[str, Any]) -> None:
    """Write a finished model with its metadata.

    Raises:
        DataError: the file cannot be written.
    """
    import onnx

    stamp(model)
    onnx.helper.set_model_props(model, encode({**metadata, "oldest_onnxruntime": OLDEST_RUNTIME}))
    onnx.checker.check_model(model)
    with atomic_write(path) as aside:
        aside.write_bytes(model.SerializeToString())


def _simplified(model: Any) -> Any:
    """Fold constants, and drop the exporter's stack traces, a third of the file."""
    import onnx
    import onnxruntime

    del model.graph.value_info[:]
    for item in (*model.graph.node, *model.graph.initializer, *model.graph.input, *model.graph.output):
        del item.metadata_props[:]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC  # standard operators only
    with TemporaryDirectory() as folder:
        options.optimized_model_filepath = str(Path(folder) / "simplified.onnx")
        onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return onnx.load(options.optimized_model_filepath)


def accept_none(model: Any) -> None:
    """Fill an empty batch with one entry of zeros, and cut the answers to the number of entries that were given.

    Args:
        model: an ONNX model, changed in place; the first axis of all inputs and outputs is the batch.
    """
    from onnx import TensorProto, helper

    graph = model.graph
    first, nodes = graph.input[0].name, list(graph.node)

    def constant(name: str, values: list[int]) -> str:
        graph.initializer.append(helper.make_tensor(name, TensorProto.INT64, [len(values)], values))
        return name

    zero, one = constant("none_zero", [0]), constant("none_one", [1])
    before = [
        helper.make_node("Shape", [first], ["none_count"], "none_count", start=0, end=1),
        helper.make_node("Sub", [one, "none_count"], ["none_lacking"], "none_lacking"),
        helper.make_node("Max", ["none_lacking", zero], ["none_filled"], "none_filled"),
    ]
    after, renamed = [], {}
    for entry in graph.input:
        name, rank = entry.name, len(entry.type.tensor_type.shape.dim)
        start, rest = constant(f"none_{name}_start", [0] * rank), constant(f"none_{name}_rest", [0] * (rank - 1))
        renamed[name] = f"{name}_filled"
        before += [
            helper.make_node("Concat", [start, "none_filled", rest], [f"{name}_pads"], f"{name}_pads", axis=0),
            helper.make_node("Pad", [name, f"{name}_pads"], [renamed[name]], renamed[name]),
        ]
    for entry in graph.output:
        name = entry.name
        renamed[name] = f"{name}_filled"
        after.append(helper.make_node("Slice", [renamed[name], zero, "none_count", zero], [name], f"{name}_given"))
    for node in nodes:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        node.output[:] = [renamed.get(name, name) for name in node.output]
    del graph.node[:]
    graph.node.extend([*before, *nodes, *after])


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
