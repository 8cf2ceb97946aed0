"""The faces that `ampnet adapt` learns from: one of each photo, embedded; copies and unreadable photos are left out."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from ampnet.checkpoints.checkpoint import Checkpoint
from ampnet.dataset.index.raw_images import Picture, RawDataSet, SourceImage
from ampnet.dataset.preparation.chunks import labelled_face
from ampnet.dataset.quality.duplicates import copy_groups, find_duplicates, thumbnail
from ampnet.detection.detector import FaceDetector
from ampnet.detection.finder import FaceFinder
from ampnet.errors import DataError, ImageError
from ampnet.faces.alignment import AlignedFace
from ampnet.faces.framing import frame_faces
from ampnet.files.printable import counted, first_of, printable
from ampnet.inference.calibration import prior_offsets, ruled_out
from ampnet.inference.classifier import network_input
from ampnet.runtime.devices import choose_device
from ampnet.settings import AdaptConfig, DetectorConfig, FacePolicy
from ampnet.settings.labels import class_key, meant_expression
from ampnet.training.adaptation import EmbeddedFaces, embed_faces

CHUNK = 32


@dataclass
class LeftOut:
    """Photos that are not used, a line for each."""

    unreadable: list[str] = field(default_factory=list)
    without_face: list[str] = field(default_factory=list)
    copies: list[str] = field(default_factory=list)

    def notes(self) -> Iterator[str]:
        """Describe those that need no repair."""
        for what, lines in (("without a face", self.without_face), ("of which there are copies", self.copies)):
            if lines:
                yield f"{counted(len(lines), 'photo')} {what}, first {lines[0]}"

    @property
    def problem(self) -> str | None:
        """Describe those that cannot be read."""
        return first_of(self.unreadable)

    def hint(self) -> str:
        """Return the problem as the end of another message."""
        return f" ({self.problem})" if self.problem else ""


@dataclass(frozen=True, eq=False)
class _Looks:
    """What copies are known by: each face as the network sees it."""

    names: list[str] = field(default_factory=list)
    thumbnails: list[NDArray[np.uint8]] = field(default_factory=list)
    digests: list[int] = field(default_factory=list)

    def add(self, item: SourceImage, face: AlignedFace) -> None:
        self.names.append(printable(item.relative))
        self.thumbnails.append(thumbnail(face.image))
        digest = hashlib.blake2b(face.image.tobytes(), digest_size=8).digest()
        self.digests.append(int.from_bytes(digest, "big"))

    def without_copies(self, labels: NDArray[np.int64], left_out: LeftOut) -> NDArray[np.int64]:
        """Return the positions of the first face of each group of copies; none of a group with several labels."""
        found = find_duplicates(np.stack(self.thumbnails), np.array(self.digests, dtype=np.uint64))
        groups = copy_groups(len(labels), found.pairs)
        is_torn = np.isin(groups, groups[labels != labels[groups]])
        is_left_out = is_torn | (groups != np.arange(len(groups)))
        for place in np.flatnonzero(is_left_out).tolist():
            why = "is in several classes" if is_torn[place] else f"shows what {self.names[groups[place]]} does"
            left_out.copies.append(f"{self.names[place]}, which {why}")
        return np.flatnonzero(~is_left_out)


def embedded(
    config: AdaptConfig, checkpoint: Checkpoint, source: RawDataSet, advance: Callable[[int], None]
) -> tuple[EmbeddedFaces, LeftOut, NDArray[np.bool_]]:
    """Find, frame and embed the largest face of each photo, or that of a list's box; of copies, the first counts.

    Returns:
        The faces, the photos left out, and whether the old heads are right about each face.

    Raises:
        DataError: no photo shows a face, or all are copies with several labels.
    """
    policy: FacePolicy = "all" if source.has_boxes else "largest"
    finder = FaceFinder(FaceDetector(DetectorConfig(), choose_device(config.gpus)), policy)
    model, size = checkpoint.model, checkpoint.architecture.image_size
    former = counterparts(source.class_names, checkpoint.class_names)
    known = np.array([code for code in former if code >= 0], dtype=np.int64)
    prior = ruled_out(prior_offsets(checkpoint, None), checkpoint.class_names, ()).numpy()  # as predict answers
    features, old, labels, groups, right = [], [], [], [], []
    left_out, looks = LeftOut(), _Looks()
    people = {name: number for number, name in enumerate(sorted({item.subject for item in source.items}))}
    for start in range(0, len(source.items), CHUNK):
        chunk = source.items[start : start + CHUNK]
        framed = list(_framed(chunk, start, finder, checkpoint, left_out))
        if framed:
            batch = network_input([face for _number, face in framed], size).to(torch.device("cpu"))
            z, logits = embed_faces(model, checkpoint.branch_weight, batch.images, batch.landmarks)
            features.append(z)
            padded = np.pad(logits, ((0, 0), (0, 1)))  # the last column stands for no class
            old.append(padded[:, former])
            for row, (number, face) in enumerate(framed):
                item = source.items[number]
                looks.add(item, face)
                label = source.class_names.index(item.class_name)
                labels.append(label)
                groups.append(people[item.subject] if item.subject else len(people) + number)
                answer = int(known[(logits[row] + prior)[known].argmax()]) if len(known) else -1
                right.append(answer >= 0 and answer == former[label])
        advance(len(chunk))
    if not features:
        raise DataError(f"no face was found in the photos of {config.photos}{left_out.hint()}")
    kept = looks.without_copies(np.array(labels), left_out)
    faces = EmbeddedFaces(
        *(np.asarray(values)[kept] for values in (np.concatenate(features), np.concatenate(old), labels, groups))
    )
    return faces, left_out, np.array(right)[kept]


def _framed(
    items: Sequence[SourceImage], start: int, finder: FaceFinder, checkpoint: Checkpoint, left_out: LeftOut
) -> Iterator[tuple[int, AlignedFace]]:
    """Yield the number of each photo with a face, and that face; note the others."""
    photos: list[tuple[int, Picture]] = []
    for number, item in enumerate(items, start=start):
        try:
            picture = item.picture()
            if picture.photo.problem is not None:
                raise ImageError(picture.photo.problem)
            photos.append((number, picture))
        except ImageError as error:
            left_out.unreadable.append(str(error))
    for (number, picture), found in zip(photos, finder.find([one.photo for _number, one in photos]), strict=True):
        photo, box = picture.photo, items[number - start].box
        chosen = labelled_face(found.faces, box, picture) if box else found.faces
        if not chosen:
            left_out.without_face.append(printable(photo.name))
            continue
        try:
            size = checkpoint.architecture.image_size
            (face,) = frame_faces(photo, [chosen[0].landmarks], checkpoint.framing, size)
            yield number, face
        except ImageError as error:
            left_out.unreadable.append(str(error))


def counterparts(names: Sequence[str], old: Sequence[str]) -> list[int]:
    """Find the old class of each new one; -1 without one."""
    keys = {class_key(name): code for code, name in enumerate(old)}
    return [keys.get(class_key(name), keys.get(meant_expression(name) or "", -1)) for name in names]
