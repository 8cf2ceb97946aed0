"""Reproduce README's figures: run the command beside each, and keep what it gave, with the date.

    make results FER=fer RAW=fer2013         # or: python -m benchmarks.results --fer fer --raw fer2013 [--only KEY,...]

`fer` is FER-2013 as `ampnet prepare fer2013 --votes fer2013new.csv --out fer --crop face --no-face template` leaves it,
`fer2013` the raw set. What is finished is kept in docs/results.json after each command, and left out by the next call
unless the version, a bundled model or the command has changed. All of it takes hours; the figures of accuracy ten
minutes. `python -m tools.scientific_record` then writes docs/results.md and the model card's tables from that file.
"""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from ampnet import __version__
from ampnet.checkpoints.model_files import bundled_model
from ampnet.files.writing import sha256_of, write_json
from benchmarks.measure import options_of

ROOT = Path(__file__).parents[1]
STORED = ROOT / "docs" / "results.json"
MAX_LINES = 40
"""Of a benchmark's tables, the last lines that are kept."""


@dataclass(frozen=True)
class Figure:
    """A figure, or several, that one command gives."""

    what: str
    command: str
    """With ``{fer}``, ``{raw}`` and ``{work}``, a folder of this script."""
    numbers: tuple[str, ...] = ()
    """Places in the JSON that the command prints; empty: its text is kept."""


SCORES = (
    *("images", "all.accuracy", "all.mean_class_accuracy", "all.macro_f1", "all.classes", "crowd.majority_rows"),
    *("crowd.annotator_accuracy", "crowd.scores.accuracy", "crowd.scores.mean_class_accuracy", "crowd.scores.classes"),
    *("crowd.probabilities.calibration_error", "probabilities.calibration_error", "copies", "priors", "protocol"),
)
EVALUATIONS = {
    "ferplus": ("bundled (ferplus) on PrivateTest", "bundled:ferplus", " --protocol ferplus-majority"),
    "fer2013": ("bundled:fer2013 on PrivateTest", "bundled:fer2013", " --protocol ferplus-majority"),
    "ferplus-mirror": ("ferplus, mirror-averaged", "bundled:ferplus", " --mirror"),
    "fer2013-mirror": ("fer2013, mirror-averaged", "bundled:fer2013", " --mirror"),
    "ferplus-training": ("ferplus without prior adjustment", "bundled:ferplus", " --prior training"),
}
"""What is measured, the model, and further options, by key."""

FIGURES: Mapping[str, Figure] = {
    key: Figure(what, f"ampnet eval {model} --data {{fer}} --out {{work}}/{key} --force --json{options}", SCORES)
    for key, (what, model, options) in EVALUATIONS.items()
} | {
    "samples-prepare": Figure("", "ampnet prepare tests/samples/faces --out {work}/samples --force --json", ("faces",)),
    "samples": Figure(
        "bundled on rendered colour faces",
        "ampnet eval bundled --data {work}/samples --out {work}/eval-samples --force --json",
        ("images", "all.accuracy", "all.classes"),
    ),
    "steadiness": Figure(
        "labels that change when a photo changes slightly",
        "ampnet robustness bundled --photos tests/samples/faces/test",
    ),
    "check": Figure("duplicates in FER-2013", "ampnet check --data {fer} --out {work}/check"),
    "traits": Figure("altered images that check flags", "python -m benchmarks.photograph_traits {raw}_damaged {raw}"),
    "network": Figure("training, evaluation, one face", "python -m benchmarks.network"),
    "preprocessing": Figure("preprocessing and look-ups", "python -m benchmarks.preprocessing"),
    "detection": Figure("face detection in batches", "python -m benchmarks.detection"),
    "prepare-rate": Figure("all of prepare", "python -m benchmarks.prepare_rate {raw} 4096"),
    "cold-start": Figure("one photo from a cold start", "python -m benchmarks.cold_start"),
    "prepare": Figure(
        "faces found by prepare",
        "ampnet prepare {raw} --votes {votes} --out {work}/fer --crop face --no-face template --resume --json",
        ("faces", "counts", "votes", "images_per_second"),
    ),
}


def main() -> int:
    """Run what is not finished; return the exit code."""
    parser = options_of(__doc__)
    parser.add_argument("--fer", type=Path, default=Path("fer"), help="FER-2013, prepared with its votes")
    parser.add_argument("--raw", type=Path, default=Path("fer2013"), help="FER-2013 as distributed")
    parser.add_argument("--votes", type=Path, default=Path("fer2013new.csv"), help="FER+'s votes")
    parser.add_argument("--only", default="", help=f"some of: {','.join(FIGURES)}")
    parser.add_argument("--again", action="store_true", help="also run what is finished")
    given = parser.parse_args()
    places = {"fer": given.fer, "raw": given.raw, "votes": given.votes, "work": ROOT / "build" / "results"}
    places["work"].mkdir(parents=True, exist_ok=True)
    stored = read_results()
    models = {name: sha256_of(bundled_model(name)) for name in ("ferplus", "fer2013")}
    failed = []
    for key in given.only.split(",") if given.only else FIGURES:
        made_by = {"command": FIGURES[key].command, "ampnet": __version__, "models": models}
        earlier = stored.get(key, {})
        if not given.again and made_by.items() <= earlier.items():
            print(f"{key}: from {earlier['date']}")
            continue
        print(f"{key}: {FIGURES[key].command}", flush=True)
        result = _run(FIGURES[key], places)
        if result is None:
            failed.append(key)
            continue
        stored[key] = made_by | {"what": FIGURES[key].what, "date": date.today().isoformat()} | result
        write_json(STORED, stored)
    if failed:
        print(f"failed: {', '.join(failed)}; what has succeeded is kept, run the same command again", file=sys.stderr)
    return 1 if failed else 0


def read_results() -> dict[str, Any]:
    """Return what is stored, by key; empty without any."""
    return dict(json.loads(STORED.read_text(encoding="utf-8"))) if STORED.exists() else {}


def _run(figure: Figure, places: Mapping[str, Path]) -> dict[str, Any] | None:
    """Run a command here; return its numbers or its last lines, or None if it failed."""
    words = [word.format(**places) for word in shlex.split(figure.command)]
    words[:1] = [sys.executable] if words[0] == "python" else [sys.executable, str(ROOT / "cli.py")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        return None
    if not figure.numbers:
        text = done.stdout.replace(f"{ROOT}/", "")
        for name, place in places.items():
            text = text.replace(str(place), f"{{{name}}}")
        return {"text": text.splitlines()[-MAX_LINES:]}
    printed = json.loads(done.stdout)
    return {"numbers": {place: _at(printed, place.split(".")) for place in figure.numbers}}


def _at(value: Any, path: Sequence[str]) -> Any:
    for name in path:
        value = None if value is None else value.get(name)
    return value


if __name__ == "__main__":
    sys.exit(main())
