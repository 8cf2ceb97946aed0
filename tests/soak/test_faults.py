"""Commands that are killed at random moments, or whose disk is too small, end with the files of an undisturbed run.

The scripts disturb forks of a process that has only imported, which a test's own process has not; to kill or fill more,
run them directly: `python -m tests.soak.kills --kills 20`, `python -m tests.soak.full_disk`.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.soak.commands import COMMANDS
from tests.soak.kills import KILLED

pytestmark = [pytest.mark.slow, pytest.mark.soak]

ROOT = Path(__file__).parents[2]


def run(script: str, *options: str) -> None:
    """Run one of the scripts; it exits with 1 if anything was wrong."""
    command = [sys.executable, "-m", f"tests.soak.{script}", *options]
    environment = {**os.environ, "COLUMNS": "120", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", KILLED)
def test_a_command_killed_at_random_moments_ends_with_the_undisturbed_files(name: str) -> None:
    run("kills", "--kills", "5", "--commands", name)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_on_a_disk_too_small_leaves_no_half_file_and_succeeds_with_enough_space(name: str) -> None:
    run("full_disk", "--megabytes", "1", "--commands", name)
