"""The commands that write, on inputs made of the sample faces, and how to tell whether what they wrote is whole.

For kills.py and full_disk.py, which disturb these commands and compare their files with those of an undisturbed run.
A command runs in a fork of this process, which only imports: a life of it costs no start-up time.
"""

import csv
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

import pipelines.check
import pipelines.evaluate
import pipelines.export
import pipelines.import_reference
import pipelines.predict
import pipelines.prepare
import pipelines.train  # noqa: F401  (the command line imports them when a command runs)
from ampnet.checkpoints.checkpoint import Checkpoint, save_checkpoint
from ampnet.checkpoints.reference.reference_files import write_reference
from ampnet.faces.framing import Framing
from ampnet.files.lock import LOCK_FILE
from ampnet.models.ampnet import AMPNet
from ampnet.settings.labels import EXPRESSIONS
from cli import app
from tests.pictures import read_bgr
from tests.prepared_faces import write_prepared_faces
from tests.small_checkpoint import small_checkpoint

SAMPLES = Path(__file__).parents[1] / "samples"

VARYING = ("seconds", "elapsed_seconds", "created", "out", "resume")
"""Entries of JSON files, and columns of tables, that differ between a run and its repetition elsewhere."""


@dataclass(frozen=True)
class Inputs:
    """What the commands read; made once."""

    raw: Path
    """A raw data set of the sample faces."""
    prepared: Path
    """A prepared data set, some of whose images are copies."""
    photos: Path
    video: Path
    checkpoint: Path
    full: Path
    """A checkpoint of the paper's network, for the conversions; made only if they are asked for."""
    reference: Path


@dataclass(frozen=True)
class Command:
    """A command line, and how to repeat it after a disturbance."""

    line: str
    """Of the first attempt; ``{out}`` is the output folder, and the inputs go by their names."""
    again: Callable[[Path], Sequence[str]] = field(default=lambda _out: ())
    """Further arguments of the next attempt, by what the one before left in the output folder."""
    is_resumed: bool = False
    """Whether the next attempt continues the work, so that the whole takes no longer than one life."""
    outputs: int = 1
    """Outputs that can fail independently, each with a line of its own."""
    copied: str | None = None
    """An input that the command writes into; each run gets a copy of it as output folder."""

    def arguments(self, inputs: Inputs, out: Path) -> list[str]:
        """Fill in the paths."""
        paths = {name: str(path) for name, path in vars(inputs).items()} | {"out": str(out)}
        return [word.format(**paths) for word in self.line.split()]

    def make_folder(self, inputs: Inputs, out: Path) -> None:
        """Make the output folder of a run."""
        if self.copied is None:
            out.mkdir()
        else:
            shutil.copytree(getattr(inputs, self.copied), out)


def _resume_prepare(out: Path) -> Sequence[str]:
    return ("--resume",) if (out / "index" / ".prepare" / "journal.jsonl").is_file() else ()


def _resume_train(out: Path) -> Sequence[str]:
    return ("--resume",) if (out / "run").is_dir() else ()


def _repeat_predict(out: Path) -> Sequence[str]:
    """Where the table is whole, only annotated copies can be missing, and all of them are made again."""
    return ("--force",) if (out / "faces.csv").exists() else ("--resume",)


COMMANDS = {
    "prepare": Command(
        "prepare {raw} --out {out} --crop face --no-face template --gpus 0 --quiet", _resume_prepare, is_resumed=True
    ),
    "train": Command(
        "train --data {prepared} --out {out} --name run --width 0.1 --image-size 48 --recipe modern --lr 0.02 "
        "--epochs 6 --batch-size 14 --gpus 0 --processes 1 --workers 1 --save-every 0 --quiet",
        _resume_train,
        is_resumed=True,
    ),
    "predict": Command(
        "predict {photos} {video} --checkpoint {checkpoint} --csv {out}/faces.csv --annotate {out}/drawn --gpus 0 "
        "--quiet",
        _repeat_predict,
        is_resumed=True,
        outputs=2,
    ),
    "eval": Command("eval {checkpoint} --data {prepared} --split val --out {out}/eval --gpus 0 --workers 1 --quiet"),
    "check": Command("check --data {out} --quiet", copied="prepared"),
    "import": Command("import {reference} --out {out}/imported.pt"),
    "export-reference": Command("export-reference {full} --out {out}/exported.pth"),
    "export": Command("export {checkpoint} --format safetensors --out {out}/exported.safetensors"),
}
"""The commands that write files."""


def make_inputs(folder: Path, commands: Sequence[str]) -> Inputs:
    """Write all inputs of some commands."""
    inputs = Inputs(*(folder / name for name in ("raw", "prepared", "photos", "clip.mp4", "run", "full.pt", "ref.pth")))
    faces = sorted((SAMPLES / "faces").rglob("*.jpg"))
    for number, face in enumerate(faces[::4] * 2):
        place = inputs.raw / ("test" if number % 5 == 0 else "train") / face.parent.name
        place.mkdir(parents=True, exist_ok=True)
        (place / f"face {number}.jpg").symlink_to(face)
    (place / "broken.jpg").write_text("no picture")
    write_prepared_faces(inputs.prepared, train=8, val=8)
    prepared = sorted((inputs.prepared / "dataset").iterdir())
    for first, second in zip(prepared[::9], prepared[1::9], strict=False):  # for check to find
        shutil.copy(first, second)
    inputs.photos.mkdir()
    for photo in (SAMPLES / "group.jpg", SAMPLES / "portrait.jpg", *faces[::40]):
        shutil.copy(photo, inputs.photos / f"{photo.parent.name}-{photo.name}")
    _write_video(inputs.video)
    small_checkpoint(inputs.checkpoint)
    if {"import", "export-reference"} & set(commands):
        torch.manual_seed(0)
        model = AMPNet(len(EXPRESSIONS)).eval()
        save_checkpoint(inputs.full, Checkpoint(model, EXPRESSIONS, Framing()))
        write_reference(inputs.reference, model, epoch=1)
    return inputs


def _write_video(path: Path) -> None:
    photo = cv2.resize(read_bgr(SAMPLES / "portrait.jpg"), (256, 256))
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, (256, 256))
    for shift in range(20):
        writer.write(np.roll(photo, shift, axis=1))
    writer.release()


def begin(arguments: Sequence[str], log: Path, prelude: Callable[[], None] = lambda: None) -> int:
    """Start a command in a fork of this process; returns its pid. ``log`` receives what it prints on stderr."""
    child = os.fork()
    if child:
        return child
    try:
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        torch.set_num_threads(1)
        prelude()
        code: object = app(list(arguments))
    except SystemExit as leaving:
        code = leaving.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    sys.stderr.flush()
    os._exit(int(code or 0) if isinstance(code, int | None) else 1)


def wait_for(child: int, deadline: float = float("inf")) -> int | None:
    """Wait for a process until a deadline; returns its exit code, None if it still runs."""
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= deadline:
            return None
        time.sleep(0.002)


def results(out: Path) -> dict[str, object]:
    """Read all files below an output folder, without what differs from run to run; lock files stay out.

    Raises:
        ValueError: a file is not whole.
    """
    return {path.relative_to(out).as_posix(): _content(path) for path in visible_files(out)}


def differences(found: dict[str, object], expected: dict[str, object]) -> list[str]:
    """List the files that are missing, unexpected or different."""
    return sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))


def visible_files(out: Path) -> Iterator[Path]:
    """List the files under final names: hidden ones, and those in hidden folders, are working files."""
    for path in sorted(out.rglob("*")):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(out).parts):
            yield path


def leftovers(out: Path) -> list[str]:
    """List the hidden files that a finished command should not leave: any but an empty lock file."""
    hidden = (path for path in sorted(out.rglob(".*")) if path.name != LOCK_FILE or path.stat().st_size)
    return [path.relative_to(out).as_posix() for path in hidden]


def _content(path: Path) -> object:
    """Read a file as a comparable value; a half one fails to be read."""
    suffix = path.suffix.lower()
    if suffix == ".json":
        return _constant(json.loads(path.read_text()))
    if suffix == ".csv":
        return _table(path)
    if suffix == ".html":
        lines = path.read_text().splitlines()
        if lines[-1] != "</html>":
            raise ValueError(f"{path} is cut")
        return [line for line in lines if "<dt>Written</dt>" not in line]
    if suffix == ".pt":
        return _weights(path)
    if suffix in (".jpg", ".png"):
        with Image.open(path) as image:
            image.load()
    if suffix == ".mp4":
        return _frames(path)
    content = path.read_bytes()
    if not content:
        raise ValueError(f"{path} is empty")
    return content


def _constant(value: object) -> object:
    if isinstance(value, dict):
        return {key: _constant(inner) for key, inner in value.items() if key not in VARYING}
    return [_constant(inner) for inner in value] if isinstance(value, list) else value


def _table(path: Path) -> list[list[str]]:
    text = path.read_text(errors="surrogateescape")
    rows = list(csv.reader(text.splitlines(keepends=True)))
    if not text.endswith("\n") or len({len(row) for row in rows}) != 1:
        raise ValueError(f"{path} is cut")
    kept = [number for number, name in enumerate(rows[0]) if name not in VARYING]
    return [[row[number] for number in kept] for row in rows]


def _weights(path: Path) -> list[bytes]:
    """Give weights, averages, optimizer state and history of a checkpoint."""
    content = torch.load(path, weights_only=True)
    training = content.get("training") or {"weights": None, "optimizer": {"state": {}}, "history": {"rows": []}}
    momenta = [value["momentum_buffer"] for value in training["optimizer"]["state"].values()]
    tensors = [*content["model"].values(), *(training["weights"] or {}).values(), *momenta]
    rows = json.dumps(_constant(training["history"]["rows"])).encode()
    return [*(tensor.contiguous().numpy().tobytes() for tensor in tensors), rows]


def _frames(path: Path) -> int:
    video = cv2.VideoCapture(str(path))
    count = 0
    while video.read()[0]:
        count += 1
    video.release()
    if not count:
        raise ValueError(f"{path} holds no frame")
    return count
