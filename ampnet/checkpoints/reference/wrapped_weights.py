"""Where a file holds the reference network's weights, and under which names.

Training programs store weights under one key or another, and what wraps a network (DataParallel, torch.compile, a class
of a training library) adds prefixes to its names.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from ampnet.checkpoints.network import WithoutNumbers
from ampnet.errors import CheckpointError
from ampnet.files.pickle_reader import Call, Named
from ampnet.files.printable import printable
from ampnet.models.attention import attention_stack

IDENTITIES = 8631
"""Classes of the VGGFace2 pre-training; two unused heads of the reference network always have this size."""

LOCAL_HEAD, GLOBAL_HEAD = "fc_5", "fc_3"

_PARTS: tuple[tuple[str, str], ...] = (
    (r"^stem\.first\.conv\.", "conv1."),
    (r"^stem\.first\.bn\.", "bn1."),
    (r"^stem\.layer", "layer"),
    (r"^local_perception\.fuse\.", "fc_1."),
    (r"^attentional_perception\.fuse\.", "fc_2."),
    (r"^global_head\.", f"{GLOBAL_HEAD}."),
    (r"^local_head\.", f"{LOCAL_HEAD}."),
    (r"\.first\.conv\.", ".conv1."),
    (r"\.first\.bn\.", ".bn1."),
    (r"\.second\.conv\.", ".conv2."),
    (r"\.second\.bn\.", ".bn2."),
    (r"\.shortcut\.conv\.", ".downsample.0."),
    (r"\.shortcut\.bn\.", ".downsample.1."),
    (r"\.gate\.0\.mlp\.0\.", ".cbam.ChannelGate.mlp.1."),
    (r"\.gate\.0\.mlp\.2\.", ".cbam.ChannelGate.mlp.3."),
    (r"\.gate\.1\.project\.", ".cbam.SpatialGate.spatial."),
)
_BRANCH = re.compile(r"^(local|attentional)_perception\.branches\.(\d)\.(\d)\.")
_STAGE = re.compile(r"^global_perception\.stages\.(\d)\.")


@cache
def reference_name(name: str) -> str:
    """Translate one of our tensor names to the reference program's."""
    if stage := _STAGE.match(name):
        return _stage_name(int(stage[1]) + 2, name[stage.end() :])
    if branch := _BRANCH.match(name):
        index, block = int(branch[2]) + 1, int(branch[3])
        # layer3_1_i and layer3_2_i are the two halves of quadrant i; layer4_1_i is salient region i.
        layer = f"layer3_{1 + block // 2}_{index}" if branch[1] == "local" else f"layer4_1_{index}"
        name = f"{layer}.{block % 2}.{name[branch.end() :]}"
    for ours, theirs in _PARTS:
        name = re.sub(ours, theirs, name)
    return name


def _stage_name(number: int, rest: str) -> str:
    block = f"OSA{number}_1"
    rest = re.sub(r"^layers\.(\d)\.0\.", rf"layers.\1.{block}_\1/", rest)
    rest = re.sub(r"^layers\.(\d)\.1\.project\.", rf"layers.\1.{block}_\1/pw_cbam.sigatten.fc2.", rest)
    rest = re.sub(r"^join\.", f"concat.{block}_concat/", rest)
    rest = re.sub(r"^squeeze\.project\.", "ese.fc.", rest)
    return f"stage{number}.{block}." + rest.replace("/bn.", "/norm.")


def unused_tensors(num_classes: int) -> dict[str, Tensor]:
    """Create zeros for the tensors that the reference network holds but never uses (55 million numbers).

    Args:
        num_classes: classes of its heads; two of the unused heads have 8631 regardless.

    Returns:
        Tensors by reference name.
    """
    unused: dict[str, Tensor] = {}
    with WithoutNumbers():
        stack = attention_stack(256, (512, 1)).state_dict()
    for region in range(1, 6):
        for name, value in stack.items():
            unused[reference_name(f"layer4_2_{region}.{name}")] = torch.zeros(value.shape, dtype=value.dtype)
    for layer, channels in (("Occlusionlayer", 128), ("Occlusionlayer1", 256)):
        for conv, inputs in (("spatial", 2 * channels), ("spatial1", channels)):
            unused[f"{layer}.{conv}.conv.weight"] = torch.zeros(channels, inputs, 3, 3)
            for name in ("weight", "bias", "running_mean", "running_var"):
                unused[f"{layer}.{conv}.bn.{name}"] = torch.zeros(channels)
            unused[f"{layer}.{conv}.bn.num_batches_tracked"] = torch.zeros((), dtype=torch.int64)
        unused |= _linear(f"{layer}.fc2", channels, 1)
    heads = (
        ("fc_1_1", 512, num_classes),
        ("fc_2_1", 512, IDENTITIES),
        ("fc_4", 3328, 512),
        ("fc_4_1", 512, IDENTITIES),
    )
    for name, inputs, outputs in heads:
        unused |= _linear(name, inputs, outputs)
    return unused


def _linear(name: str, inputs: int, outputs: int) -> dict[str, Tensor]:
    return {f"{name}.weight": torch.zeros(outputs, inputs), f"{name}.bias": torch.zeros(outputs)}


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
