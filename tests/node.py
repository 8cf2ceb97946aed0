"""npm packages for tests that run in Node or in a browser; the tests are skipped where they cannot be installed."""

import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest


@cache
def npm_folder(*packages: str) -> Path:
    """Install packages, without running their scripts, into a folder that has them in ``node_modules``."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("no Node.js with npm; install them with `apt install nodejs npm`")
    folder = Path(mkdtemp(prefix="ampnet-npm-"))
    npm = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", *packages]
    if subprocess.run(npm, cwd=folder, capture_output=True, timeout=300).returncode:
        pytest.skip(f"npm cannot install {', '.join(packages)} here")
    return folder
