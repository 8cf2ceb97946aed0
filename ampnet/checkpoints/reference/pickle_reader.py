"""Pickles read as data: a pickle is a small program, and this reader runs none of it.

The standard unpickler imports what a pickle names and calls it. Here each instruction only moves plain values,
and whatever would have been imported, called or given attributes becomes a record of that wish.
"""

import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, BinaryIO

from ampnet.errors import CheckpointError


@dataclass(frozen=True, eq=False)
class Named:
    """A class or function that the pickle names; never imported."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False)
class Call:
    """A call that the pickle asks for; never made."""

    function: Any
    arguments: Any
    state: Any = None
    items: dict[Any, Any] = field(default_factory=dict)
    values: list[Any] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class External:
    """A reference to something outside of the pickle, such as the numbers of a tensor."""

    reference: Any


ORDERED_DICT = ("collections", "OrderedDict")


@dataclass(frozen=True)
class Inert:
    """What one pickle holds."""

    content: Any
    """Plain numbers, strings, bytes and containers; an ordered dict becomes a dict; everything else is a
    :class:`Named`, a :class:`Call` or an :class:`External`."""
    externals: list[External]
    """All references to the outside, in the pickle's order."""


def read_inert(file: BinaryIO) -> Inert:
    """Read one pickle, executing nothing.

    Args:
        file: positioned at the pickle's start; left right behind its end.

    Raises:
        CheckpointError: the pickle is broken, or uses instructions that no torch file has.
    """
    machine = _Machine()
    try:
        for instruction, argument, _ in pickletools.genops(file):
            if instruction.name == "STOP":
                return Inert(machine.stack.pop(), machine.externals)
            machine.step(instruction.name, argument)
    # What a hand-made pickle can make fail: missing stack items, unknown memo keys, unhashable keys, bad numbers.
    except (AttributeError, LookupError, MemoryError, OverflowError, TypeError, ValueError) as error:
        raise CheckpointError(f"its pickle is broken ({error or type(error).__name__})") from error
    raise CheckpointError("its pickle ends too early")


class _Machine:
    """The pickle virtual machine without its ability to import and call."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.externals: list[External] = []

    def step(self, name: str, argument: Any) -> None:
        """Follow one instruction."""
        if name in _PUSHES_ARGUMENT:
            self.stack.append(argument)
        elif name in _PUSHES_CONSTANT:
            self.stack.append(_PUSHES_CONSTANT[name]())
        elif name in _MEMO_WRITES:
            self.memo[int(argument)] = self.stack[-1]
        elif name in _MEMO_READS:
            self.stack.append(self.memo[int(argument)])
        elif name in _ACTIONS:
            _ACTIONS[name](self)
        elif name == "GLOBAL":
            self.stack.append(Named(*argument.split(" ", 1)))
        elif name == "PERSID":
            self.refer(argument)
        elif name not in ("PROTO", "FRAME"):
            raise CheckpointError(f"its pickle uses the instruction {name}, which no torch file has")

    def above_mark(self) -> list[Any]:
        """Take everything that was pushed since the last mark."""
        start = self.marks.pop()
        taken, self.stack[start:] = self.stack[start:], []
        return taken

    def take(self, count: int) -> tuple[Any, ...]:
        """Take the last ``count`` values in the order they were pushed."""
        if len(self.stack) < count:
            raise IndexError("a value is missing")
        taken = tuple(self.stack[len(self.stack) - count :])
        del self.stack[len(self.stack) - count :]
        return taken

    def extend(self, values: list[Any]) -> None:
        """Append to the list, set or record on top."""
        target = self.stack[-1]
        if isinstance(target, set):
            target.update(map(_key, values))
        else:
            (target.values if isinstance(target, Call) else target).extend(values)

    def set_items(self, pairs: list[Any]) -> None:
        """Put keys and values into the dict or record on top."""
        target = self.stack[-1]
        items = target.items if isinstance(target, Call) else target
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            items[_key(key)] = value

    def make_dict(self) -> None:
        """Make a dict of everything above the mark."""
        pairs = self.above_mark()
        self.stack.append({})
        self.set_items(pairs)

    def call(self) -> None:
        """Note a call in place of making it; an ordered dict is data and becomes a dict."""
        function, arguments = self.take(2)
        if isinstance(function, Named) and (function.module, function.name) == ORDERED_DICT:
            self.stack.append({_key(key): value for key, value in chain(*arguments)})
        else:
            self.stack.append(Call(function, arguments))

    def build(self) -> None:
        """Note the state of a record; a dict's own attributes are dropped."""
        (state,) = self.take(1)
        if isinstance(self.stack[-1], Call):
            self.stack[-1].state = state

    def refer(self, reference: Any) -> None:
        """Note a reference to the outside."""
        self.externals.append(External(reference))
        self.stack.append(self.externals[-1])


def _named(module: Any, name: Any) -> Named:
    if not isinstance(module, str) or not isinstance(name, str):
        raise TypeError("a global has no name")
    return Named(module, name)


def _key(value: Any) -> Any:
    """Let plain values be keys; a deeply nested tuple would overflow the C stack when hashed."""
    if not isinstance(value, str | int | float | bytes | None):
        raise TypeError(f"a {type(value).__name__} is used as a key")
    return value


_PUSHES_ARGUMENT = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
}
_PUSHES_CONSTANT: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_DICT": dict,
    "EMPTY_SET": set,
}
_MEMO_WRITES = {"PUT", "BINPUT", "LONG_BINPUT"}
_MEMO_READS = {"GET", "BINGET", "LONG_BINGET"}
_ACTIONS: dict[str, Callable[[_Machine], Any]] = {
    "MARK": lambda m: m.marks.append(len(m.stack)),
    "POP": lambda m: m.take(1),
    "POP_MARK": lambda m: m.above_mark(),
    "DUP": lambda m: m.stack.append(m.stack[-1]),
    "MEMOIZE": lambda m: m.memo.__setitem__(len(m.memo), m.stack[-1]),
    "TUPLE": lambda m: m.stack.append(tuple(m.above_mark())),
    "TUPLE1": lambda m: m.stack.append(m.take(1)),
    "TUPLE2": lambda m: m.stack.append(m.take(2)),
    "TUPLE3": lambda m: m.stack.append(m.take(3)),
    "LIST": lambda m: m.stack.append(m.above_mark()),
    "FROZENSET": lambda m: m.stack.append(frozenset(map(_key, m.above_mark()))),
    "DICT": lambda m: m.make_dict(),
    "APPEND": lambda m: m.extend(list(m.take(1))),
    "APPENDS": lambda m: m.extend(m.above_mark()),
    "ADDITEMS": lambda m: m.extend(m.above_mark()),
    "SETITEM": lambda m: m.set_items(list(m.take(2))),
    "SETITEMS": lambda m: m.set_items(m.above_mark()),
    "REDUCE": lambda m: m.call(),
    "NEWOBJ": lambda m: m.call(),
    "BUILD": lambda m: m.build(),
    "STACK_GLOBAL": lambda m: m.stack.append(_named(*m.take(2))),
    "BINPERSID": lambda m: m.refer(*m.take(1)),
}
