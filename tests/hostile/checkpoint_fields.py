"""Checkpoints with one field of a wrong kind, and the issue's items on checkpoints."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.hostile import pickle_files as files
from tests.hostile.case import ANY, EITHER, Case, Place
from tests.hostile.checkpoints import INFINITY, NAN, OURS, changed, of_bytes, read_by

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
    "forged": "x\nampnet: forged \x1b[31m",
    "false": False,
}
"""Values of a wrong kind for almost any field."""

FIELDS = (
    *("format", "version", "architecture", "class_names", "framing", "config", "epoch", "metrics", "branch_weight"),
    *("selected_on", "temperature", "class_shares", "prior_strength", "rejection_threshold", "model"),
    *("architecture.num_classes", "architecture.width", "architecture.image_size", "architecture.dropout"),
    *("architecture.modules", "framing.mean_landmarks", "framing.crop", "framing.color", "framing.face_resolution"),
    *("config.seed", "metrics.val_accuracy", "class_names.0"),
)


def set_field(content: dict[str, Any], field: str, value: Any) -> dict[str, Any]:
    """Copy plain values with one of them replaced."""
    name, _, below = field.partition(".")
    if not below:
        return content | {name: value}
    inner = content[name]
    if isinstance(inner, list):
        return content | {name: [value if number == int(below) else item for number, item in enumerate(inner)]}
    return content | {name: set_field(dict(inner), below, value)}


def headers() -> Iterator[Case]:
    """Yield files with one field of a wrong kind; commands and formats take turns."""
    for i, field in enumerate(FIELDS):
        for j, (what, value) in enumerate(WRONG.items()):
            suffix = ".safetensors" if (i + j) % 3 == 0 and not field.startswith("model") else ".pt"
            command = OURS[(i + 2 * j) % len(OURS)]
            put = changed(lambda content, f=field, v=value: set_field(content, f, v))  # type: ignore[misc]
            yield read_by(f"{field} is {what}{suffix}", command, put, suffix, codes=ANY)


def _weights(value: float) -> Callable[[Place, Path], None]:
    def change(content: dict[str, Any]) -> dict[str, Any]:
        return content | {
            "model": {n: w.clone().fill_(value) if w.is_floating_point() else w for n, w in content["model"].items()}
        }

    return changed(change)


def _grow(content: dict[str, Any], **sizes: Any) -> dict[str, Any]:
    return content | {"architecture": content["architecture"] | sizes}


def named() -> Iterator[Case]:
    """Yield the issue's items, each in every command of ours."""
    same_points = [[112.0, 112.0]] * 5
    refused: dict[str, Callable[[Place, Path], None]] = {
        "M12 width 8": changed(lambda c: _grow(c, width=8.0)),
        "M12 image_size 8000": changed(lambda c: _grow(c, image_size=8000)),
        "M12 num_classes 10 ** 9": changed(lambda c: _grow(c, num_classes=10**9)),
        "M13 nan in weights": _weights(NAN),
        "M13 infinite weights": _weights(INFINITY),
        "M13 nan as branch weight": changed(lambda c: c | {"branch_weight": NAN}),
        "small: five equal landmarks": changed(lambda c: set_field(c, "framing.mean_landmarks", same_points)),
        "small: infinite epoch": changed(lambda c: c | {"epoch": INFINITY}),
        "small: infinite width": changed(lambda c: _grow(c, width=INFINITY)),
        "small: framing of a wrong kind": changed(lambda c: c | {"framing": [1, 2]}),
    }
    for what, put in refused.items():
        for command in OURS:
            yield read_by(what, command, put, is_named=command in ("eval", "predict", "teacher"))
    seed = changed(lambda c: set_field(c, "config.seed", "x"))
    yield read_by("small: seed of a wrong kind", "eval", seed, codes=EITHER, is_named=True)
    for command in ("eval", "import"):
        bomb = of_bytes(lambda _place: files.ARCHIVES["compressed pickle"]())
        yield read_by("M12 compressed data.pkl", command, bomb, is_named=True)
    for depth in (1_000, 100_000, 5_000_000):
        deep = json.dumps({"__metadata__": {"ampnet": "[" * depth + "]" * depth}}).encode()
        put = of_bytes(files.safetensors_file(deep))
        yield read_by(f"M11 metadata nested {depth:,} times", "eval", put, ".safetensors", is_named=True)
    deep = b'{"__metadata__":' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    put = of_bytes(files.safetensors_file(deep))
    yield read_by("M11 header nested 200,000 times", "predict", put, ".safetensors", is_named=True)


def cases(repeats: int = 1) -> Iterator[Case]:
    """Yield all cases on fields."""
    del repeats  # nothing here is random
    yield from headers()
    yield from named()
