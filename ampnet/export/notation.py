"""A notation for ONNX graphs, node by node."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ampnet.export.graph_values import Operand, Value, onnx_type
from ampnet.export.versions import OPSET

_BOOLEAN = {"Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal", "And", "Or", "Not"}
_COUNTING = {"Shape", "NonZero", "NonMaxSuppression", "ArgMin", "ArgMax"}
_SECOND = {"Where"}


class Graph:
    """An ONNX graph under construction: ``graph("Add", one, other)`` adds a node and returns its result.

    Numbers become constants of the type of the first value beside them: int64 or float32 without one.
    """

    def __init__(self) -> None:
        self.initializers: dict[str, Any] = {}
        self.inputs: list[Any] = []
        self._bodies: list[list[Any]] = [[]]
        self._constants: dict[tuple[Any, ...], str] = {}
        self._count = 0

    def __call__(self, kind: str, *inputs: Operand, dtype: Any = None, **attributes: Any) -> Value:
        """Add a node with one output; see :meth:`several`."""
        return self.several(kind, 1, *inputs, dtype=dtype, **attributes)[0]

    def several(self, kind: str, outputs: int, *inputs: Operand, dtype: Any = None, **attributes: Any) -> list[Value]:
        """Add a node.

        Args:
            kind: the operator.
            outputs: number of its outputs.
            inputs: values, or what becomes a constant.
            dtype: of the outputs; None infers it.
            attributes: of the node.
        """
        from onnx import helper

        given = next((one.dtype for one in inputs if isinstance(one, Value) and one.dtype != bool), None)
        values = [self.constant(one, given) for one in inputs]
        if kind in ("Gather", "Slice", "Unsqueeze", "Reshape", "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin"):
            values = [values[0], *(self.constant(one, np.int64) for one in inputs[1:])]
        if dtype is None:
            dtype = bool if kind in _BOOLEAN else np.int64 if kind in _COUNTING else values[kind in _SECOND].dtype
        names = [self.name(kind) for _ in range(outputs)]
        self._bodies[-1].append(helper.make_node(kind, [one.name for one in values], names, names[0], **attributes))
        return [Value(self, name, dtype) for name in names]

    def name(self, kind: str) -> str:
        """Return a name that nothing has yet."""
        self._count += 1
        return f"{kind}_{self._count}"

    def constant(self, value: Operand, dtype: Any = None) -> Value:
        """Return a constant; a value is returned as it is."""
        from onnx import numpy_helper

        if isinstance(value, Value):
            return value
        array = np.asarray(value)
        if not isinstance(value, np.ndarray):
            array = array.astype(dtype or (np.int64 if array.dtype.kind == "i" else np.float32))
        key = array.dtype.str, array.shape, array.tobytes()
        if key not in self._constants:
            self._constants[key] = self.name("constant")
            self.initializers[self._constants[key]] = numpy_helper.from_array(array, self._constants[key])
        return Value(self, self._constants[key], array.dtype)

    def vector(self, value: Operand) -> Value:
        """Return an integer as a vector of one."""
        return self("Reshape", value, [1]) if isinstance(value, Value) else self.constant([int(value)])  # type: ignore[arg-type]

    def joined(self, *parts: Operand) -> Value:
        """Join integers to a vector, such as a shape."""
        if not any(isinstance(part, Value) for part in parts):
            return self.constant(list(parts), np.int64)  # type: ignore[arg-type]
        return self("Concat", *(self.vector(part) for part in parts), axis=0, dtype=np.int64)

    def stacked(self, *parts: Value, axis: int = 0) -> Value:
        """Join values along a new axis."""
        return self("Concat", *(self("Unsqueeze", part, [axis]) for part in parts), axis=axis)

    def range(self, count: Operand) -> Value:
        """Return the integers from 0 below ``count``, a scalar."""
        return self("Range", self.constant(0), count, self.constant(1))

    def choose(
        self, condition: Value, then: Callable[[], Sequence[Value]], other: Callable[[], Sequence[Value]]
    ) -> list[Value]:
        """Compute one or the other."""
        bodies = [self._body(parts, [], None) for parts in (then, other)]
        types = bodies[0][1]
        names = [self.name("If") for _ in types]
        self._add("If", [condition.name], names, then_branch=bodies[0][0], else_branch=bodies[1][0])
        return [Value(self, name, dtype) for name, dtype in zip(names, types, strict=True)]

    def repeat(
        self, count: Value, step: Callable[[Value], Sequence[Value]], shapes: Sequence[Sequence[int | None]]
    ) -> list[Value]:
        """Compute something for each number from 0 below ``count``, and stack the results.

        Args:
            count: how often.
            step: from the number, a scalar, to the results.
            shapes: of the results; None: a length that is found out.
        """
        from onnx import TensorProto, helper

        number, going = self.name("number"), self.name("going")
        inputs = [
            helper.make_tensor_value_info(number, TensorProto.INT64, []),
            helper.make_tensor_value_info(going, TensorProto.BOOL, []),
        ]
        body, types = self._body(
            lambda: [Value(self, going, bool), *step(Value(self, number, np.int64))], inputs, [[], *shapes]
        )
        names = [self.name("Loop") for _ in types[1:]]
        self._add("Loop", [count.name, self.constant(np.array(True)).name], names, body=body)
        return [Value(self, name, dtype) for name, dtype in zip(names, types[1:], strict=True)]

    def loop(
        self, going: Value, start: Sequence[Value], step: Callable[..., tuple[Value, Sequence[Value]]], most: int
    ) -> list[Value]:
        """Compute values again and again.

        Args:
            going: whether it begins.
            start: the first values; their shapes may change.
            step: from the values to whether it goes on, and to the next ones.
            most: how often at most.

        Returns:
            The last values.
        """
        from onnx import TensorProto, helper

        before = [Value(self, self.name("state"), value.dtype) for value in start]
        inputs = [
            helper.make_tensor_value_info(self.name("number"), TensorProto.INT64, []),
            helper.make_tensor_value_info(self.name("going"), TensorProto.BOOL, []),
            *(helper.make_tensor_value_info(value.name, onnx_type(value.dtype), None) for value in before),
        ]

        def results() -> list[Value]:
            goes_on, after = step(*before)
            return [goes_on, *after]

        body, types = self._body(results, inputs, None)
        names = [self.name("Loop") for _ in types[1:]]
        self._add("Loop", [self.constant(most).name, going.name, *(value.name for value in start)], names, body=body)
        return [Value(self, name, dtype) for name, dtype in zip(names, types[1:], strict=True)]

    def inline(self, model: Any, inputs: dict[str, Value], label: str) -> dict[str, Value]:
        """Put another model's nodes here; its weights are shared by all places where it is put.

        Args:
            model: its outputs are floating-point.
            inputs: what its inputs are here.
            label: of its weights' names.

        Returns:
            Its outputs by name.
        """
        from onnx import helper

        weights = {one.name: f"{label}_{one.name}" for one in model.graph.initializer}
        for one in model.graph.initializer:
            if weights[one.name] not in self.initializers:
                copy = type(one)()
                copy.CopyFrom(one)
                copy.name = weights[one.name]
                self.initializers[copy.name] = copy
        place = self.name(label)
        known = weights | {name: value.name for name, value in inputs.items()} | {"": ""}
        for node in model.graph.node:
            copy = type(node)()
            copy.CopyFrom(node)
            copy.input[:] = [known.get(name, f"{place}_{name}") for name in node.input]
            copy.output[:] = [known.get(name, f"{place}_{name}") for name in node.output]
            copy.name = copy.output[0]
            self._bodies[-1].append(copy)
        return {
            one.name: Value(
                self, f"{place}_{one.name}", helper.tensor_dtype_to_np_dtype(one.type.tensor_type.elem_type)
            )
            for one in model.graph.output
        }

    def input(self, name: str, dtype: Any, shape: Sequence[int | str], default: Operand | None = None) -> Value:
        """Add an input; one with a default is optional."""
        from onnx import helper, numpy_helper

        self.inputs.append(helper.make_tensor_value_info(name, onnx_type(dtype), list(shape)))
        if default is not None:
            self.initializers[name] = numpy_helper.from_array(np.array(default, dtype=dtype), name)
        return Value(self, name, dtype)

    def model(self, outputs: dict[str, tuple[Value, Sequence[int | str]]]) -> Any:
        """Return the finished model, with these outputs and their shapes."""
        from onnx import helper

        infos = []
        for name, (value, shape) in outputs.items():
            self._add("Identity", [value.name], [name])
            infos.append(helper.make_tensor_value_info(name, onnx_type(value.dtype), list(shape)))
        graph = helper.make_graph(self._bodies[0], "ampnet", self.inputs, infos, list(self.initializers.values()))
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])

    def _body(
        self, parts: Callable[[], Sequence[Value]], inputs: Sequence[Any], shapes: Sequence[Sequence[int | None]] | None
    ) -> tuple[Any, list[Any]]:
        from onnx import helper

        self._bodies.append([])
        results = [self("Identity", value) for value in parts()]  # a body may not name what is outside as its own
        infos = [
            helper.make_tensor_value_info(value.name, onnx_type(value.dtype), None if shapes is None else shapes[index])
            for index, value in enumerate(results)
        ]
        return helper.make_graph(self._bodies.pop(), self.name("body"), inputs, infos), [one.dtype for one in results]

    def _add(self, kind: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> None:
        from onnx import helper

        self._bodies[-1].append(helper.make_node(kind, inputs, outputs, outputs[0], **attributes))
