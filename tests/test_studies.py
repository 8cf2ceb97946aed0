"""Every command of docs/studies.md runs, on rendered people, with the least training."""

import csv
import re
import shlex
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import app
from tests.small_report import draw_nothing

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "tests" / "samples"
PEOPLE = ("id00", "id01", "id02", "id03", "id04")
EXPRESSIONS = {"happiness": "cheerful", "neutral": "calm", "surprise": "startled"}
LEAST = ["--epochs", "1", "--batch-size", "15", "--image-size", "64", "--processes", "1", "--workers", "0"]
SERIES = ("--folds", "--seeds")
"""Options that train several runs, here two."""


def make_photos(root: Path) -> None:
    """Sort some sample photos by person and expression, two of each, and say who is what."""
    sexes = {}
    with (SAMPLES / "annotations.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["identity"] in PEOPLE and row["expression"] in EXPRESSIONS:
                folder = root / row["identity"] / EXPRESSIONS[row["expression"]]
                folder.mkdir(parents=True, exist_ok=True)
                if len(list(folder.iterdir())) < 2:
                    shutil.copy(SAMPLES / row["file"], folder)
                sexes[row["identity"]] = row["sex"]
    lines = ["subject,gender", *(f"{person},{sex}" for person, sex in sexes.items())]
    (root / "people.csv").write_text("\n".join(lines) + "\n")


def commands() -> list[list[str]]:
    text = (ROOT / "docs" / "studies.md").read_text(encoding="utf-8").partition("## The same on FER-2013")[0]
    blocks = re.findall(r"```\n(.*?)```", text, re.DOTALL)
    return [shlex.split(line)[1:] for block in blocks for line in block.splitlines() if line.startswith("ampnet ")]


@pytest.mark.slow
def test_every_command_of_the_page_runs_in_its_order(tmp_path, monkeypatch):
    make_photos(tmp_path / "photos")
    monkeypatch.chdir(tmp_path)
    draw_nothing(monkeypatch)
    asked = commands()
    assert [words[0] for words in asked[:3]] == ["prepare", "check", "adapt"]
    for words in asked:
        if words[:2] == ["prepare", "photos"] and "--votes" in words:
            answer_the_first(tmp_path / "audit" / "audit.csv")
        several = [word for option in SERIES if option in words for word in (option, "2")]
        more = [*LEAST, *several] if words[0] == "train" else []
        machine = [] if words[0] == "check" else ["--gpus", "0"]
        result = CliRunner().invoke(app, [*words, *more, *machine, "-q"])
        assert result.exit_code == 0, f"{shlex.join(words)}: {result.stderr}"
        if "--latex" in words:
            assert r"\begin{table}" in result.stdout
            assert "Accuracy over the 2 folds" in result.stdout
    assert (tmp_path / "faces2" / "index" / "label_votes.csv").read_text().count("\n") == 2


def answer_the_first(file: Path) -> None:
    with file.open(newline="") as stored:
        rows = list(csv.DictReader(stored))
    rows[0]["answer"] = rows[0]["label"]
    with file.open("w", newline="") as stored:
        writer = csv.DictWriter(stored, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
