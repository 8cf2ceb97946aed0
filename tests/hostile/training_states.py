"""Hostile saves of a training run, for `train --resume`: every field, one after the other."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.hostile import checkpoint_fields
from tests.hostile.case import ANY, DONE, EITHER, NOT_DONE, Case, Place
from tests.hostile.checkpoints import NAN, OWNER, damaged_save, load, reads_the_same
from tests.hostile.making import Put, case, changed, content, copy_of, thing
from tests.hostile.mutations import MUTATIONS, NOT_FILES

WRONG = {
    what: checkpoint_fields.WRONG[what]
    for what in ("none", "text", "minus", "nan", "infinite", "huge", "list", "mapping")
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


RESUME = "train --data {prepared} --name run --epochs 2 --resume {training}"


def _saves(put: Callable[[Place, Path], object], keep_previous: bool = False) -> tuple[Put, ...]:
    """Copy a stopped run, with another last save and, if it is to be kept, the one before."""

    def without(place: Place) -> None:
        for name in ("last.pt", *(() if keep_previous else ("previous.pt",))):
            (place.folder / "checkpoint" / "run" / name).unlink()

    return copy_of("stopped", "checkpoint"), without, changed("checkpoint/run/last.pt", put)


def _resume(name: str, put: Callable[[Place, Path], object], keep_previous: bool = False, **more: Any) -> Case:
    end = "beside an earlier save" if keep_previous else "resume"
    return case(f"checkpoints/{name}, {end}", OWNER, RESUME, *_saves(put, keep_previous), **more)


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
    for place_in_turn, field in enumerate(FIELDS):
        for number in range(min(3 * repeats, len(WRONG))):
            what, value = list(WRONG.items())[(place_in_turn + 3 * number) % len(WRONG)]
            codes = ANY if field.startswith(LIKELY_HARMLESS) else NOT_DONE
            if (field, what) in {("training.weights", "none"), ("training.identity", "mapping")}:
                codes = ANY  # what an older version, or one that knows other settings, would have written
            put = _changed(lambda content, f=field, v=value: _set(content, f, v))  # type: ignore[misc]
            yield _resume(f"M10 {field} is {what}", put, codes=codes, is_named=number == 0)
    for what, change in SHAPES.items():
        codes = ANY if what in UNHARMED else NOT_DONE
        yield _resume(f"M10 {what}", _changed(change), codes=codes, is_named=True)
        yield _resume(f"M10 {what}", _changed(change), True, codes=EITHER)
    for mutation in MUTATIONS:
        bad_bytes = damaged_save(mutation, lambda place: place.seeds.stopped / "run" / "last.pt")
        more = {"codes": ANY, "check": reads_the_same} if mutation == "flip-bit" else {"codes": NOT_DONE}
        yield _resume(f"M10 {mutation}", bad_bytes, **more)
        yield _resume(f"M10 {mutation}", bad_bytes, True, codes=DONE)
    for kind in NOT_FILES:
        no_file = lambda _place, path, k=kind: NOT_FILES[k](path)  # type: ignore[misc]  # noqa: E731
        yield _resume(f"S5 {kind} as last.pt", no_file, codes=ANY, is_named=True)
        yield _resume(f"S5 {kind} as last.pt", no_file, True, codes=EITHER)
    yield from _run_folders()


def _run_folders() -> Iterator[Case]:
    """Yield other files of a run folder that resuming reads or replaces."""
    for name in ("teachers.npy", "config.json", "history.csv", "best.pt"):
        for kind in (*NOT_FILES, "noise"):
            path = f"checkpoint/run/{name}"
            put = thing(kind, path) if kind in NOT_FILES else content(path, lambda place: place.rng.randbytes(200))
            line = f"{RESUME} --teacher {{run}}" if name == "teachers.npy" else RESUME
            puts = (*_saves(lambda p, file: shutil.copy(p.seeds.stopped / "run" / "last.pt", file)), put)
            yield case(f"checkpoints/{name} of a run is {kind}, resume", OWNER, line, *puts, codes=ANY)
