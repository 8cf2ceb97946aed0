"""Results on stdout: lines for people, JSON for programs, in any encoding of stdout."""

import codecs
import io
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TextIO

import typer

from ampnet.files.printable import one_line

_JSON_ESCAPES = "ampnet-json-escapes"


class Result(Protocol):
    """What a command found or did."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values for JSON."""

    def lines(self) -> list[str]:
        """Describe it in a few lines."""


def open_closed_streams() -> None:
    """Open what the caller has closed (`<&-`, `>&-`): Python has None in its place, and files get its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115


class _Stderr(io.TextIOWrapper):
    """Drops what it cannot write: a full disk below a log, or a closed pipe, must not end hours of work."""

    def __init__(self, beneath: io.TextIOWrapper) -> None:
        super().__init__(beneath.buffer, beneath.encoding, line_buffering=True)
        self._beneath = beneath  # which would close the file when it goes

    def write(self, text: str) -> int:
        with suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            super().flush()


def go_on_without_stderr() -> None:
    """Let notices and progress be lost where stderr can no longer be written; results and exit code remain."""
    if isinstance(sys.stderr, io.TextIOWrapper):  # other programs may have replaced it
        sys.stderr = _Stderr(sys.stderr)


def escape_the_unencodable() -> None:
    """Let stdout and stderr write escapes for what their encoding lacks, instead of ending the command.

    Redirected on Windows, they have an encoding of 256 letters, while names of files and classes may have any.
    """
    for stream in (sys.stdout, sys.stderr):
        _reconfigure(stream, errors="backslashreplace")


def json_stdout() -> TextIO:
    """Return stdout for JSON: in UTF-8 as it is, else in ASCII with JSON's escapes, which every reader understands."""
    if codecs.lookup(sys.stdout.encoding or "utf-8").name != "utf-8":
        _reconfigure(sys.stdout, encoding="ascii", errors=_JSON_ESCAPES)
    return sys.stdout


def print_lines(*lines: str) -> None:
    """Print lines on stdout; what a line cannot hold, such as line breaks and undecodable bytes, is escaped."""
    print_text("\n".join(one_line(line) for line in lines) + "\n")


def print_text(text: str) -> None:
    """Print text on stdout as it is."""
    # Without a file, typer would write UTF-8 to a stdout of ASCII.
    typer.echo(text, file=sys.stdout, nl=False)


def print_json(result: dict[str, Any]) -> None:
    """Print a result for programs."""
    text = json.dumps(result, indent=2, ensure_ascii=False, allow_nan=False)
    # Undecodable bytes of paths become JSON's own escapes, from which a program gets the path back.
    typer.echo(text.encode(errors="backslashreplace").decode(), file=json_stdout())


def print_result(result: Result, as_json: bool) -> None:
    """Print a result, for programs or for people."""
    if as_json:
        print_json(result.to_dict())
    else:
        print_lines(*result.lines())


def _reconfigure(stream: Any, **settings: str) -> None:
    if hasattr(stream, "reconfigure"):  # other programs may have replaced it
        stream.reconfigure(**settings)


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """Write characters as JSON does: as code units of UTF-16."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4)), error.end


codecs.register_error(_JSON_ESCAPES, _escaped)
