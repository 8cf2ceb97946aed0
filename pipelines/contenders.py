"""What `ampnet compare` compares: checkpoints, runs over seeds, files of predictions; and the files of a comparison."""

import hashlib
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import numpy as np

from ampnet.checkpoints.model_files import (
    BEST,
    WORD,
    Runs,
    bundled_name,
    checkpoint_file,
    display_name,
    find_runs,
    named_model,
    seed_of,
)
from ampnet.dataset.index.index_files import index_sha256
from ampnet.errors import UsageError
from ampnet.evaluation.comparison import Answers
from ampnet.evaluation.predictions import SplitImages
from ampnet.files.printable import as_text, printable
from ampnet.files.writing import write_rows
from ampnet.settings import CompareConfig
from pipelines.evaluate_runs import stopped_early
from pipelines.provenance import versions
from pipelines.result_folder import Subjects, free_folder


@dataclass(frozen=True)
class Contender:
    """One side of a comparison."""

    letter: str
    """A, B, ...: its name in tables and pictures."""
    name: str
    """What the user gave, or the bundled model's full name."""
    files: tuple[Path, ...]
    """Checkpoints, one for each seed, or one file of predictions."""
    is_predictions: bool
    notes: tuple[str, ...] = ()
    folds: Runs | None = None
    """Runs that each hold out other images; together they answer every image once for each seed."""

    @property
    def answer_names(self) -> list[str]:
        """Names of what is compared of it: its letter; of several seeds, also the run's folder."""
        runs = [file.parent.name for file in self.files]
        if self.folds:
            runs = list(dict.fromkeys(seed_of(run) for run in runs))
        return [self.letter] if len(runs) == 1 else [f"{self.letter} {printable(run)}" for run in runs]

    @property
    def short_name(self) -> str:
        """A name for a folder."""
        if self.name.startswith(f"{WORD}:"):
            return self.name.removeprefix(f"{WORD}:")
        file = self.files[0]
        name = file.stem if self.is_predictions or file.name != BEST else file.parent.name
        if len(self.files) > 1:
            name = file.parent.parent.name
        return re.sub(r"[^\w.+]+", "_", printable(name, 40)) or self.letter


def find_contenders(named: Sequence[Path], is_mirrored: bool = False) -> tuple[Contender, ...]:
    """Find the files of each contender.

    Args:
        is_mirrored: whether a checkpoint's answers are to be averaged with those to mirrored faces.

    Raises:
        UsageError: a path does not exist, there is no such bundled model, two contenders are one file, one has seen
            what the folds of another hold out, or there is nothing to be mirrored.
        CheckpointError: a folder holds no checkpoint.
    """
    found = [_find(letter, path) for letter, path in zip(ascii_uppercase, named, strict=False)]
    if folds := next((one for one in found if one.folds), None):
        for other in found:
            if not (other.folds or other.is_predictions):
                raise UsageError(
                    f"{printable(folds.name)} holds folds, and {printable(other.name)} may have seen some of their "
                    "images; compare folds with folds, or with a file of predictions for all images"
                )
    if is_mirrored and all(one.is_predictions for one in found):
        raise UsageError("--mirror applies to checkpoints, not to answers in files; leave it out")
    owners: dict[Path, Contender] = {}
    for contender in found:
        for file in contender.files:
            other = owners.setdefault(file.resolve(), contender)
            if other is not contender:
                raise UsageError(
                    f"{printable(other.name)} and {printable(contender.name)} are the same file; compare different ones"
                )
    return tuple(found)


def _find(letter: str, named: Path) -> Contender:
    path = named_model(named, "a CSV file of predictions")
    if path.suffix.lower() == ".csv" and path.is_file():
        return Contender(letter, str(named), (path,), is_predictions=True)
    if runs := find_runs(path):
        if runs.are_folds:
            notes = tuple(stopped_early(runs))
            return Contender(letter, str(named), runs.finished, is_predictions=False, notes=notes, folds=runs)
        unfinished = f"without {', '.join(runs.unfinished)}, where there is no {BEST}"
        notes = (*((unfinished,) if runs.unfinished else ()), *stopped_early(runs))
        return Contender(letter, str(named), runs.finished, is_predictions=False, notes=notes)
    file = checkpoint_file(path)
    return Contender(letter, display_name(file) if bundled_name(file) else str(named), (file,), is_predictions=False)


JSON_FILE = "compare.json"
ANSWERS_FILE = "answers.csv"
LATEX_FILE = "compare.tex"


def write_answers(path: Path, images: SplitImages, contenders: Sequence[Contender], answers: Sequence[Answers]) -> None:
    """Write a row for every compared image, with the answer of every run."""
    columns = [name for contender in contenders for name in contender.answer_names]
    names = [*images.class_names, ""]  # -1 is the last
    copies = images.copies if images.copies is not None else np.full(len(images), "")
    runs = np.concatenate(list(answers)).T.tolist()
    described = zip(images.names, images.sources, copies, images.labels.tolist(), runs, strict=True)
    rows = ([*about, *(names[code] for code in (label, *codes))] for *about, label, codes in described)
    write_rows(path, ["name", "source", "copy", "true", *columns], rows)


def split_of(config: CompareConfig, contenders: Sequence[Contender]) -> str:
    """Name what is compared on: a split, or all images, which folds hold out in turn."""
    return "all" if any(contender.folds for contender in contenders) else config.split


def subjects_of(config: CompareConfig, contenders: Sequence[Contender]) -> dict[str, dict[str, Any]]:
    """Describe the subject of a comparison, which only replaces one of the same subject."""
    files = [[as_text(file.resolve()) for file in contender.files] for contender in contenders]
    return {
        JSON_FILE: {
            "about": {"files": files, "data": as_text(config.data.resolve()), "split": split_of(config, contenders)}
        }
    }


def default_folder(config: CompareConfig, contenders: Sequence[Contender], subjects: Subjects) -> Path:
    """Choose compare/<contenders>-<split> in the data folder; other contenders of the same names add a digest.

    Raises:
        DataError: a link in the data folder leads elsewhere.
    """
    name = "-".join([*(contender.short_name for contender in contenders), split_of(config, contenders)])[:150]
    digest = hashlib.sha256(json.dumps(subjects[JSON_FILE]["about"]).encode()).hexdigest()[:8]
    return free_folder(config.data / "compare", (name, f"{name}-{digest}"), {} if config.force else subjects)


def about_of(
    config: CompareConfig, contenders: Sequence[Contender], hashes: Mapping[Path, str], subjects: Subjects, root: Path
) -> dict[str, Any]:
    """Describe where the numbers come from: files, hashes, versions, and the command that repeats them."""
    words = ["ampnet", "compare", *map(as_text, config.contenders), "--data", as_text(config.data)]
    words += ["--split", config.split, "--seed", str(config.seed), *(["--mirror"] if config.mirror else [])]
    return {
        **subjects[JSON_FILE]["about"],
        "contenders": [
            {
                "letter": contender.letter,
                "name": printable(contender.name),
                "kind": "predictions" if contender.is_predictions else "checkpoint",
                "runs": [{"path": as_text(file), "sha256": hashes[file]} for file in contender.files],
            }
            for contender in contenders
        ],
        "index_sha256": index_sha256(root),
        "seed": config.seed,
        "mirror": config.mirror,
        "command": shlex.join(words),
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "versions": versions(),
    }
