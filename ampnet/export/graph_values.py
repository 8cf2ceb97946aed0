"""Values of ONNX graphs, which are computed with as NumPy's arrays are."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias, Union

import numpy as np
from numpy.typing import NDArray

END = np.iinfo(np.int64).max

Operand: TypeAlias = Union["Value", float, Sequence[float], NDArray[Any]]


class Nodes(Protocol):
    """What values ask of their graph, see :class:`ampnet.export.notation.Graph`."""

    def __call__(self, kind: str, *inputs: Operand, dtype: Any = None, **attributes: Any) -> "Value":
        """Add a node with one output."""

    def vector(self, value: Operand) -> "Value":
        """Return an integer as a vector of one."""

    def joined(self, *parts: Operand) -> "Value":
        """Join integers to a vector, such as a shape."""

    def stacked(self, *parts: "Value", axis: int = 0) -> "Value":
        """Join values along a new axis."""

    def choose(
        self, condition: "Value", then: Callable[[], Sequence["Value"]], other: Callable[[], Sequence["Value"]]
    ) -> list["Value"]:
        """Compute one or the other."""


class Value:
    """The result of a node, an input or a constant of a graph."""

    __array_ufunc__ = None  # so that NumPy's numbers leave arithmetic with values to them

    def __init__(self, graph: Nodes, name: str, dtype: Any) -> None:
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


def onnx_type(dtype: Any) -> int:
    """Return the number of a type in ONNX."""
    from onnx import TensorProto, helper

    kind = np.dtype(dtype)
    return int(TensorProto.STRING if kind.kind in "OU" else helper.np_dtype_to_tensor_dtype(kind))
