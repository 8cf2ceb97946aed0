"""Files of a data set in small, written by the tests of its sources."""

from pathlib import Path

FERPLUS_HEADER = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
"""First line of FER+'s file, as its owners hand it out."""


def text(path: Path, content: str) -> Path:
    """Write a text with the line ends it has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode())
    return path


def touch(root: Path, *names: str) -> Path:
    """Make empty files and their folders."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root
