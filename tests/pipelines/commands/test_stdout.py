"""What the commands print on stdout."""

import io
import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from pipelines.commands.stdout import (
    escape_the_unencodable,
    go_on_without_stderr,
    open_closed_streams,
    print_json,
    print_lines,
)
from pipelines.show import fitting_table, show


def test_json_may_name_a_path_that_is_not_utf_8(capsys):
    print_json({"image": "gr\udcfc\udcdf.jpg"})
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert json.loads(printed) == {"image": "gr\udcfc\udcdf.jpg"}


def test_what_the_caller_has_closed_is_empty_or_takes_all(monkeypatch):
    for name in ("stdin", "stdout"):
        monkeypatch.setattr(sys, name, None)
    open_closed_streams()
    escape_the_unencodable()
    assert sys.stdin.buffer.read() == b""
    print_lines("to nobody")
    for stream in (sys.stdin, sys.stdout):
        stream.close()


def test_a_full_disk_below_the_log_ends_no_command(monkeypatch):
    gone_on = 0
    with suppress(OSError), Path("/dev/full").open("w") as full:  # closing it fails
        monkeypatch.setattr(sys, "stderr", full)
        go_on_without_stderr()
        for _ in range(3):
            print("a notice", "x" * 10_000, file=sys.stderr, flush=True)
            gone_on += 1
    assert gone_on == 3


def test_a_line_for_people_stays_one_line(capsys):
    print_lines("results: a\nampnet: all is well", "next")
    assert capsys.readouterr().out == "results: a\\nampnet: all is well\nnext\n"


ROOT = Path(__file__).parents[3]
NAMES = "jalousie gr\u00fcn", "\u60b2\u3057\u307f", "\N{GRINNING FACE}"  # only the first is in cp1252
ENCODINGS = ("cp1252", "ascii", "latin-1", "cp437", "utf-16", "utf-8")


def ampnet(*arguments: object, encoding: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command whose output goes to something of this encoding, as a redirection does on Windows."""
    command = [sys.executable, str(ROOT / "cli.py"), *map(str, arguments)]
    return subprocess.run(command, env=os.environ | {"PYTHONIOENCODING": encoding}, capture_output=True, timeout=600)


@pytest.fixture
def stdout_of(monkeypatch):
    """Give a stdout of an encoding, and what was written to it."""

    def replace(encoding: str) -> io.BytesIO:
        written = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding, write_through=True))
        return written

    return replace


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_json_has_every_name_in_whatever_encoding(stdout_of, encoding):
    written = stdout_of(encoding)
    print_json({name: name for name in NAMES})
    assert json.loads(written.getvalue()) == {name: name for name in NAMES}


def test_json_stays_readable_in_utf_8(stdout_of):
    written = stdout_of("utf-8")
    print_json({"name": NAMES[1]})
    assert NAMES[1] in written.getvalue().decode()


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_the_encoding_lacks_is_escaped_for_people(stdout_of, encoding):
    written = stdout_of(encoding)
    escape_the_unencodable()
    print_lines(*NAMES)
    show([fitting_table(["class", "\u00b1"], [[name, "1"] for name in NAMES], "\u2026 table"), *NAMES])
    text = written.getvalue().decode(encoding)
    expected = NAMES[1] if encoding.startswith("utf") else r"\u60b2\u3057\u307f"
    assert text.count(expected) == 3


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_an_error_and_the_help_are_printed_in_any_encoding(encoding):
    failed = ampnet("check", "\u60b2\u3057\u307f", encoding=encoding)
    assert failed.returncode == 2
    expected = "\u60b2" if encoding == "utf-16" else r"\u60b2"
    assert expected in failed.stderr.decode(encoding)
    assert len(failed.stderr.decode(encoding).splitlines()) == 1
    shown = ampnet("predict", "--help", encoding=encoding)
    assert (shown.returncode, shown.stderr) == (0, b"")


@pytest.mark.slow
def test_photos_with_any_name_are_predicted_in_any_encoding(tmp_path):
    photo = tmp_path / f"{NAMES[1]} gr\u00fcn.jpg"
    shutil.copy(ROOT / "tests" / "samples" / "portrait.jpg", photo)
    printed = ampnet("predict", photo, "--json", encoding="cp1252")
    assert printed.returncode == 0
    assert json.loads(printed.stdout)["images"][0]["image"] == str(photo)
