"""The command line starts at once, says what is wrong in one line, and exits as it should."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import app

ROOT = Path(__file__).parents[1]
COMMANDS = ("prepare", "train", "eval", "predict", "import", "export-reference")
HEAVY = ("torch", "torchvision", "cv2", "numpy", "pandas", "matplotlib", "retinaface")


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in COMMANDS), ["--version"]])
def test_help_loads_no_heavy_package(arguments):
    code = (
        "import sys; from typer.testing import CliRunner; from cli import app;"
        f"assert CliRunner().invoke(app, {arguments!r}).exit_code == 0;"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def test_help_lists_the_four_commands():
    shown = run("--help").stdout
    assert all(command in shown for command in COMMANDS)


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict"],
        ["eval", "nowhere"],
        ["eval", ".", "--split", "tests"],
        ["predict", "a.jpg", "--batch-size", "0"],
        ["predict", "a.jpg", "--gpus", "-1"],
        ["dance"],
    ],
)
def test_wrong_usage_exits_with_2(arguments):
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.stderr


def test_a_failure_is_one_line_on_stderr_that_names_the_cure(tmp_path):
    result = run("predict", tmp_path / "photo.jpg", "--checkpoint", tmp_path)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("ampnet: ")
    assert str(tmp_path) in result.stderr


@pytest.mark.slow
def test_debug_shows_the_traceback(tmp_path):
    arguments = [sys.executable, "-m", "cli", "predict", "photo.jpg", "--checkpoint", str(tmp_path), "--debug"]
    done = subprocess.run(arguments, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "CheckpointError" in done.stderr


def test_version_is_the_packages_own():
    from ampnet import __version__

    assert run("--version").stdout.strip() == f"ampnet {__version__}"
