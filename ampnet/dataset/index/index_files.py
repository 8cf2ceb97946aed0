"""The names of the files that a prepared data set consists of, in either form: images as files, or in shards."""

import re
from pathlib import Path

from ampnet.files.writing import sha256_of

LABELS_FILE = "data_label.txt"
LANDMARKS_FILE = "land_marks.npy"
FACES_FILE = "faces.csv"
FAILURES_FILE = "err.csv"
META_FILE = "meta.json"
VOTES_FILE = "label_votes.csv"
PAIRS_FILE = "duplicates.csv"
PREVIEW_FILE = "preview.png"
CLASSES_FILE = "classes.json"
"""Optional, beside a hand-made data_label.txt: JSON list of the class names in label order."""

CROISSANT_FILE = "croissant.json"
"""Beside the folder of the index."""

MANIFEST_FILE = "shards.json"
"""The list of the shards, in their place."""
JOURNAL_FOLDER = ".prepare"
"""Folder that exists while prepare runs."""

INDEX_FILES = (META_FILE, MANIFEST_FILE, LABELS_FILE, LANDMARKS_FILE, FACES_FILE, FAILURES_FILE, VOTES_FILE)
"""Files of an index that a new one replaces or does without."""

_IMAGES = re.compile(r"faces-[0-9]{5}\.tar")
_TABLE = re.compile(r"(faces|rejected)-[0-9]{5}\.parquet")


def faces_table(number: int) -> str:
    """Return the name of a shard's table in index/."""
    return f"faces-{number:05d}.parquet"


def images_tar(number: int) -> str:
    """Return the name of a shard's images in dataset/."""
    return f"faces-{number:05d}.tar"


def rejected_table(number: int) -> str:
    """Return the name of a table of rejected images in index/."""
    return f"rejected-{number:05d}.parquet"


def is_images_tar(name: str) -> bool:
    """Return whether a name in dataset/ is that of a shard's images."""
    return _IMAGES.fullmatch(name) is not None


def is_table(name: str) -> bool:
    """Return whether a name in index/ is that of a table of shards."""
    return _TABLE.fullmatch(name) is not None


def is_sharded(root: Path) -> bool:
    """Return whether a data set is in shards."""
    return (root / "index" / MANIFEST_FILE).exists()


def index_sha256(root: Path) -> str:
    """Return the SHA-256 of data_label.txt, or of shards.json, which has those of all tables."""
    return sha256_of(root / "index" / (MANIFEST_FILE if is_sharded(root) else LABELS_FILE))
