"""Every `ampnet` command in README, docs, help and the record of results is one that ampnet accepts."""

import re
import shlex
from collections.abc import Iterator
from functools import cache
from inspect import signature, unwrap
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

from benchmarks.results import FIGURES
from cli import app
from pipelines.commands.command import command
from pipelines.commands.one_line_errors import OneLineErrors

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "ampnet" / "weights").glob("*.md")]
BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINE = re.compile(r"^(?: +|    \$ |\w+=\S+ )*(ampnet .*)$", re.MULTILINE)
SPAN = re.compile(r"`(?:\w+=\S+ )*(ampnet [^`]+)`")
PLACEHOLDERS = ("...", "NAME=VALUE", "COMMAND", "$")
CUT_SHORT = ("missing argument", "requires an argument")
"""What a sentence may leave out that names a command for one of its options."""


def written() -> Iterator[tuple[str, bool]]:
    """Give each command, and whether it is whole, as those in blocks, tables of figures and help are."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for block in BLOCK.findall(text):
            yield from ((line, True) for line in LINE.findall(block.replace("\\\n", " ")))
        yield from ((span, False) for span in SPAN.findall(BLOCK.sub("", text)))
    for one in app.registered_commands:
        assert one.callback is not None
        yield from ((line, True) for line in LINE.findall((one.callback.__doc__ or "").replace("$ ", "")))
    yield from ((figure.command, True) for figure in FIGURES.values() if figure.command.startswith("ampnet "))


def words_of(line: str) -> list[str]:
    """Split a command as a shell does, without its comment and what follows it."""
    words = shlex.split(line, comments=True)
    end = next((place for place, word in enumerate(words) if word in ("&&", "|", ">", "||", ";", "&")), len(words))
    return words[1:end]


@cache
def accepting() -> Any:
    """ampnet's command line, whose commands build their settings and do nothing; files need not exist."""
    stubs = typer.Typer(cls=OneLineErrors)
    stubs.callback()(lambda: None)
    for one in app.registered_commands:
        assert one.callback is not None
        function = unwrap(one.callback)

        def nothing(*_: Any, **__: Any) -> None: ...

        vars(nothing)["__signature__"] = signature(function)
        stub = command(nothing)
        for parameter in signature(stub).parameters.values():
            parameter.default.exists = False
        stubs.command(one.name or function.__name__)(stub)
    return get_command(stubs)


LINES = {(" ".join(line.split()), is_whole) for line, is_whole in written()}


@pytest.mark.parametrize(
    ("line", "is_whole"), sorted(one for one in LINES if not any(name in one[0] for name in PLACEHOLDERS))
)
def test_a_command_that_is_written_somewhere_is_accepted(line, is_whole, capsys):
    with pytest.raises(SystemExit) as end:
        accepting().main(words_of(line))
    says = capsys.readouterr().err
    assert not end.value.code or (not is_whole and any(one in says for one in CUT_SHORT)), says


def test_a_command_with_an_option_that_is_gone_is_not_accepted(capsys):
    for line in ("ampnet train --gone 3", "ampnet robustness bundled --photos p --out o", "ampnet predict a --gpus -1"):
        with pytest.raises(SystemExit) as end:
            accepting().main(words_of(line))
        assert end.value.code == 2, line
