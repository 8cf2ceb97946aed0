"""The last step of prepare: writing index/ from the finished chunks."""

from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ampnet.dataset.index.faces_table import FaceRow, read_faces, write_faces, write_failures
from ampnet.dataset.index.index_files import FACES_FILE, FAILURES_FILE, LABELS_FILE, LANDMARKS_FILE, VOTES_FILE
from ampnet.dataset.index.landmarks_file import write_landmarks
from ampnet.dataset.index.raw_images import Source
from ampnet.dataset.preparation.finished import FinishedFaces, IndexCounts
from ampnet.dataset.preparation.image_stores import ImageFiles
from ampnet.dataset.preparation.journal import PrepareJournal
from ampnet.dataset.preparation.work import FramePolicy
from ampnet.files.writing import atomic_write


def build_index(
    root: Path, source: Source, journal: PrepareJournal, plan: dict[str, Any], frame_policy: FramePolicy, seconds: float
) -> IndexCounts:
    """Write the index files from the journal; meta.json last, so that its presence marks a complete index.

    Args:
        root: output folder of prepare.
        source: the data set.
        journal: record of the finished chunks.
        plan: settings to record.
        frame_policy: how faces are framed.
        seconds: elapsed time to record.

    Raises:
        DataError: there is no usable face, or a file cannot be written.
    """
    finished = FinishedFaces(source, journal, frame_policy)
    images = ImageFiles(root / "dataset")
    names, labels = list[str](), array("l")

    def rows() -> Iterator[FaceRow]:
        for face in finished.walk(lambda name, content: images.write(0, name, content)):
            if face.row.status != "rejected":
                names.append(face.row.name)
                labels.append(finished.labels[face.row.class_name] + finished.label_base)
            yield face.row

    index = root / "index"
    write_faces(index / FACES_FILE, rows())
    write_failures(index / FAILURES_FILE, read_faces(index / FACES_FILE))
    with atomic_write(index / LABELS_FILE) as aside, aside.open("w", encoding="ascii", newline="\n") as file:
        file.writelines(f"{name} {label}\n" for name, label in zip(names, labels, strict=True))
    write_landmarks(index / LANDMARKS_FILE, names, finished.landmarks())
    if finished.votes is not None:
        finished.votes.write(index / VOTES_FILE)
    finished.write_meta(index, plan, seconds)
    return finished.counts()
