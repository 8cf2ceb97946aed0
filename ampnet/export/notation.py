"""A notation for ONNX graphs, node by node."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, Union

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from ampnet.export.versions import OPSET

_BOOLEAN = {"Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal", "And", "Or", "Not"}
_COUNTING = {"Shape", "NonZero", "NonMaxSuppression", "ArgMin", "ArgMax"}

END = np.iinfo(np.int64).max

Operand: TypeAlias = Union["Value", float, Sequence[float], NDArray[Any]]


def _operator(kind: str, is_swapped: bool = False) -> Callable[["Value", Operand], "Value"]:
    """Return the method of a value that adds a node of two inputs: itself and another, or the other way round."""
    if is_swapped:
        return lambda self, other: self.graph(kind, other, self)
    return lambda self, other: self.graph(kind, self, other)


def _reduction(kind: str) -> Callable[["Value", int], "Value"]:
    """Return the method of a value that takes one axis together."""
    return lambda self, axis: self.graph(kind, self, [axis], keepdims=0)


class Value:
    """The result of a node, an input or a constant of a graph, which is computed with as NumPy's arrays are."""

    __array_ufunc__ = None  # so that NumPy's numbers leave arithmetic with values to them

    def __init__(self, graph: "Graph", name: str, dtype: Any) -> None:
        self.graph, self.name, self.dtype = graph, name, np.dtype(dtype)

    __add__, __radd__ = _operator("Add"), _operator("Add", is_swapped=True)
    __sub__, __rsub__ = _operator("Sub"), _operator("Sub", is_swapped=True)
    __mul__, __rmul__ = _operator("Mul"), _operator("Mul", is_swapped=True)
    __truediv__, __rtruediv__ = _operator("Div"), _operator("Div", is_swapped=True)
    __floordiv__, __rfloordiv__ = __truediv__, __rtruediv__  # of integers at least 0
    __matmul__ = _operator("MatMul")
    __gt__, __ge__ = _operator("Greater"), _operator("GreaterOrEqual")
    __lt__, __le__ = _operator("Less"), _operator("LessOrEqual")
    __and__, __or__ = _operator("And"), _operator("Or")
    sum, mean = _reduction("ReduceSum"), _reduction("ReduceMean")
    max, min = _reduction("ReduceMax"), _reduction("ReduceMin")

    def __neg__(self) -> "Value":
        return self.graph("Neg", self)

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
        return self if self.dtype == np.dtype(dtype) else self.graph("Cast", self, to=onnx_type(dtype), dtype=dtype)

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

    def side(self, axis: int) -> "Value":
        """Return the length of an axis, an integer scalar."""
        return self.graph("Shape", self)[axis]

    def clip(self, low: Operand, high: Operand) -> "Value":
        """Limit to a range."""
        return self.graph("Min", self.graph("Max", self, low), high)


def onnx_type(dtype: Any) -> int:
    """Return the number of a type in ONNX."""
    kind = np.dtype(dtype)
    return int(TensorProto.STRING if kind.kind in "OU" else helper.np_dtype_to_tensor_dtype(kind))


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
            inputs: values, or what becomes a constant.
            dtype: of the outputs; None infers it.
        """
        given = next((one.dtype for one in inputs if isinstance(one, Value) and one.dtype != bool), None)
        values = [self.constant(one, given) for one in inputs]
        if kind in ("Gather", "Slice", "Unsqueeze", "Reshape", "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin"):
            values = [values[0], *(self.constant(one, np.int64) for one in inputs[1:])]
        if dtype is None:
            dtype = bool if kind in _BOOLEAN else np.int64 if kind in _COUNTING else values[kind == "Where"].dtype
        return self._added(kind, values, [dtype] * outputs, **attributes)

    def name(self, kind: str) -> str:
        """Return a name that nothing has yet."""
        self._count += 1
        return f"{kind}_{self._count}"

    def constant(self, value: Operand, dtype: Any = None) -> Value:
        """Return a constant; a value is returned as it is."""
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
        (then_branch, types), (else_branch, _) = (self._body(parts, [], None) for parts in (then, other))
        return self._added("If", [condition], types, then_branch=then_branch, else_branch=else_branch)

    def repeat(
        self, count: Value, step: Callable[[Value], Sequence[Value]], shapes: Sequence[Sequence[int | None]]
    ) -> list[Value]:
        """Compute something for each number from 0 below ``count``, and stack the results.

        Args:
            step: from the number, a scalar, to the results.
            shapes: of the results; None: a length that is found out.
        """
        always = self.constant(np.array(True))
        return self._loop(count, always, [], lambda number, going: [going, *step(number)], [[], *shapes])

    def loop(
        self, going: Value, start: Sequence[Value], step: Callable[..., tuple[Value, Sequence[Value]]], most: int
    ) -> list[Value]:
        """Compute values again and again, and return the last ones.

        Args:
            going: whether it begins.
            start: the first values; their shapes may change.
            step: from the values to whether it continues, and to the next ones.
        """

        def results(_number: Value, _going: Value, *before: Value) -> list[Value]:
            goes_on, after = step(*before)
            return [goes_on, *after]

        return self._loop(self.constant(most), going, start, results, None)

    def inline(self, model: Any, inputs: dict[str, Value], label: str) -> dict[str, Value]:
        """Put another model's nodes here; its weights are shared by all places where it is put.

        Args:
            model: its outputs are floating-point.
            inputs: what its inputs are here.
            label: of its weights' names.

        Returns:
            Its outputs by name.
        """
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
        self.inputs.append(helper.make_tensor_value_info(name, onnx_type(dtype), list(shape)))
        if default is not None:
            self.initializers[name] = numpy_helper.from_array(np.array(default, dtype=dtype), name)
        return Value(self, name, dtype)

    def model(self, outputs: dict[str, tuple[Value, Sequence[int | str]]]) -> Any:
        """Return the finished model, with these outputs and their shapes."""
        infos = []
        for name, (value, shape) in outputs.items():
            self._bodies[-1].append(helper.make_node("Identity", [value.name], [name], name))
            infos.append(helper.make_tensor_value_info(name, onnx_type(value.dtype), list(shape)))
        graph = helper.make_graph(self._bodies[0], "ampnet", self.inputs, infos, list(self.initializers.values()))
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])

    def _loop(
        self,
        most: Value,
        going: Value,
        start: Sequence[Value],
        step: Callable[..., Sequence[Value]],
        shapes: Sequence[Sequence[int | None]] | None,
    ) -> list[Value]:
        """Add a loop; ``step`` gets the number of the iteration, whether it continues, and the values."""
        types = (np.int64, bool, *(value.dtype for value in start))
        inputs = [Value(self, self.name("state"), dtype) for dtype in types]
        infos = [
            helper.make_tensor_value_info(value.name, onnx_type(value.dtype), [] if place < 2 else None)
            for place, value in enumerate(inputs)
        ]
        body, (_going, *found) = self._body(lambda: step(*inputs), infos, shapes)
        return self._added("Loop", [most, going, *start], found, body=body)

    def _body(
        self, parts: Callable[[], Sequence[Value]], inputs: Sequence[Any], shapes: Sequence[Sequence[int | None]] | None
    ) -> tuple[Any, list[Any]]:
        self._bodies.append([])
        results = [self("Identity", value) for value in parts()]  # a body may not name what is outside as its own
        infos = [
            helper.make_tensor_value_info(value.name, onnx_type(value.dtype), None if shapes is None else shapes[index])
            for index, value in enumerate(results)
        ]
        return helper.make_graph(self._bodies.pop(), self.name("body"), inputs, infos), [one.dtype for one in results]

    def _added(self, kind: str, inputs: Sequence[Value], types: Sequence[Any], **attributes: Any) -> list[Value]:
        """Add a node with outputs of these types."""
        names = [self.name(kind) for _ in types]
        node = helper.make_node(kind, [one.name for one in inputs], names, names[0], **attributes)
        self._bodies[-1].append(node)
        return [Value(self, name, dtype) for name, dtype in zip(names, types, strict=True)]
