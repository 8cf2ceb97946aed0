"""Untrusted text, escaped for the terminal and for tables: names of files, labels and decoders' messages."""

import os
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

MAX_LENGTH = 200
"""Maximum length of untrusted text in a message."""

MAX_LINE = 300
"""Maximum length of a line on stderr."""

_NOT_IN_A_LINE = ("Cc", "Cs", "Zl", "Zp")
"""Unicode categories: control characters, surrogates, separators of lines and paragraphs."""


def printable(text: object, limit: int = MAX_LENGTH) -> str:
    """Make text safe to print on one line of a terminal and to write as UTF-8.

    Control characters (escape sequences, newlines), invisible and direction-changing ones and undecodable bytes of
    file names are written as escapes; what is longer than ``limit`` characters loses its middle.

    Args:
        text: a path, or anything that ``str`` turns into text.
        limit: maximum length of the result.
    """
    raw = os.fspath(text) if isinstance(text, os.PathLike) else text
    words = os.fsdecode(raw) if isinstance(raw, bytes) else str(raw)
    if len(words) > 4 * limit:  # escapes only make it longer
        words = words[: 2 * limit] + words[-2 * limit :]
    safe = "".join(character if character.isprintable() else _escaped(character) for character in words)
    if len(safe) <= limit:
        return safe
    kept = limit - 3
    return f"{safe[: kept - kept // 2]}...{safe[len(safe) - kept // 2 :]}"


def one_line(text: object) -> str:
    """Make text fit on one line of a UTF-8 file, whole.

    Only what such a line cannot hold is escaped: control characters, line separators, undecodable bytes of file names.
    All else stays, so that a name in a table is the file's name: those of macOS's screenshots hold narrow spaces.
    """
    words = os.fsdecode(text) if isinstance(text, bytes | os.PathLike) else str(text)
    return "".join(_escaped(part) if unicodedata.category(part) in _NOT_IN_A_LINE else part for part in words)


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: "1 photo", "1,200 photos"; the plural ends with "s" unless it is given."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def first_of(problems: Sequence[str]) -> str | None:
    """Return what photos could not be read, in one line that quotes the first; None without problems."""
    if not problems:
        return None
    return problems[0] if len(problems) == 1 else f"{counted(len(problems), 'photo')} left out, first: {problems[0]}"


def as_text(path: os.PathLike[str]) -> str:
    """Return a path as text for JSON and checkpoints, which can hold UTF-8 only; other bytes become escapes."""
    return os.fsencode(path).decode(errors="backslashreplace")


def reason_of(error: Exception) -> str:
    """Return why the system refused something, without the path; any other error's own words."""
    return getattr(error, "strerror", None) or str(error)


def describe(error: BaseException) -> str:
    """Return an exception's type and message in a few words.

    Only text is quoted: other exceptions may hold values of an untrusted file, of any length.
    """
    text = error.args[0] if error.args and isinstance(error.args[0], str) else ""
    return type(error).__name__ + (f": {printable(text, 60)}" if text else "")


def _escaped(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # surrogateescape: a byte that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


MAX_NAME = 255
"""Bytes of a file's name on common file systems."""


def shortened(text: str, size: int) -> str:
    """Cut text to a number of bytes, as it counts in a file's name, between two characters."""
    while len(os.fsencode(text)) > size:
        text = text[:-1]
    return text


def free_name(path: Path, end: str, suffix: str, taken: dict[Path, int]) -> Path:
    """Take the next name that is free: the stem, cut where the name would be too long, ``end``, a number if needed.

    Args:
        taken: each name that is taken, with the last number that was tried for it, from 1: those that follow are not
            tried all over again.
    """
    wanted = name = _name_of(path, end, suffix)
    while name in taken:
        taken[wanted] += 1
        name = _name_of(path, f"{end}-{taken[wanted]}", suffix)
    taken[name] = 1
    return name


def _name_of(path: Path, mark: str, suffix: str) -> Path:
    return path.with_name(shortened(path.stem, MAX_NAME - len(os.fsencode(mark + suffix))) + mark + suffix)


_NOT_TEXT = r"\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"  # control characters, line separators, surrogates
_ODD = re.compile(f"[{_NOT_TEXT}]")
_ESCAPED = re.compile(rf"[\\{_NOT_TEXT}]")
_ESCAPE = re.compile(r"\\(?:\\|x([89a-f][0-9a-f])|u([0-9a-f]{4}))")
_UNDECODABLE = 0xDC00  # surrogateescape: the byte 0x80 is U+DC80, and so on


def path_as_text(path: str) -> str:
    r"""Write a path, as Python decodes it, as text: how the tables that we write name files whose names are not text.

    On most systems a name is any sequence of bytes. In faces.csv and err.csv (and in predictions.csv, which takes it
    from there) a name keeps its characters, except: a byte that is not UTF-8 is written as ``\xNN``, a control
    character or line separator as ``\uNNNN``, a backslash as ``\\``. So the tables are UTF-8, each row is one line, and
    :func:`path_of_text` gives the name back.
    """
    return _ESCAPED.sub(_as_escape, path)


def path_of_text(text: str) -> str:
    """Recover a path from :func:`path_as_text`."""
    return _ESCAPE.sub(_unescaped, text)


def is_text(path: str) -> bool:
    """Return whether a path can stand in a table as it is, as what :func:`path_as_text` returns always can."""
    return _ODD.search(path) is None


def _as_escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if match[0] == "\\":
        return "\\\\"
    return f"\\x{code - _UNDECODABLE:02x}" if 0x80 <= code - _UNDECODABLE <= 0xFF else f"\\u{code:04x}"


def _unescaped(match: re.Match[str]) -> str:
    byte, code = match.groups()
    if byte:
        return chr(_UNDECODABLE + int(byte, 16))
    return chr(int(code, 16)) if code else "\\"
