"""The files of a comparison, the folder that they go to, and what it was about."""

import hashlib
import json
import shlex
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from ampnet.dataset.index.index_files import index_sha256
from ampnet.evaluation.comparison import Answers
from ampnet.evaluation.predictions import SplitImages
from ampnet.files.printable import as_text, printable
from ampnet.files.writing import sha256_of, write_rows
from ampnet.settings import CompareConfig
from pipelines.contenders import Contender
from pipelines.provenance import versions
from pipelines.result_folder import Subjects, free_folder

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
    """Say what is compared on what; a comparison only replaces one of the same subject."""
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


def about_of(config: CompareConfig, contenders: Sequence[Contender], subjects: Subjects, root: Path) -> dict[str, Any]:
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
                "runs": [{"path": as_text(file), "sha256": sha256_of(file)} for file in contender.files],
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
