"""Hostile checkpoints, in every command that reads one: `.pt`, `.safetensors` and `.pth`."""

import json
import pickle
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.hostile import checkpoint_fields
from tests.hostile import pickle_files as files
from tests.hostile.case import ANY, DONE, EITHER, NOT_DONE, Case, Fault, Outcome, Place
from tests.hostile.making import Damage, at, becomes, holds
from tests.hostile.mutations import MUTATIONS, NOT_FILES
from tests.hostile.seeds import SIZE, TRAINING

DETECT = "predict {photo} --checkpoint {run} --detector %s --weights {bad} --json --quiet"
COMMANDS = {
    "export-reference": "export-reference {bad} --out out.pth",
    "eval": "eval {bad} --data {prepared} --out report --json -q --workers 0",
    "export": "export {bad} --format safetensors --out out.safetensors",
    "robustness": "robustness {bad} --data {prepared} --out report --corruptions none --workers 0 --quiet",
    "calibrate": "calibrate {bad} --data {prepared} --out out.pt --workers 0 --json -q",
    "compare": "compare {run} {bad} --data {prepared} --out report --workers 0 --json --quiet",
    "resnet50 weights": DETECT % "resnet50",
    "mobilenet weights": DETECT % "mobilenet0.25",
    "predict": "predict {photo} --checkpoint {bad} --json -q",
    "teacher": "train --data {prepared} --teacher {bad} --epochs 1 {training}",
    "pretrained": "train --data {prepared} --pretrained {bad} --epochs 1 {training}",
    "import": "import {bad} --out imported.pt",
}
"""Every command that reads a checkpoint, except ``--resume``, which has its own saves."""
EVERY = list(COMMANDS)
OURS = (
    *("export-reference", "eval", "export", "predict", "teacher", "calibrate", "robustness", "pretrained", "compare"),
)
LARGER_TRAINING = TRAINING.replace(SIZE, "--width 0.125 --image-size 64")


def read_by(name: str, command: str, damage: Damage, suffix: str = ".pt", **more: Any) -> Case:
    """Give a case in which a command reads a checkpoint."""

    def line(place: Place) -> list[str]:
        whole = COMMANDS[command].replace("{bad}", f"model{suffix}")
        if command == "pretrained" and place.rng.random() >= 0.5:
            whole = whole.replace("{training}", LARGER_TRAINING)
        return place.seeds.words(whole)

    return Case(f"checkpoints/{name}, {command}", line, (at(f"model{suffix}", damage),), **{"codes": NOT_DONE} | more)


def pickles(repeats: int) -> Iterator[Case]:
    """Yield hand-made pickles, in archives, bare and after torch's old magic number."""
    magic = b"".join(pickle.dumps(part, protocol=2) for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}))
    for number, (what, body) in enumerate(files.NONSENSE.items()):
        first, second, third = (EVERY[(number + step) % len(EVERY)] for step in (0, 3, 1))
        in_archive = holds(files.torch_zip(body, {"data/0": bytes(16)}))
        item = "M11 " if number % 4 == 0 else ""
        yield read_by(f"{item}{what} in an archive", first, in_archive)
        yield read_by(f"{item}{what} in an archive", second, in_archive)
        yield read_by(f"{what}, bare", third, holds(body), ".pth")
        yield read_by(f"old format: {what}", "import", holds(magic + body), ".pth")
    for number in range(30 * repeats):
        damage = holds(lambda place: files.torch_zip(files.random_pickle(place.rng), {"data/0": bytes(16)}))
        yield read_by(f"random instructions {number + 1}", EVERY[number % len(EVERY)], damage)
    for number, (what, content) in enumerate(files.ARCHIVES.items()):
        for step in (0, 2):
            damage = holds(lambda _place, content=content: content())
            yield read_by(f"archive: {what}", EVERY[(number + step) % len(EVERY)], damage)


FRAMINGS = {
    "torch.save": (".pt", ".pth"),
    "old torch.save": (".pt", ".pth"),
    "bare": (".pt", ".pth", ".safetensors"),
    "by hand": (".pt", ".pth"),
}


def _code(what: str, framing: str) -> Damage:
    def damage(place: Place, path: Path) -> None:
        import torch

        harm = files.code_that_runs(place.canary)[what]
        if framing == "torch.save":
            torch.save({"format": "ampnet", "model": harm}, path)
        elif framing == "old torch.save":
            torch.save({"state_dict": harm}, path, _use_new_zipfile_serialization=False)
        elif framing == "bare":
            path.write_bytes(pickle.dumps(harm, protocol=4))
        else:
            path.write_bytes(files.torch_zip(files.raw_global("posix", "system", f"touch {place.canary}")))

    return damage


def running() -> Iterator[Case]:
    """Yield pickles that would run code, in every framing and every command."""
    for i, what in enumerate(files.code_that_runs(Path())):
        for j, (framing, suffixes) in enumerate(FRAMINGS.items()):
            suffix = suffixes[(i + j) % len(suffixes)]
            command = EVERY[(i + 3 * j) % len(EVERY)]
            yield read_by(f"code: {what}, {framing}{suffix}", command, _code(what, framing), suffix)


def damaged_save(mutation: str, good: Callable[[Place], Path]) -> Damage:
    """Write a good file with damaged bytes; both are kept outside for :func:`reads_the_same`."""

    def damage(place: Place, path: Path) -> None:
        path.write_bytes(MUTATIONS[mutation](good(place).read_bytes(), place.rng))
        shutil.copy(path, place.outside / "damaged")
        shutil.copy(good(place), place.outside / "good")

    return damage


def reads_the_same(place: Place, outcome: Outcome) -> Iterator[Fault]:
    """Accept a save with a flipped bit only if the bit lies where the zip format does not look (about 3 in 400 do)."""
    if outcome.code == 0 and _entries(place.outside / "damaged") != _entries(place.outside / "good"):
        yield Fault("exit code", "0, although another content was read")


def _entries(path: Path) -> dict[str, bytes] | None:
    try:
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, ValueError):
        return None


def damaged(repeats: int) -> Iterator[Case]:
    """Yield good files of both formats with damaged bytes, and things that are no files."""
    for repeat in range(2 * repeats):
        for number, mutation in enumerate(MUTATIONS):
            for suffix in (".pt", ".safetensors"):
                damage = damaged_save(mutation, lambda place, suffix=suffix: place.seeds.checkpoint(suffix))
                more: dict[str, Any] = {"codes": NOT_DONE if suffix == ".pt" else ANY}
                if mutation == "flip-bit" and suffix == ".pt":
                    more = {"codes": ANY, "check": reads_the_same}
                command = OURS[(number + repeat) % len(OURS)]
                yield read_by(f"{mutation} {repeat + 1}{suffix}", command, damage, suffix, **more)
    readers = {
        ".pt": ("eval", "import", "resnet50 weights"),
        ".safetensors": ("predict", "pretrained", "mobilenet weights"),
    }
    for kind in NOT_FILES:
        for suffix, commands in readers.items():
            for command in commands:
                yield read_by(f"S5 {kind}{suffix}", command, becomes(kind), suffix)


def _entry(**fields: Any) -> bytes:
    return json.dumps({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]} | fields}).encode()


def _metadata(text: str) -> bytes:
    return json.dumps({"__metadata__": {"ampnet": text}}).encode()


HEADERS: dict[str, bytes] = {
    "length of 2 ** 62": files.safetensors_file(b"{}", length=1 << 62),
    "length of 100 MB": files.safetensors_file(b"{}", length=100_000_000),
    "no header": b"",
    "offsets beyond": files.safetensors_file(_entry(data_offsets=[0, 1 << 40]), bytes(16)),
    "offsets reversed": files.safetensors_file(_entry(data_offsets=[16, 0]), bytes(16)),
    "shape of 2 ** 62": files.safetensors_file(_entry(shape=[1 << 62, 4]), bytes(16)),
    "shape of 0 and 2 ** 62": files.safetensors_file(_entry(shape=[0, 1 << 62], data_offsets=[0, 0])),
    "shape of -4": files.safetensors_file(_entry(shape=[-4]), bytes(16)),
    "unknown dtype": files.safetensors_file(_entry(dtype="X99"), bytes(16)),
    "header is a list": files.safetensors_file(b"[]"),
    "header is not UTF-8": files.safetensors_file(b'{"\xff\xfe": 1}'),
    "metadata is a number": files.safetensors_file(b'{"__metadata__": 5}'),
    "metadata is nan": files.safetensors_file(_metadata("NaN")),
    "metadata of digits": files.safetensors_file(_metadata("9" * 5000)),
    "metadata of keys": files.safetensors_file(_metadata("{" + ",".join(f'"{i}":0' for i in range(10**5)) + "}")),
    "20,000 tensors": files.safetensors_file(
        json.dumps({f"t{i}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(20_000)}).encode()
    ),
}
"""Safetensors files whose headers lie."""


def folders() -> Iterator[Case]:
    """Yield run folders that are odd."""
    best, line = "checkpoint/run1/best.pt", "predict {photo} --json --quiet"

    def empty_run(place: Place) -> None:
        (place.folder / best).parent.mkdir(parents=True)

    for kind in NOT_FILES:
        yield Case(f"checkpoints/newest run holds {kind}", line, (empty_run, at(best, becomes(kind))), EITHER)
    good = at(best, holds(lambda place: place.seeds.checkpoint().read_bytes()))
    yield Case("checkpoints/newest run is good", line, (empty_run, good), DONE)


def cases(repeats: int = 1) -> Iterator[Case]:
    """Yield all cases on checkpoints, except saved training states."""
    yield from pickles(repeats)
    yield from running()
    yield from damaged(repeats)
    for number, (what, content) in enumerate(HEADERS.items()):
        for command in (OURS[number % len(OURS)], OURS[(number + 3) % len(OURS)], "mobilenet weights"):
            yield read_by(f"header: {what}", command, holds(content), ".safetensors")
    yield from folders()
    for number, (what, suffix, damage) in enumerate(checkpoint_fields.one_field_wrong()):
        i, j = divmod(number, len(checkpoint_fields.WRONG))
        yield read_by(f"{what}{suffix}", OURS[(i + 2 * j) % len(OURS)], damage, suffix, codes=ANY)
    for what, suffix, damage, commands in checkpoint_fields.named():
        codes = EITHER if "seed" in what else NOT_DONE
        for command in commands or OURS:
            yield read_by(what, command, damage, suffix, codes=codes)
