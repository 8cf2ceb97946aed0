"""The command line of `ampnet serve`."""

import json
import signal
from typing import Any

import typer

from ampnet.errors import INTERRUPTED
from ampnet.settings import ServeConfig
from pipelines.commands.command import command
from pipelines.commands.options import Debug, Quiet
from pipelines.commands.stdout import tell


@command
def serve(config: ServeConfig, quiet: Quiet = False, debug: Debug = False) -> None:
    """Serve a web page and an HTTP API that classify photos, on this machine unless --host is given.

    \bExamples:
      $ ampnet serve                    # the page: http://127.0.0.1:8000/
      $ curl -F file=@photo.jpg http://127.0.0.1:8000/v1/predict
      $ AMPNET_TOKEN=... ampnet serve --host 0.0.0.0 --allow-host faces.example.org
    """
    from pipelines.serve import run

    ended_by = run(config, lambda address: tell(f"ampnet serves {address}"), _log, quiet, debug)
    if ended_by == signal.SIGINT:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # an orderly end, of which nothing needs to be told
        raise typer.Exit(INTERRUPTED)


def _log(line: dict[str, Any]) -> None:
    tell(json.dumps(line))
