"""Failures end a command with one line on stderr and an exit code."""

import signal
import subprocess
import sys
import threading
from errno import ENAMETOOLONG, ENOENT, ENOSPC
from pathlib import Path

import pytest
import typer

from ampnet.errors import AmpnetError, DataError, UsageError
from pipelines.commands.one_line_errors import user_errors

ROOT = Path(__file__).parents[3]


def test_a_warning_of_a_library_is_one_line_too():
    code = (
        "import warnings; from pipelines.commands.one_line_errors import user_errors\n"
        "with user_errors(False): warnings.warn('\x1b[2J\\n' * 500)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stderr.startswith("ampnet: warning: \\x1b[2J\\n\\x1b")
    assert len(done.stderr.splitlines()) == 1
    assert len(done.stderr) <= 301


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (DataError("the index is empty"), 1, "ampnet: the index is empty\n"),
        (UsageError("give a file"), 2, "ampnet: give a file\n"),
        (OSError(ENOENT, "not found", "a\nb"), 1, "ampnet: cannot use a\\nb: not found\n"),
        (OSError(ENAMETOOLONG, "File name too long", "x"), 2, "ampnet: cannot use x: File name too long\n"),
        (OSError(ENOSPC, "No space left on device"), 1, "ampnet: No space left on device\n"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_expected_failure_is_one_line_and_an_exit_code(capsys, error, code, line):
    with pytest.raises(typer.Exit) as ended, user_errors(debug=False):
        raise error
    assert ended.value.exit_code == code
    assert capsys.readouterr() == ("", line)


def test_an_interrupted_command_leaves_the_process_that_called_it_alive(capsys):
    idle = threading.Event()
    threading.Thread(target=idle.wait).start()
    try:
        with pytest.raises(typer.Exit) as ended, user_errors(debug=False):
            raise KeyboardInterrupt
    finally:
        idle.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)
    assert ended.value.exit_code == 130
    assert capsys.readouterr() == ("", "ampnet: interrupted; run the same command again\n")


@pytest.mark.parametrize(("code", "seconds", "is_waited_for"), [(130, 1, False), (1, 0.2, True)])
def test_an_interrupted_program_does_not_wait_for_its_threads(code, seconds, is_waited_for):
    program = f"""
import sys, threading, time
from pipelines.commands.one_line_errors import run_as_program
def work():
    time.sleep({seconds})
    print("worked", flush=True)
def command_line():
    threading.Thread(target=work).start()
    print("begun")
    sys.exit({code})
run_as_program(command_line)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stderr) == (code, "")
    assert done.stdout == ("begun\nworked\n" if is_waited_for else "begun\n")


def test_debug_and_bugs_keep_their_traceback():
    with pytest.raises(AmpnetError), user_errors(debug=True):
        raise DataError("the index is empty")
    with pytest.raises(ZeroDivisionError), user_errors(debug=False):
        _ = 1 / 0
