"""What an interrupted robustness suite has measured."""

import json
from typing import NamedTuple

import numpy as np

from ampnet.files.journal import Journal
from ampnet.robustness.scores import Hits

JOURNAL_FILE = ".robustness.journal"
"""In the output folder while the suite runs."""


class ChunkHits(NamedTuple):
    """The answers to some faces under one condition."""

    corruption: str
    """Empty for the clean condition."""
    severity: int
    start: int
    """Position of the first face among those of the condition."""
    hits: Hits
    """``(V, B)`` for V votes."""


def finished_chunks(journal: Journal) -> list[ChunkHits]:
    """Return all recorded chunks; damaged lines are skipped, so their chunks are measured again."""
    chunks = (_chunk(line) for _place, line in journal.records())
    return [chunk for chunk in chunks if chunk is not None]


def add_chunk(journal: Journal, chunk: ChunkHits) -> None:
    """Record a chunk.

    Raises:
        DataError: the record cannot be written.
    """
    packed = np.packbits(chunk.hits).tobytes().hex()
    journal.add([chunk.corruption, chunk.severity, chunk.start, *chunk.hits.shape, packed])


def _chunk(line: bytes) -> ChunkHits | None:
    try:
        corruption, severity, start, votes, faces, packed = json.loads(line)
        bits = np.unpackbits(np.frombuffer(bytes.fromhex(packed), dtype=np.uint8))
        hits = bits[: votes * faces].reshape(votes, faces).astype(bool)
        return ChunkHits(str(corruption), int(severity), int(start), hits)
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None
