"""A notation for ONNX graphs: values that are computed with as NumPy's arrays are, node by node."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, Union

import numpy as np
from numpy.typing import NDArray

from ampnet.export.versions import OPSET

END = np.iinfo(np.int64).max

Operand: TypeAlias = Union["Value", float, Sequence[float], NDArray[Any]]

_BOOLEAN = {"Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal", "And", "Or", "Not"}
_COUNTING = {"Shape", "NonZero", "NonMaxSuppression", "ArgMin", "ArgMax"}
_SECOND = {"Where"}


class Value:
    """The result of a node, an input or a constant of a graph."""

    __array_ufunc__ = None  # so that NumPy's numbers leave arithmetic with values to them

    def __init__(self, graph: "Graph", name: str, dtype: Any) -> None:
        self.graph, self.name, self.dtype = graph, name, np.dtype(dtype)

    def __add__(self, other: Operand) -> "Value":
        return self.graph("Add", self, other)

    def __radd__(self, other: Operand) -> "Value":
        return self.graph("Add", other, self)

    def __sub__(self, other: Operand) -> "Value":
        return self.graph("Sub", self, other)

    def __rsub__(self, other: Operand) -> "Value":
        return self.graph("Sub", other, self)

    def __mul__(self, other: Operand) -> "Value":
        return self.graph("Mul", self, other)

    def __rmul__(self, other: Operand) -> "Value":
        return self.graph("Mul", other, self)

    def __truediv__(self, other: Operand) -> "Value":
        return self.graph("Div", self, other)

    def __rtruediv__(self, other: Operand) -> "Value":
        return self.graph("Div", other, self)

    __floordiv__ = __truediv__  # of integers at least 0
    __rfloordiv__ = __rtruediv__

    def __matmul__(self, other: Operand) -> "Value":
        return self.graph("MatMul", self, other)

    def __neg__(self) -> "Value":
        return self.graph("Neg", self)

    def __gt__(self, other: Operand) -> "Value":
        return self.graph("Greater", self, other)

    def __ge__(self, other: Operand) -> "Value":
        return self.graph("GreaterOrEqual", self, other)

    def __lt__(self, other: Operand) -> "Value":
        return self.graph("Less", self, other)

    def __le__(self, other: Operand) -> "Value":
        return self.graph("LessOrEqual", self, other)

    def __and__(self, other: "Value") -> "Value":
        return self.graph("And", self, other)

    def __or__(self, other: "Value") -> "Value":
        return self.graph("Or", self, other)

    def __invert__(self) -> "Value":
        return self.graph("Not", self)

    def __getitem__(self, key: Any) -> "Value":
        """Take a part, axis by axis: ``value[:, 0, None, 2:]``; bounds and positions may be values (scalars)."""
        value, axis = self, 0
        for one in key if isinstance(key, tuple) else (key,):
            if one is None:
                value = self.graph("Unsqueeze", value, [axis])
            elif isinstance(one, slice):
                if one.start is not None or one.stop is not None:
                    start, stop = (self.graph.vector(END if end is None else end) for end in (one.start or 0, one.stop))
                    value = self.graph("Slice", value, start, stop, [axis])
            else:
                value, axis = self.graph("Gather", value, one, axis=axis), axis - 1
            axis += 1
        return value

    def to(self, dtype: Any) -> "Value":
        """Convert to another type."""
        return self if self.dtype == np.dtype(dtype) else self.graph("Cast", self, to=_onnx_type(dtype), dtype=dtype)

    def take(self, positions: "Value") -> "Value":
        """Choose entries of the first axis by a vector of positions."""
        return self.graph("Gather", self, positions, axis=0)

    def where(self) -> "Value":
        """Return the positions at which a vector of booleans is true."""
        return self.graph("Reshape", self.graph("NonZero", self), [-1])

    def reshaped(self, *shape: Operand) -> "Value":
        """Reshape; sides may be values."""
        return self.graph("Reshape", self, self.graph.joined(*shape))

    def transposed(self, *order: int) -> "Value":
        """Reorder the axes."""
        return self.graph("Transpose", self, perm=list(order))

    def sum(self, axis: int) -> "Value":
        """Sum over an axis."""
        return self.graph("ReduceSum", self, [axis], keepdims=0)

    def mean(self, axis: int) -> "Value":
        """Average over an axis."""
        return self.graph("ReduceMean", self, [axis], keepdims=0)

    def max(self, axis: int) -> "Value":
        """Return the maximum over an axis."""
        return self.graph("ReduceMax", self, [axis], keepdims=0)

    def min(self, axis: int) -> "Value":
        """Return the minimum over an axis."""
        return self.graph("ReduceMin", self, [axis], keepdims=0)

    def side(self, axis: int) -> "Value":
        """Return the length of an axis, an integer scalar."""
        return self.graph("Shape", self)[axis]

    def clip(self, low: Operand, high: Operand) -> "Value":
        """Limit to a range."""
        return self.graph("Min", self.graph("Max", self, low), high)


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
        self, count: Value, step: Callable[[Value], Sequence[Value]], shapes: Sequence[Sequence[int]]
    ) -> list[Value]:
        """Compute something for each number from 0 below ``count``, and stack the results.

        Args:
            count: how often.
            step: from the number, a scalar, to the results.
            shapes: of the results.
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

        self.inputs.append(helper.make_tensor_value_info(name, _onnx_type(dtype), list(shape)))
        if default is not None:
            self.initializers[name] = numpy_helper.from_array(np.array(default, dtype=dtype), name)
        return Value(self, name, dtype)

    def model(self, outputs: dict[str, tuple[Value, Sequence[int | str]]]) -> Any:
        """Return the finished model, with these outputs and their shapes."""
        from onnx import helper

        infos = []
        for name, (value, shape) in outputs.items():
            self._add("Identity", [value.name], [name])
            infos.append(helper.make_tensor_value_info(name, _onnx_type(value.dtype), list(shape)))
        graph = helper.make_graph(self._bodies[0], "ampnet", self.inputs, infos, list(self.initializers.values()))
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])

    def _body(
        self, parts: Callable[[], Sequence[Value]], inputs: Sequence[Any], shapes: Sequence[Sequence[int]] | None
    ) -> tuple[Any, list[Any]]:
        from onnx import helper

        self._bodies.append([])
        results = [self("Identity", value) for value in parts()]  # a body may not name what is outside as its own
        infos = [
            helper.make_tensor_value_info(
                value.name, _onnx_type(value.dtype), None if shapes is None else shapes[index]
            )
            for index, value in enumerate(results)
        ]
        return helper.make_graph(self._bodies.pop(), self.name("body"), inputs, infos), [one.dtype for one in results]

    def _add(self, kind: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> None:
        from onnx import helper

        self._bodies[-1].append(helper.make_node(kind, inputs, outputs, outputs[0], **attributes))


def _onnx_type(dtype: Any) -> int:
    from onnx import TensorProto, helper

    kind = np.dtype(dtype)
    return int(TensorProto.STRING if kind.kind in "OU" else helper.np_dtype_to_tensor_dtype(kind))
