"""Everything that needs a GPU, in a few minutes on a machine that has one.

    python -m benchmarks.gpu --pack fer2013 --votes fer2013new.csv faces.zip     # once, anywhere; at most 40 MB
    python -m benchmarks.gpu faces.zip --minutes 8 --out results

Checks every path that runs differently there, prints the speed of both networks beside the baseline, trains the paper's
network for the time that is left, distils it into the small one, and writes what was printed, both histories and the
small network's weights. Exits with 1 if a check failed. ``--device cpu`` rehearses all of it without a GPU.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from ampnet import Predictor
from ampnet.checkpoints.model_files import BEST
from ampnet.inference.golden import sample_images
from ampnet.inference.optimize import optimize_for_inference
from ampnet.models.ampnet import AMPNet
from ampnet.runtime.cores import usable_cores
from ampnet.settings import VARIANTS, EvalConfig, ExportConfig, PrepareConfig, TrainConfig
from ampnet.training.loop import GPU_CHECK_STEPS
from ampnet.training.run_folder import HISTORY
from benchmarks.baseline.network import BaselineNetwork
from benchmarks.measure import options_of, table_text
from benchmarks.network import baseline_evaluation, baseline_step, faces, our_evaluation, our_step
from benchmarks.packed_faces import pack, unpack
from pipelines import evaluate, export, prepare, train

MEASURED_BY, TAUGHT_BY, ENDED_BY = 0.4, 0.8, 0.97
"""Shares of the time after which speed is measured, the paper's network is trained, and the small one is."""

BATCHES = (1, 32, 128, 512)
MEASURED_SECONDS = 0.5
STARTED = time.monotonic()


@dataclass
class Lab:
    """Where all this happens, and what it has said."""

    data: Path
    runs: Path
    device: torch.device
    minutes: float
    has_votes: bool
    lines: list[str] = field(default_factory=list)

    @property
    def gpus(self) -> int:
        """How many GPUs the commands use."""
        return int(self.device.type == "cuda")

    def say(self, text: str) -> None:
        """Print a text, and keep it."""
        print(text, flush=True)
        self.lines.append(text)

    def seconds_until(self, share: float) -> float:
        """Return the seconds until a share of the time is over."""
        return STARTED + 60 * self.minutes * share - time.monotonic()

    def train(self, name: str, epochs: int = 1, share: float = 1.0, **settings: Any) -> float:
        """Train until a share of the time is over at the latest; returns the seconds."""
        started = time.monotonic()
        recipe = settings.pop("recipe", "modern")
        changes = {"epochs": epochs, "targets": "votes" if self.has_votes else "label"} | settings.pop("changes", {})
        config = TrainConfig(data=self.data, out=self.runs, name=name, recipe=recipe, recipe_changes=changes,
                             gpus=self.gpus, processes=None if self.gpus else 1, **settings)  # fmt: skip
        end = threading.Timer(max(self.seconds_until(share), 1), os.kill, (os.getpid(), signal.SIGTERM))
        end.start()
        try:
            train.run(config, quiet=True)
        except KeyboardInterrupt:
            self.say(f"{name}: stopped at the end of its time")
        finally:
            end.cancel()
        return time.monotonic() - started

    def accuracy(self, name: str) -> str:
        """Say what a run's best epoch reached."""
        values = pd.read_csv(self.runs / name / HISTORY)["val_accuracy"]
        return f"{name}: best of {len(values)} epochs {values.max():.2%} on val, after epoch {values.argmax() + 1}"


def main() -> None:
    """Read the options, then pack or run."""
    parser = options_of(__doc__)
    parser.add_argument("file", type=Path, help="packed faces")
    parser.add_argument("--pack", type=Path, metavar="RAW", help="raw data set to pack into the file")
    parser.add_argument("--votes", type=Path, help="its annotators' votes")
    parser.add_argument("--megabytes", type=float, default=40, help="largest size of the file")
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES)
    parser.add_argument("--out", type=Path, default=Path("gpu_results"))
    asked = parser.parse_args()
    if asked.pack:
        packed, there = pack(asked.pack, asked.votes, asked.file, int(asked.megabytes * 1e6))
        print(f"{asked.file}: {packed:,} of {there:,} images, {asked.file.stat().st_size / 1e6:.1f} MB")
        return
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(run(asked, Path(folder)))


def run(asked: argparse.Namespace, folder: Path) -> int:
    """Do everything; returns the exit code."""
    device = torch.device(asked.device)
    votes = unpack(asked.file, folder / "raw")
    lab = Lab(folder / "data", folder / "runs", device, asked.minutes, votes is not None)
    name = torch.cuda.get_device_name(device) if lab.gpus else f"CPU, {torch.get_num_threads()} threads"
    lab.say(f"{name}; torch {torch.__version__}; {time.strftime('%d %B %Y')}")
    failed = check_paths(lab, folder / "raw", votes)
    measure_speed(lab, asked.batches)
    asked.out.mkdir(parents=True, exist_ok=True)
    for trained in train_both(lab):
        shutil.copy(lab.runs / trained / HISTORY, asked.out / f"{trained}.csv")
    weights = asked.out / "small.safetensors"
    if (lab.runs / "small" / BEST).exists():
        done = export.run(ExportConfig(model=lab.runs / "small", format="safetensors", out=weights, force=True))
        lab.say("\n".join(done.lines()))
    (asked.out / "results.md").write_text("\n".join(lab.lines) + "\n", encoding="utf-8")
    return 1 if failed or not weights.exists() else 0


def check_paths(lab: Lab, raw: Path, votes: Path | None) -> bool:
    """Run every path once; a failure is listed, and does not stop the others. Returns whether there was one."""
    rows, failed = [], False
    for name, path in paths(lab, raw, votes).items():
        started = time.monotonic()
        try:
            found = path()
        except Exception as error:  # whatever it is, the others are worth their time
            found, failed = f"FAILED: {type(error).__name__}: {error}", True
        note = found if isinstance(found, str) else "ok"
        rows.append((name, f"{time.monotonic() - started:.1f}", note))
        print(*rows[-1], flush=True)
    lab.lines.append(table_text("Paths", ("path", "seconds", "result"), rows))
    return failed


def paths(lab: Lab, raw: Path, votes: Path | None) -> dict[str, Callable[[], object]]:
    """List what is checked, in order."""
    plan = PrepareConfig(raw_dir=raw, votes=votes, crop="face", no_face="template", out=lab.data, check=False,
                         workers=usable_cores(), gpus=lab.gpus)  # fmt: skip
    small: dict[str, Any] = {"variant": "ampnet-small"}
    resumed = small | {"recipe": "reference"}
    found: dict[str, Callable[[], object]] = {
        "prepare": lambda: f"{prepare.run(plan, quiet=True).images_per_second:.0f} images/s",
        "train, fp32": partial(lab.train, "fp32", **small),
        "train, bf16": partial(lab.train, "bf16", precision="bf16", **small),
        "train, resumed": lambda: (lab.train("resumed", **resumed), lab.train("resumed", 2, resume=True, **resumed)),
        "train, pairs": partial(
            lab.train, "pairs", changes={"consistency": 3.0}, pretrained=lab.runs / "fp32", **small
        ),
        "eval": partial(compare_evaluation, lab),
        "predict": partial(compare_prediction, lab),
        "export": lambda: export.run(
            ExportConfig(model=lab.runs / "fp32", format="torchscript", out=lab.runs / "fp32.ts")
        ).lines()[1],
    }
    if lab.gpus:  # on CPUs they take minutes, or are refused
        found["train, fp16"] = partial(lab.train, "fp16", precision="fp16", **small)
        found["train, compiled"] = partial(lab.train, "compiled", compile=True, **small)
    return found


def compare_evaluation(lab: Lab) -> str:
    """Evaluate a run here and on the CPU."""
    accuracies = []
    for gpus in {lab.gpus, 0}:
        config = EvalConfig(checkpoint=lab.runs / "fp32", data=lab.data, split="val", gpus=gpus, out=lab.runs / "eval",
                            force=True)  # fmt: skip
        accuracies.append(evaluate.run(config, quiet=True).report.all.accuracy.value)
    return f"accuracy {accuracies[0]:.2%}; difference from the CPU's {abs(accuracies[0] - accuracies[-1]):.2%}"


def compare_prediction(lab: Lab) -> str:
    """Find and classify the faces of two photos here and on the CPU."""
    here, there = (
        Predictor(lab.runs / "fp32", device=device).predict(sample_images()) for device in (lab.device, "cpu")
    )
    faces_of = [[face for result in results for face in result] for results in (here, there)]
    difference = max(
        abs(one.scores[name] - other.scores[name]) for one, other in zip(*faces_of, strict=True) for name in one.scores
    )
    return f"{len(faces_of[0])} faces; largest difference of a probability from the CPU's {difference:.1e}"


def measure_speed(lab: Lab, batches: tuple[int, ...]) -> None:
    """Print images per second of both networks and the baseline, over batch sizes."""
    rows: list[list[object]] = []
    for variant in (None, "ampnet", "ampnet-small"):
        architecture = VARIANTS[variant or "ampnet"]
        for what in ("train", "infer"):
            for precision in ("fp32",) if variant is None else ("fp32", "bf16"):
                row = [variant or "baseline", what, precision]
                rows.append([*row, *(speed(lab, variant, architecture, what, precision, size) for size in batches)])
    head = ("network", "", "precision", *(f"batch {size}" for size in batches))
    lab.say(table_text("Images a second", head, rows))


def speed(lab: Lab, variant: str | None, size: dict[str, Any], what: str, precision: Any, count: int) -> object:
    """Return the images per second of one network at one batch size; a dash where time or memory is over."""
    if lab.seconds_until(MEASURED_BY) < 0 or (what == "train" and count < 2):
        return "-"
    batch = faces(count, size["image_size"])
    images, landmarks, labels = (values.to(lab.device) for values in batch)
    network = (BaselineNetwork() if variant is None else AMPNet(**size)).to(lab.device)
    steps = 1
    task: Callable[[], object]
    if isinstance(network, BaselineNetwork) and what == "train":
        task = baseline_step(network, (images, batch[1], labels))
    elif isinstance(network, BaselineNetwork):
        task = baseline_evaluation(network, images, batch[1])
    elif what == "train":
        task, steps = our_step(network, batch, lab.device, precision), GPU_CHECK_STEPS if lab.gpus else 1
    else:
        dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        task = our_evaluation(optimize_for_inference(network.eval(), dtype), images, landmarks)
    try:
        return count * steps / seconds_of(task, lab.device)
    except torch.cuda.OutOfMemoryError:
        return "-"


def seconds_of(task: Callable[[], object], device: torch.device) -> float:
    """Return the mean seconds of a task, after two calls to warm up."""
    wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    task()
    task()
    wait()
    started, calls = time.perf_counter(), 0
    while calls == 0 or time.perf_counter() - started < MEASURED_SECONDS:
        task()
        wait()
        calls += 1
    return (time.perf_counter() - started) / calls


def train_both(lab: Lab) -> list[str]:
    """Train the paper's network for the time that is left, and distil it into the small one; returns finished runs."""
    paper: dict[str, Any] = {"variant": "ampnet", "precision": "bf16" if lab.gpus else "fp32"}
    epoch = lab.train("one-epoch", share=TAUGHT_BY, **paper)
    lab.say(f"the paper's network: {epoch:.0f} s for its first epoch")
    if (epochs := int(lab.seconds_until(TAUGHT_BY) * 0.9 / epoch)) > 1:
        lab.train("paper", epochs, **paper)
    teachers = [name for name in ("paper", "one-epoch") if (lab.runs / name / BEST).exists()][:1]
    if teachers:
        small: dict[str, Any] = {"variant": "ampnet-small", "pretrained": Path("bundled")}
        epochs = max(int(lab.seconds_until(ENDED_BY) * 0.9 / epoch), 1)  # an epoch of the small network takes less
        lab.train("small", epochs, changes={"lr": 0.05}, teachers=(lab.runs / teachers[0],), **small)
    finished = [name for name in (*teachers, "small") if (lab.runs / name / BEST).exists()]
    lab.say("\n".join(map(lab.accuracy, finished)) or "the time was too short to train")
    return finished


if __name__ == "__main__":
    main()
