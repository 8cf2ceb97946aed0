"""`ampnet predict --engine ray`: the same answers as `ampnet predict`, by many processes and machines, as parquet."""

import json
import os
import time
from collections import Counter
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from ampnet.cluster.actors import ray_cluster
from ampnet.cluster.predictions import PartCounts, cut_into_parts, digest_of, done_parts, is_file_name, predict_parts
from ampnet.errors import DataError, UsageError, missing_package, resumable
from ampnet.files.documents import MAX_JSON
from ampnet.files.journal import CURE, require_same
from ampnet.files.lock import LOCK_FILE
from ampnet.files.printable import counted, one_line, printable
from ampnet.files.storage import address_of, is_address, join, names_in, open_file, remove_files, write_whole
from ampnet.files.writing import remove_leftovers, sha256_of
from ampnet.recognition.recognizer import Recognizer
from ampnet.results.columns import table_columns
from ampnet.runtime.cores import usable_cores
from ampnet.settings import PredictConfig
from pipelines.model import find_model
from pipelines.predictors import choose_predictor, face_settings, sampling_of
from pipelines.progress import notices, progress_bar
from pipelines.result_folder import locked

PLAN_FILE = "plan.json"
"""The request of the run; written before its first result."""

SUMMARY_FILE = "summary.json"
"""Counts of the whole; written after its last result."""


@dataclass(frozen=True)
class RayPredictions:
    """What a run has written."""

    out: str
    counts: PartCounts
    """Of all parts, those of an interrupted run included."""
    earlier: int
    """Photos and frames that an interrupted run had done."""
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values for JSON."""
        counts = self.counts
        return {
            "out": one_line(self.out),
            "results": counts.results,
            "faces": counts.faces,
            "unreadable": counts.unreadable,
            "answers": counts.labels,
            "earlier": self.earlier,
            "seconds": round(self.seconds, 1),
        }

    def all_problems(self) -> list[str]:
        """Return a line for each of the first inputs that cannot be read, and one that counts the others."""
        others = self.counts.unreadable - len(self.counts.problems)
        if not self.counts.results:
            return ["there is no photo, and no frame between --from and --to"]
        rest = [f"{counted(others, 'further input')} cannot be read; the rows say why"] if others else []
        return [*self.counts.problems, *rest]

    def lines(self) -> list[str]:
        """Describe it in a few lines."""
        counts, new = self.counts, self.counts.results - self.earlier
        shares = ", ".join(f"{name} {count / counts.faces:.0%}" for name, count in Counter(counts.labels).most_common())
        before = f", {self.earlier:,} of them before" if self.earlier else ""
        return [
            f"{counts.results:,} photos and frames{before}: {counts.faces:,} faces{shares and f'; {shares}'}",
            f"{new / max(self.seconds, 1e-9):.1f} images/s; results: {self.out}",
        ]


def run(config: PredictConfig, quiet: bool = False) -> RayPredictions:
    """Classify every face of the inputs on a Ray cluster.

    Raises:
        UsageError: the output exists already, or Ray is not installed.
        LockedError: another command writes to the output folder.
        DataError: there are no images, something cannot be read or written, or a resumed run was begun with other
            settings.
        ProcessError: Ray or an actor failed.
    """
    console = notices(quiet)
    assert config.out is not None  # as the settings require
    if missing := [name for name in ("ray", "pyarrow") if find_spec(name) is None]:
        raise missing_package(missing[0], "cluster")
    out = address_of(config.out)
    out = out if is_address(out) else str(config.out.resolve())
    parts, notes = cut_into_parts(config.images, config.part_images, config.videos, out)
    for note in notes:
        console.print(note)
    model = find_model(config.checkpoint, console, "--checkpoint").resolve()
    settings = {
        "inputs_sha256": digest_of(parts),
        "parts": len(parts),
        "part_images": config.part_images,
        "model_sha256": sha256_of(model),
        **face_settings(config),
        "mirror": config.mirror,
        "prior": _prior(config),
        "runtime": config.runtime,
        "precision": config.precision,
        "columns": [column.name for column in table_columns([])],  # rows of an earlier version had others
    }
    alone = nullcontext() if is_address(out) else locked(Path(out), console)
    with alone, resumable(lambda: PLAN_FILE in names_in(out)):
        _begin(config, out, settings)
        done = done_parts(parts, out)
        total = PartCounts()
        for earlier in done.values():
            total.merge(earlier)
        before = total.results
        todo = [part for part in parts if part.number not in done]
        started = time.monotonic()
        if todo:
            with ray_cluster(config.actors, config.gpus) as options:
                worker = replace(config, checkpoint=model, gpus=int(options.on_gpu))
                with progress_bar(console)("predict (parts)", len(parts), len(done)) as advance:
                    loader = partial(load, worker, Path.cwd())
                    for counts in predict_parts(todo, loader, out, sampling_of(config), options):
                        total.merge(counts)
                        advance()
            if not is_address(out):
                remove_leftovers(Path(out))  # of actors that died
        result = RayPredictions(out, total, before, time.monotonic() - started)
        write_whole(join(out, SUMMARY_FILE), _json(result.to_dict()))
    return result


def _prior(config: PredictConfig) -> Any:
    """Return what the prior says, not where: a file may change between two runs."""
    if config.prior is None:
        return None
    from ampnet.inference.calibration import read_prior  # loads torch, which the other runtime does without

    return read_prior(config.prior)


def load(config: PredictConfig, folder: Path) -> Recognizer:
    """Load detector and classifier in an actor.

    Args:
        folder: the command's working folder, to which paths are relative; a cluster's nodes were started elsewhere.
    """
    with suppress(OSError):  # a node may not have it: what is named by addresses and whole paths needs none
        os.chdir(folder)
    return choose_predictor(config, notices(quiet=True), parallel=usable_cores()).predictor  # a core for each actor


def _begin(config: PredictConfig, out: str, settings: dict[str, Any]) -> None:
    """Write the plan of a new run, or compare a resumed one with its plan; refuse to replace anything unasked."""
    names = names_in(out) - {LOCK_FILE}
    ours = [name for name in names if name in (PLAN_FILE, SUMMARY_FILE) or is_file_name(name)]
    if PLAN_FILE in names and config.resume:
        try:
            with open_file(join(out, PLAN_FILE)) as file:
                earlier = msgspec.json.decode(file.read(MAX_JSON), type=dict[str, Any])
        except (DataError, msgspec.DecodeError) as error:
            raise DataError(f"cannot read {join(out, PLAN_FILE)}; {CURE}") from error
        require_same({"fast": None} | settings, earlier, out)  # without --fast, a plan has no such entry
        return
    if names and not config.force:
        cure = "resume with --resume, or " if PLAN_FILE in names else ""
        raise UsageError(f"{printable(out)} is not empty; {cure}replace it with --force, or choose another --out")
    remove_files(out, sorted(ours))
    write_whole(join(out, PLAN_FILE), _json(settings))


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()
