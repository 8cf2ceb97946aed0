"""Writing a graph as ONNX or TorchScript."""

import gc
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn

from ampnet.errors import missing_package
from ampnet.export.graphs import ClassifierGraph, DetectorGraph
from ampnet.export.metadata import encode
from ampnet.export.no_faces import accept_none
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


def classifier_example(graph: ClassifierGraph, batch: int = 2) -> tuple[Tensor, Tensor]:
    """Return inputs of the right shape for a classifier."""
    side = graph.network.architecture.image_size
    landmarks = torch.rand(batch, 5, 2, generator=torch.Generator().manual_seed(0)) * side
    return torch.zeros(batch, side, side, 3, dtype=torch.uint8), landmarks


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
