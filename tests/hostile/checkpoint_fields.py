"""Checkpoints with one field of a wrong kind, and the issue's items on checkpoints."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.hostile import pickle_files as files
from tests.hostile.case import FORGES
from tests.hostile.making import Damage, holds

NAN, INFINITY = float("nan"), float("inf")

WRONG: dict[str, Any] = {
    "none": None,
    "text": "x",
    "number": 7,
    "minus": -1,
    "huge": 10**30,
    "nan": NAN,
    "infinite": INFINITY,
    "list": [1, 2],
    "nested": [[[[]]]],
    "mapping": {"a": 1},
    "long text": "n" * 5000,
    "forged": FORGES,
    "false": False,
}
"""Values of a wrong kind for almost any field."""

FIELDS = (
    *("format", "version", "architecture", "class_names", "framing", "config", "epoch", "metrics", "branch_weight"),
    *("selected_on", "temperature", "class_shares", "prior_strength", "rejection_threshold", "model"),
    *("architecture.num_classes", "architecture.width", "architecture.image_size", "architecture.dropout"),
    *("architecture.modules", "framing.mean_landmarks", "framing.crop", "framing.color", "framing.face_resolution"),
    *("config.seed", "config.fold", "metrics.val_accuracy", "class_names.0"),
)


def load(path: Path) -> dict[str, Any]:
    """Read a good checkpoint."""
    import torch

    content: dict[str, Any] = torch.load(path, weights_only=True)
    return content


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Write a checkpoint in the format of its suffix; values that JSON lacks are written as Python does."""
    import torch
    from safetensors.torch import save

    if path.suffix == ".safetensors":
        header = {key: value for key, value in content.items() if key != "model"}
        weights = content["model"] if isinstance(content["model"], dict) else {}
        path.write_bytes(save(weights, metadata={"ampnet": json.dumps(header)}))
    else:
        torch.save(dict(content), path)


def set_field(content: Any, field: str, value: Any) -> Any:
    """Copy plain values with one of them replaced; whole numbers in the path of a field are keys or positions."""
    name, _, below = field.partition(".")
    key: Any = int(name) if name.isdecimal() else name
    if isinstance(content, list):
        return [
            (set_field(item, below, value) if below else value) if i == key else item for i, item in enumerate(content)
        ]
    return {**content, key: set_field(content.get(key, {}), below, value) if below else value}


def with_field(field: str, value: Any) -> Damage:
    """Write the good checkpoint with another value of a field."""
    return lambda place, path: write(path, set_field(load(place.seeds.checkpoint()), field, value))


def one_field_wrong() -> Iterator[tuple[str, str, Damage]]:
    """Yield every wrong value of every field, with the suffix of a format; the formats take turns."""
    for i, field in enumerate(FIELDS):
        for j, (what, value) in enumerate(WRONG.items()):
            suffix = ".safetensors" if (i + j) % 3 == 0 and not field.startswith("model") else ".pt"
            yield f"{field} is {what}", suffix, with_field(field, value)


def _filled_with(value: float) -> Damage:
    def change(content: dict[str, Any]) -> dict[str, Any]:
        return {name: w.clone().fill_(value) if w.is_floating_point() else w for name, w in content["model"].items()}

    def damage(place: Any, path: Path) -> None:
        content = load(place.seeds.checkpoint())
        write(path, content | {"model": change(content)})

    return damage


NAMED: dict[str, Damage] = {
    "M12 width 8": with_field("architecture.width", 8.0),
    "M12 image_size 8000": with_field("architecture.image_size", 8000),
    "M12 num_classes 10 ** 9": with_field("architecture.num_classes", 10**9),
    "M13 nan in weights": _filled_with(NAN),
    "M13 infinite weights": _filled_with(INFINITY),
    "M13 nan as branch weight": with_field("branch_weight", NAN),
    "small: five equal landmarks": with_field("framing.mean_landmarks", [[112.0, 112.0]] * 5),
    "small: infinite epoch": with_field("epoch", INFINITY),
    "small: infinite width": with_field("architecture.width", INFINITY),
    "small: framing of a wrong kind": with_field("framing", [1, 2]),
}
"""The issue's items, for each command of ours."""


def named() -> Iterator[tuple[str, str, Damage, tuple[str, ...]]]:
    """Yield the issue's items, with the commands that read them if those are few."""
    for what, damage in NAMED.items():
        yield what, ".pt", damage, ()
    yield "small: seed of a wrong kind", ".pt", with_field("config.seed", "x"), ("eval",)
    yield (
        "M12 compressed data.pkl",
        ".pt",
        holds(lambda _place: files.ARCHIVES["compressed pickle"]()),
        ("eval", "import"),
    )
    for depth in (1_000, 100_000, 5_000_000):
        deep = json.dumps({"__metadata__": {"ampnet": "[" * depth + "]" * depth}}).encode()
        damage = holds(files.safetensors_file(deep))
        yield f"M11 metadata nested {depth:,} times", ".safetensors", damage, ("eval",)
    deep = b'{"__metadata__":' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    yield "M11 header nested 200,000 times", ".safetensors", holds(files.safetensors_file(deep)), ("predict",)
