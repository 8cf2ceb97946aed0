"""`ampnet doctor`: what this machine has, and whether the bundled models answer on it as they did when released."""

import os
import platform
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import RenderableType

from ampnet import __version__
from ampnet.checkpoints.checkpoint import load_checkpoint
from ampnet.checkpoints.model_files import WORD, bundled_model
from ampnet.errors import ONE_OPENCV, AmpnetError
from ampnet.export.parity import TOLERANCE, Inputs, run_onnx
from ampnet.faces.alignment import AlignedFace
from ampnet.files.writing import sha256_of
from ampnet.inference.classifier import Classifier, network_input
from ampnet.inference.golden import golden_answers, golden_faces
from ampnet.inference.precision import compare
from ampnet.runtime.cores import usable_cores
from ampnet.runtime.devices import has_bf16_units
from ampnet.runtime.progress import ProgressBar, silent
from ampnet.settings import ExportConfig, ExportPrecision
from pipelines.export import run as export
from pipelines.show import build_table

DISTRIBUTION = "ampnet"

OPENCV = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")
"""Distributions that all install the package cv2: of several, the one that was installed last is the one that runs."""

LIMITS = {"fp32": 1e-3, "bf16": 0.1, "onnx": 1e-3, "int8": TOLERANCE["int8"]}
"""Maximum accepted difference of a probability; processors round alike in float32, but add in another order."""


@dataclass(frozen=True)
class GoldenCheck:
    """The golden answers computed in one way."""

    way: str
    """Such as ``torch fp32``."""
    largest: float | None
    """Largest difference of a probability; None if it does not run here."""
    changed: int
    """Faces with another label, of twenty."""
    limit: float
    note: str = ""
    """Why it does not run here."""

    @property
    def is_right(self) -> bool:
        """Whether the answers are those of the release; what does not run here is not wrong."""
        return self.largest is None or (
            self.largest <= self.limit and (self.changed == 0 or self.limit > LIMITS["fp32"])
        )


@dataclass(frozen=True)
class DoctorReport:
    """What was found."""

    facts: dict[str, dict[str, str]]
    """By section: name and value of each fact."""
    golden: list[GoldenCheck]
    problems: list[str]
    """A sentence for each thing that is wrong; empty on a healthy machine."""
    advice: list[str]
    """A sentence for each thing that works, but could be better."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def run(bar: ProgressBar = silent) -> DoctorReport:
    """Describe the machine, and compute the golden answers in every way that runs here.

    Raises:
        UsageError: this installation lacks a bundled model.
    """
    golden = []
    with bar("golden answers", len(golden_answers().models) * (4 + torch.cuda.device_count())) as advance:
        for check in _golden_checks():
            golden.append(check)
            advance(note=check.way)
    problems = [
        f"{check.way}: the golden answers differ by up to {check.largest:.4f} (limit {check.limit:g}), "
        f"{check.changed} of 20 labels changed; do not trust results computed in this way on this machine"
        for check in golden
        if not check.is_right
    ]
    facts = {"machine": _machine(), "versions": _versions(), "extras": _extras(), "places": _places()}
    shared = "they share the package cv2, and an upgrade or removal of one breaks the other"
    advice = [f"two builds of OpenCV: {both}; {shared}; {ONE_OPENCV}" for both in [_opencv_builds()] if "," in both]
    return DoctorReport(facts, golden, problems, advice)


def _golden_checks() -> Iterator[GoldenCheck]:
    answers = golden_answers()
    faces = golden_faces(answers.landmarks)
    for name, stored in answers.models.items():
        file = bundled_model(name)
        model = f"{WORD}:{name}"
        if sha256_of(file) != stored.sha256:
            yield GoldenCheck(f"{model}", 1.0, 20, LIMITS["fp32"], "its file is not the released one")
            continue
        checkpoint, golden = load_checkpoint(file), np.array(stored.probabilities)
        size = checkpoint.architecture.image_size
        ways = [("torch fp32", "cpu", torch.float32), ("torch bf16", "cpu", torch.bfloat16)]
        ways += [(f"torch fp32 cuda:{i}", f"cuda:{i}", torch.float32) for i in range(torch.cuda.device_count())]
        for way, device, dtype in ways:
            classifier = Classifier.from_checkpoint(checkpoint, torch.device(device), dtype=dtype)
            limit = LIMITS["bf16" if dtype is torch.bfloat16 else "fp32"]
            yield _check(f"{model} {way}", golden, classifier.classify(faces, size), limit)
        for way, precision in (("onnx", "fp32"), ("int8", "int8")):
            found = _on_onnx(file, faces, size, precision)  # type: ignore[arg-type]  # a Literal of two names
            if isinstance(found, str):
                yield GoldenCheck(f"{model} {way}", None, 0, LIMITS[way], found)
            else:
                yield _check(f"{model} {way}", golden, found, LIMITS[way])


def _check(way: str, golden: NDArray[np.float64], found: NDArray[np.float32], limit: float) -> GoldenCheck:
    parity = compare(golden, found)
    return GoldenCheck(way, round(parity.largest, 6), parity.changed, limit)


def _on_onnx(file: Path, faces: list[AlignedFace], size: int, precision: ExportPrecision) -> NDArray[np.float32] | str:
    """Export a model to a temporary file, and classify with it; or say why that is impossible here."""
    batch = network_input(faces, size)
    pixels = np.ascontiguousarray(batch.images.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).numpy())
    inputs: Inputs = {"images": pixels, "landmarks": batch.landmarks.numpy()}
    try:
        with TemporaryDirectory() as folder:
            out = Path(folder) / "model.onnx"
            export(ExportConfig(model=file, out=out, part="classifier", precision=precision))
            return run_onnx(out, inputs)
    except AmpnetError as error:
        return str(error)


def _machine() -> dict[str, str]:
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": f"{usable_cores()} usable of {os.cpu_count()}",
        "bfloat16": "in the processor" if has_bf16_units(torch.device("cpu")) else "emulated, slow",
        "torch capability": torch.backends.cpu.get_cpu_capability(),
        "GPUs": ", ".join(gpus) or "none",
    }


def _processor() -> str:
    """Name the processor; Linux has it in a file only."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8", errors="replace").splitlines() if info.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def _versions() -> dict[str, str]:
    names = ("torch", "torchvision", "numpy", "pandas", "pillow", "simplejpeg", "typer", "retinaface-pytorch")
    found = {name: _version(name) for name in names}
    return {"ampnet": __version__, "Python": sys.version.split()[0], **found, "OpenCV": _opencv_builds()}


def _opencv_builds() -> str:
    return ", ".join(f"{name} {_version(name)}" for name in OPENCV if _version(name) != "missing")


def _extras() -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for line in metadata.requires(DISTRIBUTION) or []:
        requirement, _, marker = line.partition(";")
        named = re.search(r"extra == ['\"]([\w-]+)", marker)
        extra = named[1] if named else ""
        name = requirement.split("[")[0].split(">")[0].split("=")[0].strip()
        if extra and extra not in ("dev", "docs", "release") and name != DISTRIBUTION:
            found.setdefault(extra, []).append(f"{name} {_version(name)}")
    return {extra: ", ".join(parts) for extra, parts in found.items()}


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "missing"


def _places() -> dict[str, str]:
    """Describe the folders that commands write to unasked: the working folder and the cache of exported models."""
    places = {"working folder": Path.cwd()}
    try:
        from pipelines.onnx_models import cache_folder

        places["cache of exported models"] = cache_folder()
    except ImportError:
        pass
    return {name: _place(path) for name, path in places.items()}


def _place(path: Path) -> str:
    parent = path
    while not parent.exists():
        parent = parent.parent
    access = "" if os.access(parent, os.W_OK) else ", read-only"
    if path == Path.cwd() or not path.exists():
        return f"{path}{access}"
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return f"{path}, {size / 1e6:.1f} MB{access}"


def doctor_lines(report: DoctorReport) -> Iterator[RenderableType]:
    """Show each section as a table, the golden answers last."""
    for section, facts in report.facts.items():
        yield build_table((section, ""), facts.items(), "", text=2, gap=1)
    rows = [
        (
            check.way,
            "-" if check.largest is None else f"{check.largest:.6f}",
            "-" if check.largest is None else f"{check.changed} of 20",
            check.note or ("right" if check.is_right else "wrong"),
        )
        for check in report.golden
    ]
    yield build_table(("golden answers", "largest difference", "labels changed", ""), rows, "", text=1, gap=1)
    yield from report.advice
    yield "this machine answers as released" if not report.problems else "something is wrong; see the lines below"
