"""npm packages for tests that run in Node or in a browser; the tests are skipped where they cannot be installed."""

import shutil
import subprocess
from pathlib import Path

import pytest
from filelock import FileLock

KEPT = Path(__file__).parents[1] / "build" / "npm"
"""Where packages stay for the next run, as those of Python do; `make clean` deletes them."""


def npm_folder(*packages: str) -> Path:
    """Install packages, without running their scripts, into a folder that has them in ``node_modules``."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("no Node.js with npm; install them with `apt install nodejs npm`")
    folder, begun = (KEPT / f"{'+'.join(packages)}{end}" for end in ("", ".begun"))
    begun.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{begun}.lock"):
        if not folder.exists():
            shutil.rmtree(begun, ignore_errors=True)
            begun.mkdir()
            npm = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", *packages]
            if subprocess.run(npm, cwd=begun, capture_output=True, timeout=300).returncode:
                pytest.skip(f"npm cannot install {', '.join(packages)} here")
            begun.rename(folder)
    return folder
