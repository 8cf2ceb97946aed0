"""The one reader of pickles, in `.pth` and `.npy` files: a pickle is a small program, and this runs none of it.

The standard unpickler imports what a pickle names and calls it. Here each instruction only moves plain values,
and whatever would have been imported, called or given attributes becomes a record of that wish. Time and memory stay
in proportion to the number of instructions, which is bounded: a pickle that asks for a huge table of memos, for a key
of a million nested tuples or for a hundred thousand keys with one hash gets an error.

What comes back may still name one list a thousand times, and that one another: to compare, hash or print it may never
end. A caller that walks it counts (:meth:`ampnet.checkpoints.torch_file.TorchFile.plain`,
:func:`ampnet.files.npy.to_numpy`).
"""

import gc
import io
import pickletools
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import Any, BinaryIO

from ampnet.errors import CheckpointError
from ampnet.files.printable import describe

MAX_INSTRUCTIONS = 1_000_000
"""Default limit; the last save of the paper's network has about 110,000. An instruction takes at most 250 bytes."""

_MAX_LINE = 1 << 16
_MAX_KEY = 1 << 61
_MAX_PLACE = 1 << 32


@dataclass(frozen=True, eq=False)
class Named:
    """A class or function that the pickle names; never imported."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False, slots=True)
class Call:
    """A call that the pickle asks for; never made."""

    function: Any
    arguments: Any
    state: Any = None
    items: dict[Any, Any] | None = None
    """Keys and values that the result would have been given."""
    values: list[Any] | None = None
    """Values that would have been appended to the result."""


@dataclass(frozen=True, eq=False)
class External:
    """A reference to something outside of the pickle, such as the numbers of a tensor."""

    reference: Any


@dataclass(frozen=True)
class Inert:
    """What one pickle holds."""

    content: Any
    """Plain numbers, strings, bytes and containers; an ordered dict becomes a dict; everything else is a
    :class:`Named`, a :class:`Call` or an :class:`External`."""
    externals: list[External]
    """All references to the outside, in the pickle's order."""
    names: list[Named]
    """All classes and functions that the pickle names, used or not, in its order."""


def read_inert(file: io.BytesIO, max_instructions: int = MAX_INSTRUCTIONS) -> Inert:
    """Read one pickle, executing nothing.

    Args:
        file: in memory, so that no read makes room for more than there is; positioned at the pickle's start, and left
            right behind its end.
        max_instructions: refuse a longer pickle.

    Raises:
        CheckpointError: the pickle is broken or too long, or uses instructions that neither torch nor NumPy writes.
    """
    machine = _Machine(file)
    read, actions = machine.read, _ACTIONS
    try:
        with _collector_paused():
            for _ in repeat(None, max_instructions):
                if (code := read(1)) == _STOP:
                    return Inert(machine.stack.pop(), machine.externals, machine.names)
                actions[code](machine)
    except CheckpointError:
        raise
    # What a hand-made pickle makes fail: missing stack items, unknown memo keys, bad numbers, anything else.
    except Exception as error:
        raise CheckpointError(f"its pickle is broken ({describe(error)})") from error
    raise CheckpointError(f"its pickle has more than {max_instructions:,} instructions")


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep the garbage collector from walking a million new records again and again."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


class _Machine:
    """The pickle virtual machine without its ability to import and call."""

    __slots__ = ("externals", "marks", "memo", "names", "push", "read", "readline", "stack")

    def __init__(self, file: BinaryIO) -> None:
        self.read = file.read
        self.readline = partial(file.readline, _MAX_LINE)  # numbers as text take time in the square of their length
        self.stack: list[Any] = []
        self.push = self.stack.append
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.externals: list[External] = []
        self.names: list[Named] = []

    def above_mark(self) -> list[Any]:
        """Pop everything that was pushed since the last mark."""
        start = self.marks.pop()
        taken = self.stack[start:]
        del self.stack[start:]
        return taken

    def take(self, count: int) -> tuple[Any, ...]:
        """Pop the last ``count`` values in the order they were pushed."""
        if len(self.stack) < count:
            raise IndexError("a value is missing")
        taken = tuple(self.stack[-count:])
        del self.stack[-count:]
        return taken

    def extend(self, values: list[Any]) -> None:
        """Append to the list or record on top."""
        target = self.stack[-1]
        if isinstance(target, Call):
            target.values = target.values or []
            target.values.extend(values)
        else:
            target.extend(values)

    def set_items(self, pairs: list[Any]) -> None:
        """Put keys and values into the dict or record on top."""
        target = self.stack[-1]
        if isinstance(target, Call):
            target.items = target.items or {}
            target = target.items
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            target[_key(key)] = value

    def make_dict(self) -> None:
        """Make a dict of everything above the mark."""
        pairs = self.above_mark()
        self.stack.append({})
        self.set_items(pairs)

    def name(self, module: Any, name: Any) -> None:
        """Note a class or function in place of importing it."""
        if not isinstance(module, str) or not isinstance(name, str):
            raise TypeError("a global has no name")
        self.names.append(Named(module, name))
        self.stack.append(self.names[-1])

    def call(self) -> None:
        """Note a call in place of making it; an ordered dict is data and becomes a dict."""
        arguments = self.stack.pop()
        function = self.stack[-1]
        if isinstance(function, Named) and function.name == "OrderedDict" and function.module == "collections":
            (pairs,) = arguments or ((),)  # more than one list of pairs could be one list a million times
            self.stack[-1] = {_key(key): value for key, value in pairs}
        else:
            self.stack[-1] = Call(function, arguments)

    def build(self) -> None:
        """Note the state of a record; a dict's own attributes are dropped."""
        state = self.stack.pop()
        if isinstance(self.stack[-1], Call):
            self.stack[-1].state = state
        elif not isinstance(self.stack[-1], dict):
            raise TypeError("it sets the state of something that has none")

    def refer(self, reference: Any) -> None:
        """Note a reference to the outside."""
        self.externals.append(External(reference))
        self.stack.append(self.externals[-1])


def _key(value: Any) -> Any:
    """Accept plain values as keys; a deeply nested tuple would overflow the C stack when hashed."""
    if not isinstance(value, str | int | float | bytes | None):
        raise TypeError(f"a {type(value).__name__} is used as a key")
    if isinstance(value, int) and not -_MAX_KEY < value < _MAX_KEY:  # beyond, any number of keys share one hash
        raise ValueError("a huge number is used as a key")
    return value


def _place(place: int) -> int:
    if not 0 <= place < _MAX_PLACE:
        raise ValueError("a memo has no such place")
    return place


def _ends_too_early(_: _Machine) -> None:
    raise CheckpointError("its pickle ends too early")


_Action = Callable[[_Machine], Any]
_uint16, _int32, _uint32 = (struct.Struct(code).unpack for code in ("<H", "<i", "<I"))

# The argument of each instruction, read as the standard library's disassembler reads it.
_ARGUMENTS: dict[str, Callable[[Any], Any]] = {op.name: op.arg.reader for op in pickletools.opcodes if op.arg}


def _with_argument(name: str, action: Callable[[_Machine, Any], Any]) -> _Action:
    argument = _ARGUMENTS[name]
    return lambda m: action(m, argument(m))


def _refusal(name: str) -> _Action:
    def refuse(_: _Machine) -> None:
        raise CheckpointError(f"its pickle uses the instruction {name}, which neither torch nor NumPy writes")

    return refuse


def _put_short(m: _Machine) -> None:
    m.memo[m.read(1)[0]] = m.stack[-1]


def _put_long(m: _Machine) -> None:
    m.memo[_uint32(m.read(4))[0]] = m.stack[-1]


def _memoize(m: _Machine) -> None:
    m.memo[len(m.memo)] = m.stack[-1]


def _tuple2(m: _Machine) -> None:
    last = m.stack.pop()
    m.stack[-1] = (m.stack[-1], last)


def _tuple3(m: _Machine) -> None:
    last, middle = m.stack.pop(), m.stack.pop()
    m.stack[-1] = (m.stack[-1], middle, last)


# What large files consist of, without the detours above.
_FREQUENT: dict[str, _Action] = {
    "BINPUT": _put_short,
    "LONG_BINPUT": _put_long,
    "MEMOIZE": _memoize,
    "BINGET": lambda m: m.push(m.memo[m.read(1)[0]]),
    "BININT1": lambda m: m.push(m.read(1)[0]),
    "LONG_BINGET": lambda m: m.push(m.memo[_uint32(m.read(4))[0]]),
    "BININT": lambda m: m.push(_int32(m.read(4))[0]),
    "BININT2": lambda m: m.push(_uint16(m.read(2))[0]),
    "SHORT_BINBYTES": lambda m: m.push(m.read(m.read(1)[0])),
    "BINUNICODE": lambda m: m.push(str(m.read(_uint32(m.read(4))[0]), "utf-8", "surrogatepass")),
    "SHORT_BINUNICODE": lambda m: m.push(str(m.read(m.read(1)[0]), "utf-8", "surrogatepass")),
}
_PUSH_ARGUMENT = (
    *("INT", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING", "SHORT_BINSTRING"),
    *("BINBYTES", "BINBYTES8", "BYTEARRAY8", "UNICODE", "BINUNICODE8"),
)
_WITH_ARGUMENT: dict[str, Callable[[_Machine, Any], Any]] = {
    **dict.fromkeys(_PUSH_ARGUMENT, lambda m, argument: m.push(argument)),
    **dict.fromkeys(("PROTO", "FRAME"), lambda _, __: None),
    "PUT": lambda m, place: m.memo.__setitem__(_place(int(place)), m.stack[-1]),
    "GET": lambda m, place: m.push(m.memo[int(place)]),
    "GLOBAL": lambda m, name: m.name(*name.split(" ", 1)),
    "PERSID": lambda m, reference: m.refer(reference),
}
_WITHOUT_ARGUMENT: dict[str, _Action] = {
    "NONE": lambda m: m.push(None),
    "NEWTRUE": lambda m: m.push(True),
    "NEWFALSE": lambda m: m.push(False),
    "EMPTY_LIST": lambda m: m.push([]),
    "EMPTY_TUPLE": lambda m: m.push(()),
    "EMPTY_DICT": lambda m: m.push({}),
    "EMPTY_SET": lambda m: m.push([]),  # a set takes four times the memory, and nothing we read is one
    "MARK": lambda m: m.marks.append(len(m.stack)),
    "POP": lambda m: m.stack.pop(),
    "POP_MARK": _Machine.above_mark,
    "DUP": lambda m: m.push(m.stack[-1]),
    "TUPLE": lambda m: m.push(tuple(m.above_mark())),
    "TUPLE1": lambda m: m.push((m.stack.pop(),)),
    "TUPLE2": _tuple2,
    "TUPLE3": _tuple3,
    "LIST": lambda m: m.push(m.above_mark()),
    "FROZENSET": lambda m: m.push(tuple(m.above_mark())),
    "DICT": _Machine.make_dict,
    "APPEND": lambda m: m.extend(list(m.take(1))),
    "APPENDS": lambda m: m.extend(m.above_mark()),
    "ADDITEMS": lambda m: m.extend(m.above_mark()),
    "SETITEM": lambda m: m.set_items(list(m.take(2))),
    "SETITEMS": lambda m: m.set_items(m.above_mark()),
    "REDUCE": _Machine.call,
    "NEWOBJ": _Machine.call,
    "BUILD": _Machine.build,
    "STACK_GLOBAL": lambda m: m.name(*m.take(2)),
    "BINPERSID": lambda m: m.refer(m.stack.pop()),
}
_ACTIONS_BY_NAME = {
    **_WITHOUT_ARGUMENT,
    **{name: _with_argument(name, action) for name, action in _WITH_ARGUMENT.items()},
    **_FREQUENT,
}
_ACTIONS: dict[bytes, _Action] = {
    b"": _ends_too_early,
    **{op.code.encode("latin1"): _ACTIONS_BY_NAME.get(op.name, _refusal(op.name)) for op in pickletools.opcodes},
}
_STOP = b"."
