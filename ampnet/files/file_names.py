"""Names of output files: short enough for the file system."""

import os

MAX_NAME = 255
"""Bytes of a file's name on common file systems."""


def shortened(text: str, size: int) -> str:
    """Cut text to a number of bytes, as it counts in a file's name, between two characters."""
    while len(os.fsencode(text)) > size:
        text = text[:-1]
    return text
