"""The settings that a command line stands for."""

import pytest
import typer
from typer.testing import CliRunner

from pipelines.commands.command import command


@pytest.fixture
def parsed():
    """Parse a command line to settings of a class."""

    def parse(config, *arguments):
        seen = []

        def keep(settings):
            seen.append(settings)

        keep.__annotations__ = {"settings": config}
        only = typer.Typer()
        only.command()(command(keep))
        result = CliRunner().invoke(only, [str(argument) for argument in arguments])
        assert result.exit_code == 0, result.output
        return seen.pop()

    return parse
