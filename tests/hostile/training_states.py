"""Hostile saves of a training run, for `train --resume`: every field, one after the other."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.hostile.case import DONE, EITHER, NOT_DONE, Case, Place
from tests.hostile.checkpoints import INFINITY, NAN, load
from tests.hostile.mutations import MUTATIONS, NOT_FILES
from tests.hostile.seeds import TRAINING

OWNER = "checkpoint-wall"

WRONG: dict[str, Any] = {
    "none": None,
    "text": "x",
    "minus": -1,
    "nan": NAN,
    "infinite": INFINITY,
    "huge": 10**30,
    "list": [1, 2],
    "mapping": {"a": 1},
}

FIELDS = (
    *("training", "training.identity", "training.identity.seed", "training.weights", "training.optimizer"),
    *("training.optimizer.state", "training.optimizer.state.0", "training.optimizer.state.0.momentum_buffer"),
    *("training.optimizer.param_groups", "training.optimizer.param_groups.0", "training.scaler", "training.epoch"),
    *("training.step", "training.totals", "training.totals.loss", "training.totals.images", "training.history"),
    *("training.history.rows", "training.history.rows.0", "training.history.best_epoch", "training.seconds"),
    *("training.history.best_confusion", "training.history.best_accuracy", "model", "epoch", "metrics"),
)

LIKELY_HARMLESS = ("training.scaler", "training.seconds", "training.history", "training.totals", "epoch", "metrics")


def _set(content: Any, field: str, value: Any) -> Any:
    """Replace a value at a path; whole numbers in the path are keys or positions."""
    name, _, below = field.partition(".")
    key: Any = int(name) if name.isdecimal() else name
    if isinstance(content, list):
        return [(_set(item, below, value) if below else value) if i == key else item for i, item in enumerate(content)]
    if not below:
        return content | {key: value}
    return content | {key: _set(content.get(key, {}), below, value)}


def _resume(put: Callable[[Place, Path], object], keep_previous: bool = False) -> Callable[[Place], Sequence[str]]:
    def make(place: Place) -> Sequence[str]:
        shutil.copytree(place.seeds.stopped, place.folder / "checkpoint")
        run = place.folder / "checkpoint" / "run"
        if not keep_previous:
            (run / "previous.pt").unlink()
        (run / "last.pt").unlink()
        put(place, run / "last.pt")
        return ["train", "--data", str(place.seeds.prepared), "--name", "run", "--epochs", "2", "--resume", *TRAINING]

    return make


def _changed(change: Callable[[dict[str, Any]], Any]) -> Callable[[Place, Path], None]:
    def put(place: Place, path: Path) -> None:
        import torch

        torch.save(change(load(place.seeds.stopped / "run" / "last.pt")), path)

    return put


def _tensors(change: Callable[[Any], Any]) -> Callable[[dict[str, Any]], Any]:
    def of_content(content: dict[str, Any]) -> dict[str, Any]:
        buffers = {
            number: entry | {"momentum_buffer": change(entry["momentum_buffer"])}
            for number, entry in content["training"]["optimizer"]["state"].items()
        }
        return _set(content, "training.optimizer.state", buffers)  # type: ignore[no-any-return]

    return of_content


def _weights(change: Callable[[Any], Any]) -> Callable[[dict[str, Any]], Any]:
    return lambda content: content | {"model": {name: change(value) for name, value in content["model"].items()}}


SHAPES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "momentum of another shape": _tensors(lambda tensor: tensor[..., :1]),
    "momentum of another kind": _tensors(lambda tensor: tensor.long()),
    "momentum of complex numbers": _tensors(lambda tensor: tensor.cfloat()),
    "momentum of nan": _tensors(lambda tensor: tensor * NAN),
    "momentum is text": _tensors(lambda _tensor: "x"),
    "momentum on no device": _tensors(lambda tensor: tensor.to("meta")),
    "sparse momentum": _tensors(lambda tensor: tensor.to_sparse()),
    "weights of another shape": _weights(lambda tensor: tensor[..., :1] if tensor.dim() else tensor),
    "weights of nan": _weights(lambda tensor: tensor * NAN if tensor.is_floating_point() else tensor),
    "weights of whole numbers": _weights(lambda tensor: tensor.long()),
    "weights without names": lambda content: content | {"model": {}},
    "weights with another name": lambda content: content | {"model": content["model"] | {"x": 1}},
    "no training state": lambda content: {key: value for key, value in content.items() if key != "training"},
    "a list": lambda content: list(content.items()),
    "parameters that are not there": lambda content: _set(
        content, "training.optimizer.param_groups.0.params", [0, 1, 10**9]
    ),
    "a rate that is text": lambda content: _set(content, "training.optimizer.param_groups.0.lr", "x"),
    "a rate of nan": lambda content: _set(content, "training.optimizer.param_groups.0.lr", NAN),
    "a momentum of -5": lambda content: _set(content, "training.optimizer.param_groups.0.momentum", -5),
    "a step of 10 ** 9": lambda content: _set(content, "training.step", 10**9),
    "an epoch of 10 ** 9": lambda content: _set(content, "training.epoch", 10**9),
    "no images": lambda content: _set(content, "training.totals", {"loss": 0.0, "hits": 0.0, "images": 0.0, "x": 1}),
    "a history of 10 ** 5 rows": lambda content: _set(
        content, "training.history.rows", content["training"]["history"]["rows"] * 10**5
    ),
    "forged settings": lambda content: _set(content, "training.identity.schedule", "x\nampnet: forged \x1b[31m" * 99),
}

UNHARMED = (
    *("momentum of another kind", "weights of whole numbers", "a rate that is text", "no images"),
    "a history of 10 ** 5 rows",
)
"""What may be converted, or is computed anew, and so need not be refused."""


def cases(repeats: int = 1) -> Iterator[Case]:
    """Yield saves with one damaged part, alone and beside an intact earlier save."""
    harmless = frozenset((0, 1, 2))
    for place_in_turn, field in enumerate(FIELDS):
        for number in range(min(3 * repeats, len(WRONG))):
            what, value = list(WRONG.items())[(place_in_turn + 3 * number) % len(WRONG)]
            codes = harmless if field.startswith(LIKELY_HARMLESS) else NOT_DONE
            if (field, what) in {("training.weights", "none"), ("training.identity", "mapping")}:
                codes = harmless  # what an older version, or one that knows other settings, would have written
            put = _changed(lambda content, f=field, v=value: _set(content, f, v))  # type: ignore[misc]
            name = f"checkpoints/M10 {field} is {what}, resume"
            yield Case(name, OWNER, _resume(put), codes, is_named=number == 0)
    for what, change in SHAPES.items():
        codes = harmless if what in UNHARMED else NOT_DONE
        yield Case(f"checkpoints/M10 {what}, resume", OWNER, _resume(_changed(change)), codes, is_named=True)
        yield Case(f"checkpoints/M10 {what}, beside an earlier save", OWNER, _resume(_changed(change), True), EITHER, 1)
    for mutation in MUTATIONS:

        def put_bytes(place: Place, path: Path, m: str = mutation) -> None:
            path.write_bytes(MUTATIONS[m]((place.seeds.stopped / "run" / "last.pt").read_bytes(), place.rng))

        yield Case(f"checkpoints/M10 {mutation}, resume", OWNER, _resume(put_bytes), NOT_DONE)
        yield Case(f"checkpoints/M10 {mutation}, beside an earlier save", OWNER, _resume(put_bytes, True), DONE)
    for kind in NOT_FILES:
        put = lambda _place, path, k=kind: NOT_FILES[k](path)  # type: ignore[misc]  # noqa: E731
        yield Case(f"checkpoints/S5 {kind} as last.pt, resume", OWNER, _resume(put), harmless, is_named=True)
        yield Case(f"checkpoints/S5 {kind} as last.pt, beside an earlier save", OWNER, _resume(put, True), EITHER)
    yield from _run_folders()


def _run_folders() -> Iterator[Case]:
    """Yield other files of a run folder that resuming reads or replaces."""
    for name in ("teachers.npy", "config.json", "history.csv", "best.pt"):
        for kind in (*NOT_FILES, "noise"):

            def make(place: Place, n: str = name, k: str = kind) -> Sequence[str]:
                argv = _resume(lambda p, path: shutil.copy(p.seeds.stopped / "run" / "last.pt", path))(place)
                victim = place.folder / "checkpoint" / "run" / n
                if victim.exists():
                    victim.unlink()
                if k == "noise":
                    victim.write_bytes(place.rng.randbytes(200))
                else:
                    NOT_FILES[k](victim)
                more = ["--teacher", str(place.seeds.run)] if n == "teachers.npy" else []
                return [*argv, *more]

            yield Case(f"checkpoints/{name} of a run is {kind}, resume", OWNER, make, frozenset((0, 1, 2)))
