"""Let an exported graph take no faces at all: older ONNX Runtimes end their process at a convolution of none."""

from typing import Any


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
