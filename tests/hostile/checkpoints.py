"""Hostile checkpoints, in every command that reads one: `.pt`, `.safetensors` and `.pth`."""

import json
import pickle
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.hostile import pickle_files as files
from tests.hostile.case import ANY, DONE, EITHER, NOT_DONE, Case, Fault, Outcome, Place, all_finite
from tests.hostile.making import case, thing, words
from tests.hostile.mutations import MUTATIONS, NOT_FILES
from tests.hostile.seeds import TRAINING

OWNER = "checkpoint-wall"

DETECT = "predict {photo} --checkpoint {run} --detector %s --weights {bad} --json --quiet"

COMMANDS: dict[str, str | Callable[[Place], str]] = {
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
    "pretrained": lambda place: (
        "train --data {prepared} --pretrained {bad} --epochs 1 "
        + ("{training}" if place.rng.random() < 0.5 else LARGER_TRAINING)
    ),
    "import": "import {bad} --out imported.pt",
}
"""Every command that reads a checkpoint, except ``--resume``, which has its own saves."""

LARGER_TRAINING = " ".join(["--width", "0.125", "--image-size", "64", *TRAINING[4:]])

OURS = (
    *("export-reference", "eval", "export", "predict", "teacher", "calibrate", "robustness", "pretrained", "compare"),
)


NAN, INFINITY = float("nan"), float("inf")


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


def _finite_json(place: Place, outcome: Outcome) -> Iterator[Fault]:
    if outcome.code == 0 and outcome.stdout.startswith(b"{") and not all_finite(outcome.stdout):
        yield Fault("bad json", "numbers that are not finite")


def read_by(name: str, command: str, put: Callable[[Place, Path], object], suffix: str = ".pt", **more: Any) -> Case:
    """Give a case in which a command reads a checkpoint."""

    def make(place: Place) -> Sequence[str]:
        put(place, place.folder / f"model{suffix}")
        line = COMMANDS[command]
        return words(line if isinstance(line, str) else line(place), place, bad=f"model{suffix}")

    owner = "detector" if command.endswith("weights") else OWNER
    more = {"codes": NOT_DONE, "check": _finite_json, "owner": owner} | more
    return Case(f"checkpoints/{name}, {command}", make=make, **more)


def changed(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Place, Path], None]:
    """Write the good checkpoint with a change."""
    return lambda place, path: write(path, change(load(place.seeds.checkpoint)))


def of_bytes(content: bytes | Callable[[Place], bytes]) -> Callable[[Place, Path], object]:
    """Write a file."""
    return lambda place, path: path.write_bytes(content if isinstance(content, bytes) else content(place))


def pickles(repeats: int) -> Iterator[Case]:
    """Yield hand-made pickles, in archives, bare and after torch's old magic number."""
    every = list(COMMANDS)
    for number, (what, body) in enumerate(files.NONSENSE.items()):
        whole = of_bytes(files.torch_zip(body, {"data/0": bytes(16)}))
        for command in (every[number % len(every)], every[(number + 3) % len(every)]):
            named = number % 4 == 0
            yield read_by(f"{'M11 ' if named else ''}{what} in an archive", command, whole, is_named=named)
        yield read_by(f"{what}, bare", every[(number + 1) % len(every)], of_bytes(body), ".pth")
    for number in range(30 * repeats):
        put = of_bytes(lambda place: files.torch_zip(files.random_pickle(place.rng), {"data/0": bytes(16)}))
        yield read_by(f"random instructions {number + 1}", every[number % len(every)], put)
    for number, (what, content) in enumerate(files.ARCHIVES.items()):
        for command in (every[number % len(every)], every[(number + 2) % len(every)]):
            yield read_by(f"archive: {what}", command, of_bytes(lambda _place, c=content: c()))  # type: ignore[misc]
    magic = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2) + pickle.dumps(1001, protocol=2)
    for what, body in files.NONSENSE.items():
        head = magic + pickle.dumps({"little_endian": True}, protocol=2)
        yield read_by(f"old format: {what}", "import", of_bytes(head + body), ".pth")


def running() -> Iterator[Case]:
    """Yield pickles that would run code, in every framing and every command."""

    def put(what: str, framing: str) -> Callable[[Place, Path], None]:
        def write_it(place: Place, path: Path) -> None:
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

        return write_it

    names = ("os.system", "eval", "exec", "open", "Popen", "getattr", "nested", "key", "partial")
    for i, what in enumerate(names):
        for j, framing in enumerate(("torch.save", "old torch.save", "bare", "by hand")):
            suffix = (".pt", ".pth", ".safetensors")[(i + j) % 3] if framing == "bare" else (".pt", ".pth")[(i + j) % 2]
            command = list(COMMANDS)[(i + 3 * j) % len(COMMANDS)]
            yield read_by(f"code: {what}, {framing}{suffix}", command, put(what, framing), suffix, is_named=i < 2)


def damaged_save(mutation: str, good: Callable[[Place], Path]) -> Callable[[Place, Path], None]:
    """Write a good file with damaged bytes; both are kept outside for :func:`reads_the_same`."""

    def put(place: Place, path: Path) -> None:
        path.write_bytes(MUTATIONS[mutation](good(place).read_bytes(), place.rng))
        shutil.copy(path, place.outside / "damaged")
        shutil.copy(good(place), place.outside / "good")

    return put


def reads_the_same(place: Place, outcome: Outcome) -> Iterator[Fault]:
    """Accept a save with a flipped bit only if the bit lies where the zip format does not look (about 3 in 400 do)."""
    if outcome.code == 0 and _entries(place.outside / "damaged") != _entries(place.outside / "good"):
        yield Fault("exit code", "0, although another content was read")
    yield from _finite_json(place, outcome)


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
                command = OURS[(number + repeat) % len(OURS)]

                name = f"{mutation} {repeat + 1}{suffix}"
                put = damaged_save(mutation, lambda place, s=suffix: place.seeds.checkpoint.with_suffix(s))  # type: ignore[misc]
                one_bit = mutation == "flip-bit" and suffix == ".pt"
                codes = NOT_DONE if suffix == ".pt" and not one_bit else ANY
                yield read_by(name, command, put, suffix, codes=codes, **({"check": reads_the_same} if one_bit else {}))
    readers = {
        ".pt": ("eval", "import", "resnet50 weights"),
        ".safetensors": ("predict", "pretrained", "mobilenet weights"),
    }
    for kind, make in NOT_FILES.items():
        for suffix, commands in readers.items():
            for command in commands:
                put = lambda _place, path, m=make: m(path) and None  # type: ignore[misc]  # noqa: E731
                yield read_by(f"S5 {kind}{suffix}", command, put, suffix, is_named=True)


def safetensors() -> Iterator[Case]:
    """Yield safetensors files whose headers lie."""

    def entry(**fields: Any) -> bytes:
        return json.dumps({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]} | fields}).encode()

    wrong: dict[str, bytes] = {
        "length of 2 ** 62": files.safetensors_file(b"{}", length=1 << 62),
        "length of 100 MB": files.safetensors_file(b"{}", length=100_000_000),
        "no header": b"",
        "offsets beyond": files.safetensors_file(entry(data_offsets=[0, 1 << 40]), bytes(16)),
        "offsets reversed": files.safetensors_file(entry(data_offsets=[16, 0]), bytes(16)),
        "shape of 2 ** 62": files.safetensors_file(entry(shape=[1 << 62, 4]), bytes(16)),
        "shape of 0 and 2 ** 62": files.safetensors_file(entry(shape=[0, 1 << 62], data_offsets=[0, 0])),
        "shape of -4": files.safetensors_file(entry(shape=[-4]), bytes(16)),
        "unknown dtype": files.safetensors_file(entry(dtype="X99"), bytes(16)),
        "header is a list": files.safetensors_file(b"[]"),
        "header is not UTF-8": files.safetensors_file(b'{"\xff\xfe": 1}'),
        "metadata is a number": files.safetensors_file(b'{"__metadata__": 5}'),
        "metadata is nan": files.safetensors_file(b'{"__metadata__": {"ampnet": "NaN"}}'),
        "metadata of digits": files.safetensors_file(json.dumps({"__metadata__": {"ampnet": "9" * 5000}}).encode()),
        "metadata of keys": files.safetensors_file(
            json.dumps({"__metadata__": {"ampnet": "{" + ",".join(f'"{i}":0' for i in range(10**5)) + "}"}}).encode()
        ),
        "20,000 tensors": files.safetensors_file(
            json.dumps(
                {f"t{i}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(20_000)}
            ).encode()
        ),
    }
    for number, (what, content) in enumerate(wrong.items()):
        for command in (OURS[number % len(OURS)], OURS[(number + 3) % len(OURS)], "mobilenet weights"):
            yield read_by(f"header: {what}", command, of_bytes(content), ".safetensors")


def folders() -> Iterator[Case]:
    """Yield run folders that are odd."""

    best = "checkpoint/run1/best.pt"
    line = "predict {photo} --json --quiet"
    for kind in NOT_FILES:
        puts = (_empty_run, thing(kind, best))
        yield case(f"checkpoints/newest run holds {kind}", OWNER, line, *puts, codes=EITHER, check=_finite_json)
    puts = (_empty_run, lambda place: shutil.copy(place.seeds.checkpoint, place.folder / best))
    yield case("checkpoints/newest run is good", OWNER, line, *puts, codes=DONE, check=_finite_json)


def _empty_run(place: Place) -> None:
    (place.folder / "checkpoint" / "run1").mkdir(parents=True)


def cases(repeats: int = 1) -> Iterator[Case]:
    """Yield all cases on checkpoints, except saved training states."""
    yield from pickles(repeats)
    yield from running()
    yield from damaged(repeats)
    yield from safetensors()
    yield from folders()
