"""Where a file holds the reference network's weights, and under which names.

Training programs store weights under one key or another, and what wraps a network (DataParallel, torch.compile, a class
of a training library) adds prefixes to its names.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ampnet.checkpoints.reference.parameter_names import LOCAL_HEAD
from ampnet.errors import CheckpointError
from ampnet.files.pickle_reader import Call, Named
from ampnet.files.printable import printable

KEYS = ("state_dict_ema", "model_ema", "state_dict", "model_state_dict", "model", "net")
"""Keys of weights. Of several that hold the network, the first is taken: the averaged weights, as timm does."""

_INSERTED = ("module", "_orig_mod")
"""Words that wrappers put anywhere into a name, since they wrap parts of a network as well."""
_IN_FRONT = ("model", "net")
_MAX_DEPTH = 3  # of dicts within dicts


@dataclass(frozen=True)
class _Part:
    """A dict within a file that holds tensors."""

    keys: tuple[str, ...]
    """Where it is."""
    entries: Mapping[str, Any]

    @property
    def rank(self) -> int:
        """Its place in the order of :data:`KEYS`."""
        return min((KEYS.index(key) for key in self.keys if key in KEYS), default=len(KEYS))


def find_weights(content: Any, wanted: Collection[str]) -> dict[str, Any]:
    """Find the reference network's tensors.

    Args:
        content: what the file holds; see :class:`ampnet.checkpoints.torch_file.TorchFile`.
        wanted: the network's own tensor names.

    Returns:
        Records of tensors by their names without prefixes; at least half of ``wanted`` are among them.

    Raises:
        CheckpointError: there are none, or those of several networks. The message says what was found instead.
    """
    parts = list(_parts(content))
    found = [(part, names) for part in parts if (names := _network(part, set(wanted))) is not None]
    if not found:
        raise CheckpointError(_refusal(content, parts))
    return min(found, key=lambda one: one[0].rank)[1]


def _parts(content: Any, keys: tuple[str, ...] = (), seen: set[int] | None = None) -> Iterator[_Part]:
    """Yield the dicts that hold tensors; each once, since a file may name the same one any number of times."""
    seen = set() if seen is None else seen
    if not isinstance(content, Mapping) or len(keys) > _MAX_DEPTH or id(content) in seen:
        return
    seen.add(id(content))
    if any(isinstance(name, str) and _is_tensor(value) for name, value in content.items()):
        yield _Part(keys, {name: value for name, value in content.items() if isinstance(name, str)})
    for key, value in content.items():
        if isinstance(key, str):
            yield from _parts(value, (*keys, key), seen)


def _network(part: _Part, wanted: set[str]) -> dict[str, Any] | None:
    """Return the tensors of the reference network under its own names; None if they are another network's."""
    bare: dict[str, Any] = {}
    for name, value in part.entries.items():
        if bare.setdefault(_unwrapped(name), value) is not value:
            raise CheckpointError(f"it holds {printable(_unwrapped(name), 60)} twice, with different prefixes")
    anchor = f"{LOCAL_HEAD}.bias"
    prefixes = {name.removesuffix(anchor) for name in bare if name == anchor or name.endswith(f".{anchor}")}
    if len(prefixes) > 1:
        raise CheckpointError(f"it holds several networks: {printable(', '.join(sorted(prefixes)), 80)}")
    prefix = next(iter(prefixes), "")
    names = {name[len(prefix) :]: value for name, value in bare.items() if name.startswith(prefix)}
    return names if 2 * len(wanted & names.keys()) >= len(wanted) else None


def _unwrapped(name: str) -> str:
    words = [word for word in name.split(".") if word not in _INSERTED]
    while words and words[0] in _IN_FRONT:
        del words[0]
    return ".".join(words)


def _is_tensor(record: Any) -> bool:
    return isinstance(record, Call) and _name(record).startswith("torch._utils._rebuild")


def _name(call: Call) -> str:
    """Name what a call of a pickle would make: its function, or the class of an object."""
    function, arguments = call.function, call.arguments
    if isinstance(function, Named) and function.module == "copyreg" and isinstance(arguments, tuple) and arguments:
        function = arguments[0]
    return str(function) if isinstance(function, Named) else "something"


def _refusal(content: Any, parts: list[_Part]) -> str:
    none = "no weights of the reference program"
    entries = content if isinstance(content, Mapping) else {"": content}
    for key, value in entries.items():
        if not parts and isinstance(value, Call) and value.state is not None:
            where = f"under {printable(key, 20)} " if key else ""
            return f"{none}: {where}is a pickled {printable(_name(value), 40)}; save its state_dict()"
    if not parts:
        held = ", ".join(str(key) for key in entries) if isinstance(content, Mapping) else type(content).__name__
        return f"{none}: it holds no tensors, only {printable(held, 60) or 'an empty dict'}"
    found = [([name for name, value in part.entries.items() if _is_tensor(value)], part.keys) for part in parts]
    names, keys = max(found, key=lambda one: len(one[0]))
    where = f" under {printable('.'.join(keys), 24)}" if keys else ""
    return f"{none}: found {len(names)} tensors{where}, such as {printable(names[0], 40)}"
