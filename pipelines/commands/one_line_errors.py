"""Failures as one line on stderr and an exit code: wrong usage, expected errors, warnings and Ctrl-C."""

import gc
import logging
import os
import re
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from errno import ENAMETOOLONG
from typing import Any

import typer
from typer.core import TyperGroup

from ampnet.errors import INTERRUPTED, ONE_OPENCV, AmpnetError, UsageError, is_broken_opencv
from ampnet.files.printable import MAX_LINE, printable, reason_of
from pipelines.commands.stdout import escape_the_unencodable, go_on_without_stderr, open_closed_streams

WrongUsage: Any = typer.BadParameter.__base__  # click's UsageError, or the copy that newer typers carry

TO_REPEAT = "run the same command again"
"""What to do after Ctrl-C, unless the interrupted part says something else."""

_LIBRARY_ENGLISH = {
    "Value error, ": "",
    "Input should be a valid integer.*|Unable to parse input string as an integer.*": "must be a whole number",
    "Input should be a valid number.*": "must be a number",
    r"\bdir(?= ')": "folder",
    "is a directory$": "is a folder",
    "No such option: --max-connections.*": "--max-connections was removed in ampnet 1.0; use --max-requests",
}
"""Messages of pydantic and typer about options, and ours."""


def complain(message: object) -> None:
    """Print one line on stderr: bounded, and escaped so that no file name can forge a second one."""
    typer.echo(printable(f"ampnet: {message}", MAX_LINE), file=sys.stderr)


def fail_for(*problems: object) -> None:
    """Print a line for each thing that could not be done, and end with exit code 1; None and "" are not problems."""
    found = [problem for problem in problems if problem]
    for problem in found:
        complain(problem)
    if found:
        raise typer.Exit(1)


class OneLineErrors(TyperGroup):
    """Reports wrong usage like every other failure: in one line on stderr."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run a command line; see :meth:`typer.core.TyperGroup.main`."""
        is_program = options.pop("standalone_mode", True)
        given = args[0] if args else options.get("args")
        try:
            if "" in (sys.argv[1:] if given is None else given):  # a path would make it the current folder
                raise WrongUsage("an argument is empty; is a variable of the shell not set?")
            code = super().main(*args, **options | {"standalone_mode": False})
        except WrongUsage as error:
            if not is_program:
                raise
            if type(error).__name__ != "NoArgsIsHelpError":  # that one has printed the help already
                complain(_in_one_line(error))
            code = error.exit_code
        if code == INTERRUPTED and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            _tell_interrupted()  # before or after the command itself, where typer says nothing
        if is_program:
            sys.exit(code)
        return code


def _in_one_line(error: Any) -> str:
    """Say what is wrong with a command line, and where its help is."""
    message = " ".join(error.format_message().split()).rstrip(".")
    for theirs, ours in _LIBRARY_ENGLISH.items():
        message = re.sub(theirs, ours, message)
    message = f"{message[:1].lower()}{message[1:]}"
    if error.ctx is None:
        return message
    if "unexpected extra" in message and any("--data" in option.opts for option in error.ctx.command.params):
        message += "; a data set is named by --data"
    return f"{message} (see `{error.ctx.command_path} --help`)"


def _tell_interrupted(advice: str = "") -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # pressing it twice is pressing it once
    complain(f"interrupted; {advice or TO_REPEAT}")


def run_as_program(command_line: Callable[[], object]) -> None:
    """Run a command line as all that this process does, so that nothing needs to be left in order behind it."""
    open_closed_streams()
    go_on_without_stderr()
    escape_the_unencodable()
    # It would report a home folder that is read-only, in two lines; then it uses a temporary one.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    try:
        command_line()
    except SystemExit as end:
        if end.code == INTERRUPTED and threading.active_count() > 1:  # native code in a thread aborts at Python's end
            sys.stdout.flush()
            os._exit(INTERRUPTED)
        raise
    except KeyboardInterrupt:  # while the commands are put together
        _tell_interrupted()
        sys.exit(INTERRUPTED)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the work is done; Python would print a traceback
        gc.freeze()  # at its end Python would search torch's modules for garbage: a fifth of the time of one photo


@contextmanager
def user_errors(debug: bool) -> Iterator[None]:
    """Turn expected failures into one line on stderr and an exit code; a bug keeps its traceback."""
    try:
        with _warnings_in_one_line():
            yield
    except AmpnetError as error:
        if debug:
            raise
        complain(error)
        raise typer.Exit(error.exit_code) from None
    except (ImportError, AttributeError) as error:
        if debug or not is_broken_opencv(error):
            raise
        complain(f"OpenCV cannot be used ({error}); {ONE_OPENCV}")
        raise typer.Exit(AmpnetError.exit_code) from None
    except BrokenPipeError:
        raise  # the reader of our output has gone; typer ends silently
    except OSError as error:  # of a path or an output that no part of the program looks after
        if debug:
            raise
        where = "" if error.filename is None else f"cannot use {os.fspath(error.filename)}: "
        complain(f"{where}{reason_of(error)}")
        raise typer.Exit(UsageError.exit_code if error.errno == ENAMETOOLONG else AmpnetError.exit_code) from None
    except KeyboardInterrupt as stop:
        _tell_interrupted(str(stop))
        raise typer.Exit(INTERRUPTED) from None


@contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_args, **_options: complain(f"warning: {message}")
        yield
