"""Results on stdout: lines for people, JSON for programs."""

import json
from typing import Any

import typer

from ampnet.files.printable import one_line


def tell(*lines: str) -> None:
    """Print lines on stdout; what a line cannot hold, such as line breaks and undecodable bytes, is escaped."""
    typer.echo("\n".join(one_line(line) for line in lines))


def print_json(result: dict[str, Any]) -> None:
    """Print a result for programs."""
    text = json.dumps(result, indent=2, ensure_ascii=False, allow_nan=False)
    # Undecodable bytes of paths become JSON's own escapes, from which a program gets the path back.
    typer.echo(text.encode(errors="backslashreplace").decode())
