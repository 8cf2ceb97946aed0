"""The inputs of `predict` as a user names them: patterns and list files become paths."""

import glob
import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from ampnet.errors import DataError, UsageError
from ampnet.files.download import is_url
from ampnet.files.opening import read_bytes
from ampnet.files.printable import printable
from ampnet.media.decoding import MAX_BYTES

STDIN = Path("-")
"""Stands for a picture on stdin; a file of that name is given by its absolute path."""

MAX_LIST_BYTES = 256 << 20
"""Larger list files are refused."""


def expand_patterns(inputs: Sequence[Path | str]) -> list[Path | str]:
    """Replace patterns by the files and folders that match them, sorted by name; ``**`` stands for any depth.

    A file whose own name looks like a pattern is itself. What matches nothing stays, and is reported when it is read.

    Args:
        inputs: paths and patterns; addresses, which are text, stay as they are.
    """
    paths: list[Path | str] = []
    for given in inputs:
        if isinstance(given, str):
            paths.append(given)
            continue
        is_pattern = glob.has_magic(os.fspath(given)) and not os.path.lexists(given)
        matches = sorted(glob.glob(os.fspath(given), recursive=True)) if is_pattern else []  # noqa: PTH207 (keeps "./")
        paths += [Path(match) for match in matches] or [given]
    return paths


def read_list(file: Path) -> list[Path | str]:
    """Read a list of inputs: one path, folder or http(s) address a line, paths relative to the current folder.

    There are no patterns.

    Empty lines and lines that start with ``#`` are skipped. Names may have any bytes but line breaks.

    Args:
        file: the list.

    Raises:
        UsageError: it cannot be read, or lists nothing.
    """
    try:
        content = read_bytes(file, MAX_LIST_BYTES)
    except DataError as error:
        raise UsageError(f"cannot read the list {printable(file)}: {error}") from error
    lines = (line.removesuffix(b"\r") for line in content.removeprefix(b"\xef\xbb\xbf").split(b"\n"))
    texts = [os.fsdecode(line) for line in lines if line.strip() and not line.startswith(b"#")]
    paths = [text.strip() if is_url(text) else Path(text) for text in texts]
    if not paths:
        raise UsageError(f"the list {printable(file)} names no file; write one path a line")
    return paths


def read_stdin(stream: BinaryIO) -> bytes:
    """Read the content of a picture to its end.

    Raises:
        UsageError: it is a terminal, or more than a picture may have.
    """
    if stream.isatty():
        raise UsageError("- stands for a picture on stdin; send one: ampnet predict - < photo.jpg")
    content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise UsageError(f"stdin has more than the limit of {MAX_BYTES:,} bytes")
    return content
