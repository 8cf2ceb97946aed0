"""`index/data_label.txt`: the name and the label of every face, a line each."""

from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ampnet.errors import DataError
from ampnet.files.documents import quoted, short, text_lines
from ampnet.files.printable import printable
from ampnet.settings.labels import MAX_CLASSES

MAX_FACES = 20_000_000
"""Maximum number of lines: that many names take 2 GB of memory."""


def read_labels(path: Path) -> tuple[list[str], NDArray[np.int64]]:
    """Read the names and the labels.

    Returns:
        The names, each once, and ``(N,)`` labels from 0 to :data:`ampnet.settings.labels.MAX_CLASSES` as in the file.

    Raises:
        DataError: the file cannot be read, is empty, or a line is not a new name and such a label.
    """
    names: list[str] = []
    labels: list[int] = []
    codes: dict[str, int] = {}  # of the few labels as written, so that each is checked once
    number = 0
    for number, line in enumerate(islice(text_lines(path), MAX_FACES + 1), start=1):
        try:
            name, label = line.rsplit(maxsplit=1)
            code = codes[label]
        except (KeyError, ValueError):
            if not line.strip():
                continue
            name, label = _two_parts(line, f"{path}, line {number}")
            code = codes[label] = _code(label, f"{path}, line {number}")
        names.append(name.lstrip())
        labels.append(code)
    if number > MAX_FACES:
        raise DataError(f"{path} has more than {MAX_FACES:,} lines; split it into several data sets")
    if not names:
        raise DataError(f"{path} is empty; prepare a folder that holds faces")
    if len(set(names)) < len(names):
        twice = next(name for name, count in Counter(names).items() if count > 1)
        raise DataError(f"{path}: {printable(twice)} is listed twice; delete one of the two lines")
    return names, np.array(labels, dtype=np.int64)


def _two_parts(line: str, where: str) -> tuple[str, str]:
    parts = line.rsplit(maxsplit=1)
    if len(parts) != 2 or not (parts[1].isascii() and parts[1].isdecimal()):
        raise DataError(f"{where}: expected `name label`, got {quoted(line.strip())}")
    return parts[0], parts[1]


def _code(label: str, where: str) -> int:
    """Parse a label; digits are counted first, as Python refuses to parse too many."""
    digits = label.lstrip("0") or "0"
    if len(digits) > len(str(MAX_CLASSES)) or int(digits) > MAX_CLASSES:
        raise DataError(f"{where}: the label {short(label)} is above the maximum of {MAX_CLASSES:,}")
    return int(digits)
