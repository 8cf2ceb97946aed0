"""The versions that exported ONNX models are written for: as old as their operators allow, for the oldest runtimes."""

from typing import Any

OPSET, IR_VERSION = 18, 8

OLDEST_RUNTIME = "1.17"
"""Oldest ONNX Runtime in which a test runs them."""


def stamp(model: Any) -> None:
    """Say in a model which versions it needs: no operators that it does not use, and no newer format than it has.

    Tools that change a model import every domain of operators that they know.
    """
    used = {node.domain for node in model.graph.node}
    kept = [opset for opset in model.opset_import if opset.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    model.ir_version = IR_VERSION
