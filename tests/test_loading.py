"""What modules load: each is imported in a fork of one process, which has loaded nothing, or torch."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faces_tables import smiles, write_faces

IN_FORKS = """
import json, os, sys, traceback

for name, check in json.loads(sys.argv[1]).items():
    if check == "import torch":  # which all that follow need, so that it is loaded once
        import torch
        continue
    child = os.fork()
    if child == 0:
        try:
            exec(check)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1] != 0:
        print(name)
"""
SUMMARIZE = """
from cli import app
try:
    app(["summarize", "faces.csv", "--out", "tables"])
except SystemExit as end:
    assert not end.code
assert not {"torch", "av", "onnxruntime"} & set(sys.modules)
"""
TELEMETRY = "assert os.environ['ORT_DISABLE_TELEMETRY'] == '1'"
CHECKS = {
    "summarize loads no network": SUMMARIZE,
    "": "import torch",
    "commands without an engine load no ray": (
        "import pipelines.predict, pipelines.prepare; assert not {'ray', 'pyarrow.parquet'} & set(sys.modules)"
    ),
    "the writers of exports turn telemetry off": f"import ampnet.export.writers; {TELEMETRY}",
    "the service does": f"import ampnet.service.app; {TELEMETRY}",
    "the larger detector asks nobody for newest versions": (
        "import ampnet.detection.resnet50; assert 'albumentations' not in sys.modules"
    ),
}


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], str]:
    """Give the names of the checks that failed, and what they said."""
    folder = tmp_path_factory.mktemp("loading")
    write_faces(folder / "faces.csv", {"1": smiles(2, 4)}, [number / 10 for number in range(50)], "talk/clip.mp4")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_"))}
    environment |= {"HOME": str(folder), "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", IN_FORKS, json.dumps(CHECKS)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True, timeout=600)
    return [line for line in done.stdout.splitlines() if line in CHECKS], done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("check", [name for name in CHECKS if name])
def test_no_module_loads_more_than_it_needs(check: str, failed: tuple[list[str], str]) -> None:
    assert check not in failed[0], failed[1]
