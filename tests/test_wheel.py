"""The wheel holds everything that the command needs, and nothing else."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
SHIPPED = ("ampnet", "pipelines", "cli.py", "pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build from a copy, so that nothing is left in the tree."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in SHIPPED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    build = f"from setuptools.build_meta import build_wheel; build_wheel({str(out)!r})"  # as pip does
    subprocess.run([sys.executable, "-c", build], check=True, capture_output=True, cwd=source)
    return next(out.glob("ampnet-*.whl"))


def test_the_wheel_holds_every_module_and_the_weights(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    modules = {
        path.relative_to(ROOT).as_posix() for name in ("ampnet", "pipelines") for path in ROOT.glob(f"{name}/**/*.py")
    }
    assert modules <= names
    assert "cli.py" in names
    assert {"ampnet/py.typed", "ampnet/reports/metrics.schema.json"} <= names
    for folder in ("ampnet/detection/weights/", "ampnet/weights/"):
        assert any(name.startswith(folder) and name.endswith(".safetensors") for name in names)
    tops = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert tops == {"ampnet", "pipelines", "cli.py"}
    assert wheel.stat().st_size < 20e6


def test_the_installed_command_runs_from_elsewhere(wheel, tmp_path):
    target, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile"]
    subprocess.run([*install, "--target", str(target), str(wheel)], check=True, capture_output=True)
    environment = {**os.environ, "PYTHONPATH": str(target)}

    def output(*command):
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=elsewhere, env=environment)
        return done.stdout

    detector = "import ampnet, cli, pipelines; print(ampnet.FaceDetector().name, ampnet.__file__, cli.__file__)"
    told = output(sys.executable, "-c", detector)
    assert told.startswith("mobilenet0.25 ")  # its weights came along
    assert told.count(str(target)) == 2  # not the working tree
    assert "predict" in output(str(target / "bin" / "ampnet"), "--help")
