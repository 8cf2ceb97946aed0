"""Commands where folders are for reading only."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MOUNT = (
    'for folder in $FOLDERS; do mount --bind "$folder" "$folder" && mount -o remount,bind,ro "$folder"; done; exec "$@"'
)
RUN_ALL = """
import json, logging, sys
from typer.testing import CliRunner
from cli import app

logging.getLogger("matplotlib").setLevel(logging.ERROR)  # as the program does
done = [CliRunner().invoke(app, words) for words in json.loads(sys.argv[1])]
print(json.dumps([(one.exit_code, one.stdout, one.stderr) for one in done]))
"""
"""One process for several commands: most of the time of a short one is Python loading torch."""


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


def ampnet_read_only(folders: Sequence[Path], *commands: Sequence[object], **environment: str) -> list[Done]:
    """Run `ampnet` commands while folders are for reading only; skip the test where that cannot be arranged.

    Modes do not bind root, for whom the folders are mounted for reading only, in a namespace of the process's own.
    """
    command = [sys.executable, "-c", RUN_ALL, json.dumps([[str(word) for word in words] for words in commands])]
    surroundings = os.environ | environment | {"FOLDERS": " ".join(map(str, folders))}
    if os.geteuid() == 0:
        mounted = ["unshare", "--mount", "sh", "-c", MOUNT, "sh"]
        probe = [*mounted, "sh", "-c", '! touch "$0/probe"', str(folders[0])]
        if shutil.which("unshare") is None or subprocess.run(probe, env=surroundings, capture_output=True).returncode:
            pytest.skip("this root may not mount, and modes do not bind root")
        command = [*mounted, *command]
    else:
        for folder in folders:
            folder.chmod(0o555)
    try:
        run = subprocess.run(command, cwd=ROOT, env=surroundings, capture_output=True, text=True, timeout=600)
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert (run.returncode, run.stderr) == (0, ""), run.stderr
    return [Done(*one) for one in json.loads(run.stdout)]
