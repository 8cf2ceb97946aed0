"""Hostile saves of a training run, for `train --resume`: every field, one after the other."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.hostile.case import ANY, DONE, EITHER, FORGES, NOT_DONE, Case, Place
from tests.hostile.checkpoint_fields import NAN, WRONG, load, set_field
from tests.hostile.checkpoints import damaged_save, reads_the_same
from tests.hostile.making import Damage, at, becomes, copy_of, holds
from tests.hostile.mutations import MUTATIONS, NOT_FILES

WRONG_HERE = ("none", "text", "minus", "nan", "infinite", "huge", "list", "mapping")

FIELDS = (
    *("training", "training.identity", "training.identity.seed", "training.weights", "training.optimizer"),
    *("training.optimizer.state", "training.optimizer.state.0", "training.optimizer.state.0.momentum_buffer"),
    *("training.optimizer.param_groups", "training.optimizer.param_groups.0", "training.scaler", "training.epoch"),
    *("training.step", "training.totals", "training.totals.loss", "training.totals.images", "training.history"),
    *("training.history.rows", "training.history.rows.0", "training.history.best_epoch", "training.seconds"),
    *("training.history.best_confusion", "training.history.best_accuracy", "model", "epoch", "metrics"),
)
LIKELY_HARMLESS = ("training.scaler", "training.seconds", "training.history", "training.totals", "epoch", "metrics")

RESUME = "train --data {prepared} --name run --epochs 2 --resume {training}"

Change = Callable[[Any], Any]


def _resume(name: str, damage: Damage, keep_previous: bool = False, **more: Any) -> Case:
    """Resume a stopped run with another last save and, if it is to be kept, the one before."""

    def without(place: Place) -> None:
        for save in ("last.pt", *(() if keep_previous else ("previous.pt",))):
            (place.folder / "checkpoint" / "run" / save).unlink()

    puts = (copy_of("stopped", "checkpoint"), without, at("checkpoint/run/last.pt", damage))
    return Case(f"checkpoints/{name}, {'beside an earlier save' if keep_previous else 'resume'}", RESUME, puts, **more)


def _changed(change: Change) -> Damage:
    def damage(place: Place, path: Path) -> None:
        import torch

        torch.save(change(load(place.seeds.last_save)), path)

    return damage


def _field(field: str, value: Any) -> Change:
    return lambda content: set_field(content, f"training.{field}", value)


def _momentum(change: Change) -> Change:
    def of_content(content: dict[str, Any]) -> Any:
        state = content["training"]["optimizer"]["state"]
        return _field(
            "optimizer.state",
            {number: entry | {"momentum_buffer": change(entry["momentum_buffer"])} for number, entry in state.items()},
        )(content)

    return of_content


def _weights(change: Change) -> Change:
    return lambda content: content | {"model": {name: change(value) for name, value in content["model"].items()}}


SHAPES: dict[str, Change] = {
    "momentum of another shape": _momentum(lambda tensor: tensor[..., :1]),
    "momentum of another kind": _momentum(lambda tensor: tensor.long()),
    "momentum of complex numbers": _momentum(lambda tensor: tensor.cfloat()),
    "momentum of nan": _momentum(lambda tensor: tensor * NAN),
    "momentum is text": _momentum(lambda _tensor: "x"),
    "momentum on no device": _momentum(lambda tensor: tensor.to("meta")),
    "sparse momentum": _momentum(lambda tensor: tensor.to_sparse()),
    "weights of another shape": _weights(lambda tensor: tensor[..., :1] if tensor.dim() else tensor),
    "weights of nan": _weights(lambda tensor: tensor * NAN if tensor.is_floating_point() else tensor),
    "weights of whole numbers": _weights(lambda tensor: tensor.long()),
    "weights without names": lambda content: content | {"model": {}},
    "weights with another name": lambda content: content | {"model": content["model"] | {"x": 1}},
    "no training state": lambda content: {key: value for key, value in content.items() if key != "training"},
    "a list": lambda content: list(content.items()),
    "parameters that are not there": _field("optimizer.param_groups.0.params", [0, 1, 10**9]),
    "a rate that is text": _field("optimizer.param_groups.0.lr", "x"),
    "a rate of nan": _field("optimizer.param_groups.0.lr", NAN),
    "a momentum of -5": _field("optimizer.param_groups.0.momentum", -5),
    "a step of 10 ** 9": _field("step", 10**9),
    "an epoch of 10 ** 9": _field("epoch", 10**9),
    "no images": _field("totals", {"loss": 0.0, "hits": 0.0, "images": 0.0, "x": 1}),
    "a history of 10 ** 5 rows": lambda content: _field("history.rows", content["training"]["history"]["rows"] * 10**5)(
        content
    ),
    "forged settings": _field("identity.schedule", FORGES * 99),
}
UNHARMED = (
    *("momentum of another kind", "weights of whole numbers", "a rate that is text", "no images"),
    "a history of 10 ** 5 rows",
)
"""What may be converted, or is computed anew, and so need not be refused."""


def cases(repeats: int = 1) -> Iterator[Case]:
    """Yield saves with one damaged part, alone and beside an intact earlier save, and other damaged files of a run."""
    for place_in_turn, field in enumerate(FIELDS):
        for number in range(min(3 * repeats, len(WRONG_HERE))):
            what = WRONG_HERE[(place_in_turn + 3 * number) % len(WRONG_HERE)]
            # what an older version, or one that knows other settings, would have written
            of_another_version = (field, what) in {("training.weights", "none"), ("training.identity", "mapping")}
            codes = ANY if field.startswith(LIKELY_HARMLESS) or of_another_version else NOT_DONE
            wrong = _changed(lambda content, field=field, what=what: set_field(content, field, WRONG[what]))
            yield _resume(f"M10 {field} is {what}", wrong, codes=codes)
    for what, change in SHAPES.items():
        yield _resume(f"M10 {what}", _changed(change), codes=ANY if what in UNHARMED else NOT_DONE)
        yield _resume(f"M10 {what}", _changed(change), True, codes=EITHER)
    for mutation in MUTATIONS:
        bad_bytes = damaged_save(mutation, lambda place: place.seeds.last_save)
        more: dict[str, Any] = {"codes": NOT_DONE}
        if mutation == "flip-bit":
            more = {"codes": ANY, "check": reads_the_same}
        yield _resume(f"M10 {mutation}", bad_bytes, **more)
        yield _resume(f"M10 {mutation}", bad_bytes, True, codes=DONE)
    for kind in NOT_FILES:
        yield _resume(f"S5 {kind} as last.pt", becomes(kind), codes=ANY)
        yield _resume(f"S5 {kind} as last.pt", becomes(kind), True, codes=EITHER)
    noise = holds(lambda place: place.rng.randbytes(200))
    for name in ("teachers.npy", "config.json", "history.csv", "best.pt"):
        for kind, damage in {**{kind: becomes(kind) for kind in NOT_FILES}, "noise": noise}.items():
            line = f"{RESUME} --teacher {{run}}" if name == "teachers.npy" else RESUME
            alone = _resume("", lambda place, path: path.write_bytes(place.seeds.last_save.read_bytes()))
            puts = (*alone.puts, at(f"checkpoint/run/{name}", damage))
            yield Case(f"checkpoints/{name} of a run is {kind}, resume", line, puts, ANY)
