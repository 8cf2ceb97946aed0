"""Hostile checkpoints, in every command that reads one: `.pt`, `.safetensors` and `.pth`."""

import json
import pickle
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.hostile import pickle_files as files
from tests.hostile.case import EITHER, NOT_DONE, Case, Fault, Outcome, Place, all_finite
from tests.hostile.mutations import MUTATIONS, NOT_FILES
from tests.hostile.seeds import TRAINING

OWNER = "checkpoint-wall"

COMMANDS: dict[str, Callable[[Place, str], list[str]]] = {
    "export-reference": lambda _place, path: ["export-reference", path, "--out", "out.pth"],
    "eval": lambda place, path: [
        "eval",
        path,
        "--data",
        str(place.seeds.prepared),
        "--out",
        "report",
        "--json",
        "-q",
        "--workers",
        "0",
    ],
    "export": lambda _place, path: ["export", path, "--format", "safetensors", "--out", "out.safetensors"],
    "robustness": lambda place, path: [
        *("robustness", path, "--data", str(place.seeds.prepared), "--out", "report", "--corruptions", "none"),
        *("--workers", "0", "--quiet"),
    ],
    "calibrate": lambda place, path: [
        *("calibrate", path, "--data", str(place.seeds.prepared), "--out", "out.pt", "--workers", "0", "--json", "-q")
    ],
    "compare": lambda place, path: [
        *("compare", str(place.seeds.run), path, "--data", str(place.seeds.prepared), "--out", "report"),
        *("--workers", "0", "--json", "--quiet"),
    ],
    "resnet50 weights": lambda place, path: _detect(place, "resnet50", path),
    "mobilenet weights": lambda place, path: _detect(place, "mobilenet0.25", path),
    "predict": lambda place, path: ["predict", str(place.seeds.photo), "--checkpoint", path, "--json", "-q"],
    "teacher": lambda place, path: [
        "train",
        "--data",
        str(place.seeds.prepared),
        "--teacher",
        path,
        "--epochs",
        "1",
        *TRAINING,
    ],
    "pretrained": lambda place, path: [
        *("train", "--data", str(place.seeds.prepared), "--pretrained", path, "--epochs", "1"),
        *(TRAINING if place.rng.random() < 0.5 else ["--width", "0.125", "--image-size", "64", *TRAINING[4:]]),
    ],
    "import": lambda _place, path: ["import", path, "--out", "imported.pt"],
}
"""Every command that reads a checkpoint, except ``--resume``, which has its own saves."""
OURS = (
    *("export-reference", "eval", "export", "predict", "teacher", "calibrate", "robustness", "pretrained", "compare"),
)


def _detect(place: Place, detector: str, path: str) -> list[str]:
    model = ["--checkpoint", str(place.seeds.run)]
    return ["predict", str(place.seeds.photo), *model, "--detector", detector, "--weights", path, "--json", "--quiet"]


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


def read_by(name: str, command: str, put: Callable[[Place, Path], None], suffix: str = ".pt", **more: Any) -> Case:
    def make(place: Place) -> Sequence[str]:
        put(place, place.folder / f"model{suffix}")
        return COMMANDS[command](place, f"model{suffix}")

    owner = "detector" if command.endswith("weights") else OWNER
    more = {"codes": NOT_DONE, "check": _finite_json, "owner": owner} | more
    return Case(f"checkpoints/{name}, {command}", make=make, **more)


def changed(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Place, Path], None]:
    return lambda place, path: write(path, change(load(place.seeds.checkpoint)))


def of_bytes(content: Callable[[Place], bytes]) -> Callable[[Place, Path], None]:
    return lambda place, path: path.write_bytes(content(place)) and None


def pickles(repeats: int) -> Iterator[Case]:
    """Yield hand-made pickles, in archives, bare and after torch's old magic number."""
    every = list(COMMANDS)
    for number, (what, body) in enumerate(files.NONSENSE.items()):
        whole = of_bytes(lambda _place, b=body: files.torch_zip(b, {"data/0": bytes(16)}))  # type: ignore[misc]
        for command in (every[number % len(every)], every[(number + 3) % len(every)]):
            named = number % 4 == 0
            yield read_by(f"{'M11 ' if named else ''}{what} in an archive", command, whole, is_named=named)
        yield read_by(f"{what}, bare", every[(number + 1) % len(every)], of_bytes(lambda _place, b=body: b), ".pth")  # type: ignore[misc]
    for number in range(30 * repeats):
        put = of_bytes(lambda place: files.torch_zip(files.random_pickle(place.rng), {"data/0": bytes(16)}))
        yield read_by(f"random instructions {number + 1}", every[number % len(every)], put)
    for number, (what, content) in enumerate(files.ARCHIVES.items()):
        for command in (every[number % len(every)], every[(number + 2) % len(every)]):
            yield read_by(f"archive: {what}", command, of_bytes(lambda _place, c=content: c()))  # type: ignore[misc]
    magic = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2) + pickle.dumps(1001, protocol=2)
    for what, body in files.NONSENSE.items():
        head = magic + pickle.dumps({"little_endian": True}, protocol=2)
        yield read_by(f"old format: {what}", "import", of_bytes(lambda _place, b=body, h=head: h + b), ".pth")  # type: ignore[misc]


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


def damaged(repeats: int) -> Iterator[Case]:
    """Yield good files of both formats with damaged bytes, and things that are no files."""
    for repeat in range(2 * repeats):
        for number, mutation in enumerate(MUTATIONS):
            for suffix in (".pt", ".safetensors"):
                command = OURS[(number + repeat) % len(OURS)]

                def put(place: Place, path: Path, m: str = mutation, s: str = suffix) -> None:
                    path.write_bytes(MUTATIONS[m](place.seeds.checkpoint.with_suffix(s).read_bytes(), place.rng))

                codes = NOT_DONE if suffix == ".pt" else frozenset((0, 1, 2))
                yield read_by(f"{mutation} {repeat + 1}{suffix}", command, put, suffix, codes=codes)
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
            yield read_by(f"header: {what}", command, of_bytes(lambda _place, c=content: c), ".safetensors")  # type: ignore[misc]


def folders() -> Iterator[Case]:
    """Yield run folders that are odd."""

    def run_folder(put: Callable[[Place, Path], object]) -> Callable[[Place], Sequence[str]]:
        def make(place: Place) -> Sequence[str]:
            (place.folder / "checkpoint" / "run1").mkdir(parents=True)
            put(place, place.folder / "checkpoint" / "run1" / "best.pt")
            return ["predict", str(place.seeds.photo), "--json", "--quiet"]

        return make

    for kind in NOT_FILES:
        put = run_folder(lambda _place, path, k=kind: NOT_FILES[k](path))  # type: ignore[misc]
        yield Case(f"checkpoints/newest run holds {kind}", OWNER, put, EITHER, check=_finite_json)
    good = run_folder(lambda place, path: shutil.copy(place.seeds.checkpoint, path))
    yield Case("checkpoints/newest run is good", OWNER, good, frozenset((0,)), check=_finite_json)


def cases(repeats: int = 1) -> Iterator[Case]:
    """Yield all cases on checkpoints, except saved training states."""
    yield from pickles(repeats)
    yield from running()
    yield from damaged(repeats)
    yield from safetensors()
    yield from folders()
