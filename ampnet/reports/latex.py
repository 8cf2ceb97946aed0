"""Tables for papers: LaTeX, by pandas, with the package booktabs."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ampnet.files.printable import printable
from ampnet.files.writing import atomic_write

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


def latex_table(tables: Sequence[pd.DataFrame], caption: str, command: str, version: str) -> str:
    """Lay out tables below each other in one float.

    Args:
        tables: of texts, which are escaped; an interval in square brackets is set small.
        caption: what was measured.
        command: how to measure it again, for a comment.
        version: of ampnet, for a comment.
    """
    parts = [_tabular(table) for table in tables]
    lines = [
        f"% {_comment(command)}",
        f"% ampnet {_comment(version)}; needs \\usepackage{{booktabs}}",
        r"\begin{table}",
        r"\centering",
        f"\\caption{{{escape(caption)}}}",
        "\n\\medskip\n\n".join(parts) + r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def write_latex(path: Path, text: str) -> None:
    """Write a table.

    Raises:
        DataError: the file cannot be written.
    """
    with atomic_write(path) as aside:
        aside.write_text(text, encoding="utf-8", errors="surrogateescape")


def escape(text: str) -> str:
    """Escape text for LaTeX, on one line."""
    return "".join(_SPECIAL.get(character, character) for character in printable(text))


def _tabular(table: pd.DataFrame) -> str:
    """Set the first column left and the others right."""
    cells = table.map(_cell)
    cells.columns = [escape(str(name)) for name in table.columns]
    text = cells.style.hide(axis="index").to_latex(hrules=True, column_format="l" + "r" * (len(cells.columns) - 1))
    return str(text)


def _cell(text: str) -> str:
    value, bracket, interval = text.partition(" [")
    if not bracket or not interval.endswith("]"):
        return "--" if text == "-" else escape(text)
    return f"{escape(value)} {{\\scriptsize[{escape(interval)}}}"


def _comment(text: str) -> str:
    """Keep text on the line of its comment."""
    return " ".join(text.split())
