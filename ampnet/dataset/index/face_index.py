"""The index that `ampnet prepare` writes and training reads: labels, landmarks, and the outcome for each image."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ampnet.dataset.index.face_names import spellings, split_of
from ampnet.dataset.index.faces_table import FaceRow, read_faces
from ampnet.dataset.index.index_files import (
    CLASSES_FILE,
    CURE,
    FACES_FILE,
    LABELS_FILE,
    LANDMARKS_FILE,
    META_FILE,
    VOTES_FILE,
    IndexMeta,
    distinct,
    read_class_names,
    read_meta,
)
from ampnet.dataset.index.label_votes import LabelVotes, read_votes
from ampnet.dataset.index.landmarks_file import LABEL_BASE_WITH_SPLITS, read_labels, read_landmarks
from ampnet.dataset.index.prepared_images import refuse_links_outside, regular_files
from ampnet.errors import DataError
from ampnet.files.opening import read_bytes
from ampnet.files.printable import printable
from ampnet.media.decoding import MAX_BYTES
from ampnet.settings import Split
from ampnet.settings.labels import EXPRESSIONS, MAX_CLASSES, MAX_NAME

if TYPE_CHECKING:
    from ampnet.faces.framing import Framing

LAYOUTS_WITH_PEOPLE = ("ckplus", "ckplus-1", "ckplus-neutral", "jaffe", "kdef", "csv")
"""Layouts of earlier versions that may identify people, though meta.json does not say so."""


@runtime_checkable
class CountedPositions(Protocol):
    """Positions of a split's faces that know their classes without reading their rows."""

    def class_counts(self) -> NDArray[np.int64]:
        """Return the number of faces of each class, ``(K,)``."""


class StoredFaces(Protocol):
    """The images of some faces of a data set in shards (:mod:`ampnet.dataset.shards`), and what is known of them."""

    @property
    def is_streamed(self) -> bool:
        """Whether the rest of the index is read shard by shard as well."""

    @property
    def only(self) -> Split | None:
        """The split whose faces the index holds; None if it holds all."""

    def read(self, i: int) -> bytes:
        """Read the image file of face ``i``; DataError with the reason alone if that fails."""

    def outcomes(self) -> Iterator[tuple[int, FaceRow]]:
        """Read the rows of faces.csv, each with its place there."""

    def subset(self, indices: NDArray[np.int64]) -> "StoredFaces":
        """Keep the faces at ``indices``, in that order."""

    def splits(self) -> Mapping[Split, Any]:
        """Return the positions of the faces of each official split: :class:`CountedPositions`, like arrays."""

    def sha256(self) -> str:
        """Return a SHA-256 over the tables of all shards."""


@dataclass(frozen=True)
class FaceIndex:
    """The usable faces of a prepared data set, in the order of data_label.txt."""

    root: Path
    """Folder that holds ``index/`` and ``dataset/``."""
    class_names: tuple[str, ...]
    """Class names in label order."""
    names: list[str]
    """Image names as in data_label.txt."""
    labels: NDArray[np.int64]
    """``(N,)`` labels from 0, regardless of the file's first label."""
    splits: list[str]
    """``train``, ``val`` or ``test``; all empty if the data set has no official splits."""
    landmarks: NDArray[np.float32]
    """``(N, 5, 2)`` pixels (x, y) in the 224-px image."""
    files: list[str]
    """Image file of each entry, inside ``dataset/``."""
    undetected: dict[str, dict[str, int]] = field(default_factory=dict)
    """Number of rejected images by split (``""`` if there are none) and class."""
    framing: "Framing | None" = None
    """How the faces are framed; None for a hand-made index."""
    votes: LabelVotes | None = None
    """Annotators' votes for each face; None if the data set has none."""
    layout: str = ""
    """Name of the data set's layout; empty for a hand-made index."""
    subjects: list[str] | None = None
    """The person in each face, empty if unknown; None if all are."""
    shards: "StoredFaces | None" = None
    """Where the images are if the data set is in shards; None if they are files."""

    def __len__(self) -> int:
        return len(self.names)

    def image_path(self, i: int) -> Path:
        """Return the path of entry ``i``'s image."""
        return self.root / "dataset" / self.files[i]

    def image_bytes(self, i: int) -> bytes:
        """Read entry ``i``'s image file, from its shard or from dataset/.

        Raises:
            DataError: it cannot be read; the message is the reason alone.
        """
        return read_bytes(self.image_path(i), MAX_BYTES) if self.shards is None else self.shards.read(i)

    def rows(self) -> Iterator[FaceRow]:
        """Read what prepare noted about each image of the data set, used or not; nothing of a hand-made index.

        Raises:
            DataError: faces.csv, or a table of the shards, is damaged.
        """
        path = self.root / "index" / FACES_FILE
        if self.shards is not None:
            yield from (row for _line, row in self.shards.outcomes())
        elif path.exists():
            yield from read_faces(path)

    def subset(self, indices: Sequence[int] | NDArray[np.int64]) -> "FaceIndex":
        """Keep the entries at ``indices``, in that order; ``undetected`` still covers the whole data set."""
        chosen = np.asarray(indices, dtype=np.int64)
        return replace(
            self,
            names=[self.names[i] for i in chosen],
            labels=self.labels[chosen],
            splits=[self.splits[i] for i in chosen],
            landmarks=self.landmarks[chosen],
            files=[self.files[i] for i in chosen],
            votes=self.votes.subset(chosen) if self.votes else None,
            subjects=None if self.subjects is None else [self.subjects[i] for i in chosen],
            shards=self.shards.subset(chosen) if self.shards else None,
        )


def read_index_files(root: Path) -> FaceIndex:
    """Load a prepared data set of image files and check its consistency.

    It may come from `ampnet prepare` or be hand-made (only data_label.txt and land_marks.npy, as for the reference
    program); names are matched with and without ``_aligned``.

    Args:
        root: folder that holds ``index/`` and ``dataset/``.

    Raises:
        DataError: a file is missing or damaged, a label is out of range, or a name has no landmarks or no image.
    """
    folder, faces = root / "index", root / "index" / FACES_FILE
    if not (folder / LABELS_FILE).exists():
        raise DataError(f'{root} holds no index/{LABELS_FILE}; make it with "ampnet prepare RAW_DIR --out {root}"')
    meta = read_meta(folder / META_FILE)
    names, codes = read_labels(folder / LABELS_FILE)
    splits = _splits_of(names, folder / LABELS_FILE, meta)
    base = LABEL_BASE_WITH_SPLITS if splits[0] else 0
    class_names = _class_names(folder, meta, codes, base)
    labels = codes - base
    _check_labels(labels, names, class_names, base, folder / LABELS_FILE)
    return FaceIndex(
        root=root,
        class_names=class_names,
        names=names,
        labels=labels,
        splits=splits,
        landmarks=_match_landmarks(names, folder / LANDMARKS_FILE),
        files=_match_files(names, root / "dataset"),
        undetected=read_undetected(meta, faces),
        framing=read_framing(meta, folder / META_FILE),
        votes=read_votes(folder / VOTES_FILE, names) if (folder / VOTES_FILE).exists() else None,
        layout="" if meta is None else meta.layout,
        subjects=match_subjects(names, read_faces(faces)) if faces.exists() and tells_people(meta) else None,
    )


def tells_people(meta: IndexMeta | None) -> bool:
    """Return whether the rows of faces.csv may name the people in the faces, so that they are worth reading."""
    if meta is None or meta.people == 0:
        return False
    return meta.people is not None or meta.layout in LAYOUTS_WITH_PEOPLE


def match_subjects(names: list[str], rows: Iterable[FaceRow]) -> list[str] | None:
    """Return the person of each face by its row of faces.csv; None if no row names one."""
    known = {row.name: row.subject for row in rows if row.subject}
    return [known.get(name, "") for name in names] if known else None


def _splits_of(names: list[str], path: Path, meta: IndexMeta | None) -> list[str]:
    if meta is not None and not meta.splits:
        return [""] * len(names)
    splits = [split_of(name) for name in names]
    if any(splits) and not all(splits):
        odd = printable(names[splits.index("")])
        raise DataError(
            f"{path}: some names begin with train_, val_ or test_, but {odd} does not; "
            "rename it, or remove the prefix from all names to get the reference 8:2 split"
        )
    return splits


def _class_names(folder: Path, meta: IndexMeta | None, codes: NDArray[np.int64], base: int) -> tuple[str, ...]:
    if meta is not None:
        return distinct(meta.class_names, folder / META_FILE)
    if (folder / CLASSES_FILE).exists():
        return read_class_names(folder / CLASSES_FILE)
    count = int(codes.max()) - base + 1
    if count > MAX_CLASSES:
        raise DataError(f"{folder / LABELS_FILE} has {count} classes, more than the maximum of {MAX_CLASSES}")
    if base and count == len(EXPRESSIONS):
        return EXPRESSIONS  # RAF-DB's own list
    return tuple(f"class_{code}" for code in range(base, base + max(count, 2)))


def _check_labels(
    labels: NDArray[np.int64], names: list[str], class_names: tuple[str, ...], base: int, path: Path
) -> None:
    outside = np.flatnonzero((labels < 0) | (labels >= len(class_names)))
    if outside.size:
        first = int(outside[0])
        raise DataError(
            f"{path}: {printable(names[first])} has label {labels[first] + base}, but the {len(class_names)} classes "
            f"are numbered {base} to {base + len(class_names) - 1}"
            + (" (with the prefixes train_, val_ or test_, labels count from 1)" if base else "")
        )


def _match_landmarks(names: list[str], path: Path) -> NDArray[np.float32]:
    if not path.exists():
        raise DataError(f"{path} is missing; run prepare again")
    known = read_landmarks(path)
    return np.stack([known[key] for key in _spelled_as_in(known, names, f"{path} lacks", "names")])


def _match_files(names: list[str], folder: Path) -> list[str]:
    """Find the image of each name; links that lead outside the folder are refused."""
    present = regular_files(folder)
    files = _spelled_as_in(present, names, f"{folder} lacks", "images")
    if not all(present.values()):
        refuse_links_outside(folder, (name for name in files if not present[name]))
    return files


def _spelled_as_in(known: Mapping[str, Any], names: list[str], lacks: str, kind: str) -> list[str]:
    """Find each name under one of its spellings; where some are missing, say how many and which is the first."""
    found = [next((spelling for spelling in spellings(name) if spelling in known), None) for name in names]
    missing = [name for name, spelling in zip(names, found, strict=True) if spelling is None]
    if missing:
        raise DataError(
            f"{lacks} {len(missing)} of the {len(names)} {kind} in {LABELS_FILE}, first {printable(missing[0])}; "
            "run prepare again, or delete those lines"
        )
    return [spelling for spelling in found if spelling is not None]


def read_undetected(meta: IndexMeta | None, path: Path) -> dict[str, dict[str, int]]:
    """Count the rejected images by split and class, from meta.json if it holds counts, else from the longer faces.csv.

    Raises:
        DataError: faces.csv is damaged.
    """
    if meta is not None and (counted := meta.rejected()) is not None:
        return counted
    undetected: dict[str, dict[str, int]] = {}
    for row in read_faces(path) if path.exists() else ():
        if row.status == "rejected":
            by_class, name = undetected.setdefault(row.split, {}), printable(row.class_name, MAX_NAME)
            by_class[name] = by_class.get(name, 0) + 1
    return undetected


def read_framing(meta: IndexMeta | None, path: Path) -> "Framing | None":
    """Return the framing in meta.json, at ``path``; None if it has none.

    Raises:
        DataError: it is invalid.
    """
    if meta is None or meta.framing is None:
        return None
    from ampnet.faces.framing import Framing

    try:
        return Framing.from_dict(meta.framing)
    except (DataError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise DataError(f"{path}: the entry framing is invalid ({printable(error)}); {CURE}") from error
