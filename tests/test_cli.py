"""The command line starts at once, says what is wrong in one line, and exits as it should."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.text import Text
from typer.main import get_command
from typer.testing import CliRunner

from cli import app
from tests.processes import Command

ROOT = Path(__file__).parents[1]
COMMANDS = (
    *("prepare", "train", "eval", "predict", "adapt", "audit", "check", "compare", "convert", "robustness"),
    *("calibrate", "import", "export", "export-reference", "serve", "summarize", "doctor"),
)
HEAVY = ("torch", "torchvision", "cv2", "numpy", "pandas", "matplotlib", "retinaface")


def run(*arguments, **environment):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env=environment)


def commands():
    program: Any = get_command(app)
    return program.commands


ASK_ALL = f"""
import contextlib, io, sys
from typer.main import get_command
from cli import app

program = get_command(app)
for arguments in [["--help"], ["--version"], *([name, "--help"] for name in {COMMANDS!r})]:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        assert not program(arguments, standalone_mode=False)
    print(*arguments, *(name for name in {HEAVY!r} if name in sys.modules))
"""


def test_help_loads_no_heavy_package():
    done = subprocess.run([sys.executable, "-c", ASK_ALL], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.split("\n") == ["--help", "--version", *(f"{name} --help" for name in COMMANDS), ""]


def test_help_lists_the_four_commands():
    shown = run("--help").stdout
    assert all(command in shown for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_a_purpose_examples_on_lines_of_their_own_and_groups(command):
    shown = run(command, "-h", COLUMNS="80")
    assert shown.exit_code == 0
    lines = [line.strip() for line in shown.stdout.splitlines()]
    examples = [line for line in lines if line.startswith("$ ampnet ")]
    assert examples
    assert all(line.startswith(f"$ ampnet {command}") for line in examples)
    assert any(line.startswith("╭─ Output") for line in lines)


def test_no_help_text_is_lost_to_markup():
    texts = [text for command in commands().values() for text in (command.help, command.epilog) if text]
    texts += [option.help for command in commands().values() for option in command.params if option.help]
    assert len(texts) > 50
    assert [text for text in texts if Text.from_markup(text).plain != text.replace("\b", "")] == []


def test_shell_completion_gives_the_commands():
    code = "import sys; sys.argv[0] = 'ampnet'; from cli import app; app()"
    asked = {**os.environ, "_AMPNET_COMPLETE": "complete_bash", "COMP_WORDS": "ampnet ", "COMP_CWORD": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=asked, check=True)
    assert set(done.stdout.split()) == set(COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict"], "missing argument 'images', --list FILE or --camera 0 (see `ampnet predict --help`)"),
        (["predict", ""], "an argument is empty; is a variable of the shell not set?"),
        (["prepare", "raw", "--out", ""], "an argument is empty"),
        (["predict", "a.jpg", "--decimal", ","], "--decimal needs --csv FILE"),
        (["eval", "nowhere"], "nowhere does not exist"),
        (["eval", "bundled:nobody"], "there is no bundled model 'nobody'; choose one of ferplus, fer2013"),
        (
            ["eval", ".", "--split", "tests"],
            "invalid value for '--split': 'tests' is not one of 'train', 'val', 'test' (see",
        ),
        (["eval", "--data", "nowhere"], "invalid value for '--data'"),
        (["predict", "a.jpg", "--batch-size", "0"], "--batch-size must be at least 1, got 0"),
        (["predict", "a.jpg", "--gpus", "-1"], "--gpus must be at least 0, got -1"),
        (["predict", "a.jpg", "--checkpoint", "nowhere"], "nowhere does not exist"),
        (["predict", "a.jpg", "--camera", "0"], "--camera is the only input"),
        (["predict", "--camera", "0", "--track"], "--camera writes only --csv"),
        (["predict", "--camera", "0", "--json"], "--camera writes only --csv"),
        (["predict", "--camera", "0", "--from", "5"], "leave out --every, --rate, --from, --to and --fast"),
        (["train", "--teacher"], "requires an argument"),
        (["train", "--vote-weight", "0.5"], "--vote-weight needs --targets mix"),
        (["train", "--vote-weight", "0.5", "--targets", "votes"], "--vote-weight needs --targets mix"),
        (["train", "--set", "teacher_weight=0.9"], "teacher_weight needs --teacher"),
        (["prepare", "nowhere"], "nowhere"),
        (["compare", "bundled"], "give at least two checkpoints or files of predictions to compare, got 1"),
        (["compare", "bundled", "bundled"], "bundled is given twice"),
        (["compare", "bundled", "bundled:ferplus"], "bundled:ferplus and bundled:ferplus are the same file"),
        (["compare", "bundled", "nowhere"], "nowhere does not exist"),
        (["compare", "bundled", "bundled:nobody"], "there is no bundled model 'nobody'"),
        (["import", "nowhere.pth"], "nowhere.pth"),
        (["export-reference", "nowhere"], "nowhere"),
        (["summarize", __file__, "--rate", "fast"], "invalid value for '--rate': must be a number (see"),
        (["predict", "a.jpg", "--every", "2.5"], "invalid value for '--every': must be a whole number (see"),
        (["eval", "--data", __file__], "invalid value for '--data': folder '"),
        (["summarize", "tests"], "file 'tests' is a folder (see"),
        (
            ["serve", "--max-connections", "9"],
            "--max-connections was removed in ampnet 1.0; use --max-requests",
        ),
        (["check", "fer"], "got unexpected extra argument(s) (fer); a data set is named by --data (see `ampnet check"),
        (["doctor", "fer"], "got unexpected extra argument(s) (fer) (see `ampnet doctor --help`)"),
        (["evla"], "no such command 'evla'. Did you mean 'eval'? (see `ampnet --help`)"),
    ],
)
def test_wrong_usage_is_one_line_and_exits_with_2(arguments, message):
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("ampnet: ")
    assert message in line


@pytest.mark.parametrize(
    "arguments",
    [
        ["prepare", "."],
        ["predict", "."],
        ["predict", ".", "--videos"],
        ["predict", ".", "--estimate"],
        ["adapt", "."],
        ["audit", "--unlabelled", "."],
        ["robustness", "bundled", "--photos", "."],
        *([name, "--data", "."] for name in ("train", "check")),
        *([name, "bundled", "--data", "."] for name in ("eval", "audit", "robustness")),
        ["calibrate", "bundled", "--data", ".", "--out", "sure.pt"],
        ["compare", "bundled:ferplus", "bundled:fer2013", "--data", "."],
        ["convert", ".", "--to", "shards", "--out", "shards"],
        *([name, "."] for name in ("eval", "export", "export-reference")),
    ],
)
def test_an_empty_folder_is_one_line_and_exits_with_1(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments, *(["--processes", "1"] if arguments[0] == "train" else []))
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("ampnet: . holds no ")


FORGED = "a\x1b[2J\x1b]0;title\x07\nampnet: all is well\r\u202egpj.exe"


@pytest.mark.parametrize(
    "arguments",
    [
        ["prepare", FORGED],
        ["prepare", ".", "--layout", FORGED],
        ["predict", "a.jpg", "--gpus", FORGED],
        ["predict", "a.jpg", "--checkpoint", FORGED],
        ["predict", "a.jpg", "--quiet", "--prior", FORGED],
        ["eval", FORGED],
        ["train", "--set", FORGED],
        ["train", "--modules", FORGED],
        ["import", FORGED],
        [FORGED],
        [f"--{FORGED}"],
    ],
)
def test_no_argument_writes_a_line_or_a_command_to_the_terminal(arguments):
    for sent in (arguments, [argument.replace(FORGED, "x" * 10_000) for argument in arguments]):
        result = run(*sent)
        assert result.exit_code == 2
        (line,) = result.stderr.splitlines()
        assert line.startswith("ampnet: ")
        assert line.isprintable()
        assert len(line) <= 300


@pytest.mark.parametrize("option", ["--csv", "--checkpoint", "--annotate", "--prior"])
def test_a_path_of_any_length_is_one_line(option):
    for path in ("x" * 256, "x/" * 2100, "x" * 10_000):
        result = run("predict", ROOT / "tests" / "samples" / "portrait.jpg", option, path, "--quiet")
        assert result.exit_code in (1, 2)
        (line,) = result.stderr.splitlines()
        assert line.startswith("ampnet: ")
        assert len(line) <= 300


def test_nothing_but_a_file_is_replaced_by_force(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in ("/dev/full", tmp_path / "pipe"):
        result = run("predict", ROOT / "tests" / "samples" / "portrait.jpg", "--csv", path, "--force")
        assert result.exit_code == 2
        assert f"cannot write {path}: it is a " in result.stderr
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.slow
def test_a_full_disk_at_stdout_is_one_line():
    command = [sys.executable, "-m", "cli", "predict", "tests/samples/portrait.jpg", "--gpus", "0", "--quiet"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stderr) == (1, "ampnet: No space left on device\n")


def test_a_failure_is_one_line_on_stderr_that_names_the_cure(tmp_path):
    result = run("predict", tmp_path / "photo.jpg", "--checkpoint", tmp_path)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("ampnet: ")
    assert str(tmp_path) in result.stderr


@pytest.mark.slow
def test_debug_shows_the_traceback(tmp_path):
    process = Command("predict", "photo.jpg", "--checkpoint", tmp_path, "--debug")
    _stdout, stderr = process.communicate()
    assert process.returncode == 1
    assert "Traceback" in stderr
    assert "CheckpointError" in stderr


def test_version_is_the_packages_own():
    from ampnet import __version__

    assert run("--version").stdout.strip() == f"ampnet {__version__}"
