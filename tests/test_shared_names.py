"""Names that other distributions and people's files may have, too: `cli`, `pipelines`, and OpenCV's package."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]


def run_beside(folder, *command):
    """Run Python in a folder whose modules come first."""
    path = os.pathsep.join([str(folder), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_python_needs_neither_cli_nor_pipelines_so_people_may_have_their_own(tmp_path):
    (tmp_path / "cli.py").write_text("raise SystemExit('the wrong cli')")
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "__init__.py").write_text("raise SystemExit('the wrong pipelines')")
    code = "import ampnet, ampnet.onnx; print([getattr(ampnet, name) is None for name in ampnet.__all__])"
    done = run_beside(tmp_path, "-c", code)
    assert done.returncode == 0, done.stderr
    assert "True" not in done.stdout


def test_a_damaged_opencv_is_named_with_the_way_to_one_build(tmp_path):
    (tmp_path / "cv2").mkdir()
    (tmp_path / "cv2" / "__init__.py").touch()  # what the removal of one of two builds may leave
    advice = "pip install --force-reinstall --no-deps opencv-python"
    both = "import ampnet\ntry: ampnet.Predictor\nexcept ImportError as error: print(error)\nimport cli; cli.program()"
    done = run_beside(tmp_path, "-c", both, "predict", str(ROOT / "tests/samples/portrait.jpg"))
    assert done.stdout.startswith("OpenCV cannot be used (")
    assert advice in done.stdout
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert advice in done.stderr
