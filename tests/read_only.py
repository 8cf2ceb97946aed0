"""Commands where folders are for reading only."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MOUNT = (
    'for folder in $FOLDERS; do mount --bind "$folder" "$folder" && mount -o remount,bind,ro "$folder"; done; exec "$@"'
)


def ampnet_read_only(folders: Sequence[Path], *words: object, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run `ampnet` while folders are for reading only; skip the test where that cannot be arranged.

    Modes do not bind root, for whom the folders are mounted for reading only, in a namespace of the command's own.
    """
    command = [sys.executable, str(ROOT / "cli.py"), *map(str, words)]
    surroundings = os.environ | environment | {"FOLDERS": " ".join(map(str, folders))}
    if os.geteuid() == 0:
        mounted = ["unshare", "--mount", "sh", "-c", MOUNT, "sh"]
        if (
            shutil.which("unshare") is None
            or subprocess.run(
                [*mounted, "sh", "-c", '! touch "$0/probe"', folders[0]], env=surroundings, capture_output=True
            ).returncode
        ):
            pytest.skip("this root may not mount, and modes do not bind root")
        return subprocess.run([*mounted, *command], env=surroundings, capture_output=True, text=True, timeout=300)
    for folder in folders:
        folder.chmod(0o555)
    try:
        return subprocess.run(command, env=surroundings, capture_output=True, text=True, timeout=300)
    finally:
        for folder in folders:
            folder.chmod(0o755)
