"""A data set from files to shards and back: the same names, labels, splits, landmarks, votes, outcomes and images."""

from pathlib import Path

from ampnet.dataset.index.face_index import FaceIndex
from ampnet.dataset.index.faces_table import FaceRow, write_faces, write_failures
from ampnet.dataset.index.index_files import (
    CLASSES_FILE,
    FACES_FILE,
    FAILURES_FILE,
    INDEX_FILES,
    JOURNAL_FOLDER,
    LABELS_FILE,
    LANDMARKS_FILE,
    MANIFEST_FILE,
    META_FILE,
    PAIRS_FILE,
    VOTES_FILE,
    faces_table,
    images_tar,
    is_images_tar,
    is_sharded,
    is_table,
    rejected_table,
)
from ampnet.dataset.index.label_votes import write_votes
from ampnet.dataset.index.landmarks_file import LABEL_BASE_WITH_SPLITS, write_landmarks
from ampnet.dataset.index.prepared_images import remove
from ampnet.dataset.open_index import read_index
from ampnet.dataset.preparation.croissant import refuse_other_description, write_croissant
from ampnet.dataset.shards.manifest import Manifest, write_manifest
from ampnet.dataset.shards.parquet_tables import pieces
from ampnet.dataset.shards.writer import ShardFace, write_rejected, write_shard
from ampnet.errors import DataError, UsageError
from ampnet.files.lock import LOCK_FILE, is_empty
from ampnet.files.opening import read_bytes
from ampnet.files.printable import printable
from ampnet.files.writing import atomic_write, write_text
from ampnet.runtime.progress import Advance
from ampnet.settings import FACES_PER_SHARD

COPIED = (META_FILE, CLASSES_FILE, PAIRS_FILE)
"""Files of index/ that both forms keep as they are."""


def refuse_existing(out: Path) -> None:
    """Check that a folder holds no data set yet, in either form, finished or not, nor images of anything else.

    Raises:
        UsageError: it does.
    """
    for name in (LABELS_FILE, MANIFEST_FILE, JOURNAL_FOLDER):
        if (out / "index" / name).exists():
            raise UsageError(f"{out} holds index/{name} already; choose another --out")
    is_begun, images = (out / "index" / LOCK_FILE).exists(), out / "dataset"
    if not is_begun and images.is_dir() and not is_empty(images):
        raise UsageError(f"{images} holds other files; choose another --out")
    refuse_other_description(out)


def remove_remains(out: Path) -> None:
    """Delete what a conversion that was killed left in index/: the next one may be of a set without votes, say."""
    remove(out / "index", (*INDEX_FILES, CLASSES_FILE))


def to_shards(index: FaceIndex, out: Path, faces_per_shard: int, advance: Advance) -> None:
    """Write a data set of files as shards; shards.json comes last.

    A conversion that was killed is repeated by running it again: the same faces give the same shards.

    Raises:
        DataError: an image or a file of the index cannot be read, or the disk takes no more.
    """
    known, rejected = dict[str, tuple[int, FaceRow]](), list[tuple[int, FaceRow]]()
    for line, row in enumerate(index.rows()):
        if row.name:
            known[row.name] = line, row
        else:
            rejected.append((line, row))
    shards = []
    for number, piece in enumerate(pieces(len(index), faces_per_shard)):
        faces = [_face(index, i, *known.get(index.names[i], (-1, None))) for i in piece]
        shards.append(write_shard(out, number, faces, len(index.class_names)))
        advance(len(faces))
    rows = [
        write_rejected(out, number, [rejected[i] for i in piece])
        for number, piece in enumerate(pieces(len(rejected), FACES_PER_SHARD))
    ]
    _remove_others(out, len(shards), len(rows))
    _copy(index.root, out)
    write_croissant(out, len(shards))
    columns = list(index.votes.columns) if index.votes else []
    write_manifest(out, Manifest(class_names=index.class_names, shards=shards, rejected=rows, vote_columns=columns))


def _remove_others(out: Path, shards: int, rejected: int) -> None:
    """Delete what a conversion into more shards left when it was killed: loaders of all files would read it as well."""
    tables = {*map(faces_table, range(shards)), *map(rejected_table, range(rejected))}
    tars = set(map(images_tar, range(shards)))
    for folder, is_ours, written in ((out / "index", is_table, tables), (out / "dataset", is_images_tar, tars)):
        remove(folder, [path.name for path in folder.iterdir() if is_ours(path.name) and path.name not in written])


def to_files(index: FaceIndex, out: Path, advance: Advance) -> None:
    """Write a data set in shards as files; data_label.txt comes last.

    Raises:
        DataError: an image or a table cannot be read, or the disk takes no more.
    """
    folder = out / "index"
    for i, name in enumerate(index.names):
        with atomic_write(out / "dataset" / name, durable=False) as aside:
            aside.write_bytes(_image(index, i))
        advance(1)
    write_landmarks(folder / LANDMARKS_FILE, index.names, index.landmarks)
    outcomes = index.shards.outcomes() if index.shards else ()
    found = sorted(outcomes, key=lambda pair: pair[0])
    rows = [row for _line, row in found]
    if rows:
        write_faces(folder / FACES_FILE, rows)
        write_failures(folder / FAILURES_FILE, rows)
    if index.votes:
        counts = zip(index.names, index.votes.counts.tolist(), strict=True)
        write_votes(folder / VOTES_FILE, index.votes.columns, ((name, votes) for name, votes in counts if any(votes)))
    _copy(index.root, out)
    write_croissant(out)
    base = LABEL_BASE_WITH_SPLITS if index.splits[0] else 0
    lines = (f"{name} {label + base}\n" for name, label in zip(index.names, index.labels.tolist(), strict=True))
    write_text(folder / LABELS_FILE, "".join(lines))


def read_other_form(data: Path, to: str) -> FaceIndex:
    """Read the data set to convert.

    Raises:
        UsageError: it is in that form already.
        DataError: it cannot be used.
    """
    if is_sharded(data) == (to == "shards"):
        raise UsageError(f"{data} is already in {to}; choose another data set, or another --to")
    return read_index(data)


def _face(index: FaceIndex, i: int, line: int, row: FaceRow | None) -> ShardFace:
    return ShardFace(
        name=index.names[i],
        label=int(index.labels[i]),
        split=index.splits[i],  # type: ignore[arg-type]  # an index has no others
        landmarks=index.landmarks[i],
        image=_image(index, i),
        votes=index.votes.counts[i].tolist() if index.votes else (),
        outcome=row,
        line=line,
    )


def _image(index: FaceIndex, i: int) -> bytes:
    try:
        return index.image_bytes(i)
    except DataError as error:
        raise DataError(f"cannot read {printable(index.names[i])}: {error}; prepare the data set again") from error


def _copy(source: Path, out: Path) -> None:
    for name in COPIED:
        path = source / "index" / name
        if path.exists():
            with atomic_write(out / "index" / name) as aside:
                aside.write_bytes(read_bytes(path))
