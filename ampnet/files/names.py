r"""File names as text: how the tables that we write name files whose names are not text.

On most systems a name is any sequence of bytes. In faces.csv and err.csv (and in predictions.csv, which takes it from
there) a name keeps its characters, except: a byte that is not UTF-8 is written as ``\xNN``, a control character or line
separator as ``\uNNNN``, a backslash as ``\\``. So the tables are UTF-8, each row is one line, and :func:`path_of_text`
gives the name back.
"""

import os
import re

MAX_NAME = 255
"""Bytes of a file's name on common file systems."""


def shortened(text: str, size: int) -> str:
    """Cut text to a number of bytes, as it counts in a file's name, between two characters."""
    while len(os.fsencode(text)) > size:
        text = text[:-1]
    return text


_NOT_TEXT = r"\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"  # control characters, line separators, surrogates
_ODD = re.compile(f"[{_NOT_TEXT}]")
_ESCAPED = re.compile(rf"[\\{_NOT_TEXT}]")
_ESCAPE = re.compile(r"\\(?:\\|x([89a-f][0-9a-f])|u([0-9a-f]{4}))")
_UNDECODABLE = 0xDC00  # surrogateescape: the byte 0x80 is U+DC80, and so on


def path_as_text(path: str) -> str:
    """Write a path, as Python decodes it, as text."""
    return _ESCAPED.sub(_escaped, path)


def path_of_text(text: str) -> str:
    """Recover a path from :func:`path_as_text`."""
    return _ESCAPE.sub(_unescaped, text)


def is_text(path: str) -> bool:
    """Return whether a path can stand in a table as it is, as what :func:`path_as_text` returns always can."""
    return _ODD.search(path) is None


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    if match[0] == "\\":
        return "\\\\"
    return f"\\x{code - _UNDECODABLE:02x}" if 0x80 <= code - _UNDECODABLE <= 0xFF else f"\\u{code:04x}"


def _unescaped(match: re.Match[str]) -> str:
    byte, code = match.groups()
    if byte:
        return chr(_UNDECODABLE + int(byte, 16))
    return chr(int(code, 16)) if code else "\\"
