"""What runs on every push is what a developer runs, from the oldest supported Python on."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
WORKFLOW = (ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8")


def test_the_workflow_runs_targets_of_make_and_nothing_else():
    commands = re.findall(r"- run: (.+)", WORKFLOW)
    assert set(commands) == {"make test", "make site"}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all(re.search(rf"^{command.removeprefix('make ')}:", makefile, re.MULTILINE) for command in commands)


def test_the_workflow_tests_the_oldest_supported_python():
    oldest = re.search(r'requires-python = ">=(.+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert oldest is not None
    assert f'python: ["{oldest[1]}", ' in WORKFLOW


def test_actions_are_pinned_by_their_major_version():
    assert re.findall(r"uses: (.+)", WORKFLOW)
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", used) for used in re.findall(r"uses: (.+)", WORKFLOW))
