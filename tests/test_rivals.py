"""The tables about other tools are those of the submissions, and these are what was scored."""

import hashlib
import json
from pathlib import Path

import pytest

from benchmarks.rivals.score import HERE, rows

ROOT = Path(__file__).parents[1]
SUBMISSIONS = sorted((HERE / "submissions").glob("*.json"))
PACKAGES = {
    "face-api": "`@vladmandic/face-api`",
    "facex": "`facex`",
    "fer": "`fer`",
    "human": "`@vladmandic/human`",
    "what-the-face": "`what-the-face-classification`",
    "facial-emotion-recognition": "`facial-emotion-recognition`",
}


@pytest.mark.parametrize("page", ["README.md", "benchmarks/rivals/README.md"])
def test_the_table_has_the_numbers_of_the_submissions(page):
    scored = rows()
    assert {tool for tool, _cells in scored} == set(PACKAGES)
    lines = [line for line in (ROOT / page).read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    for tool, cells in scored:
        row = next(line for line in lines if line.startswith(f"| {PACKAGES[tool]}"))
        assert all(f"| {cell} |" in row for cell in cells), (tool, cells)


@pytest.mark.parametrize("path", SUBMISSIONS, ids=lambda path: path.stem)
def test_a_submission_is_of_the_stored_answers_and_of_all_images(path):
    found = json.loads(path.read_text(encoding="utf-8"))
    tool, _, rule = path.stem.rpartition("-")
    answers = (HERE / "predictions" / f"{tool}.csv").read_bytes()
    assert found["predictions_sha256"] == hashlib.sha256(answers).hexdigest()
    assert found["protocol"]["rule"] == rule
    assert (found["images"], found["answered"]) == (3589, 3589)
