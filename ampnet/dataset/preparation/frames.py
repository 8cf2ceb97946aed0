"""Framing a face of one image into the network's frame, and writing it."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ampnet.dataset.index.faces_table import FaceRow
from ampnet.dataset.index.raw_images import Picture, SourceImage
from ampnet.dataset.preparation.image_stores import WriteImage
from ampnet.errors import ImageError
from ampnet.faces.alignment import source_side
from ampnet.faces.appearance import is_grey
from ampnet.faces.framing import Crop, Framing, frame_faces
from ampnet.files.printable import one_line, printable
from ampnet.media.images import encode_jpeg, encode_small, reduce
from ampnet.media.prepared import with_origin
from ampnet.reading.image_files import jpeg_as_is
from ampnet.settings import IMAGE_SIZE

MAX_SOURCE_SIDE, MAX_SOURCE_BYTES, MAX_LOSSLESS_BYTES = 512, 100_000, 30_000
"""Longer side in pixels, size of the file as it is, and size without loss, of the source that an image of a set kept
whole has beside it; a larger one is compressed."""


@dataclass(frozen=True)
class PreparedFace:
    """A row of the index under construction."""

    item: int
    """Position of its image in the source."""
    row: FaceRow
    landmarks: tuple[float, ...] = ()
    """Ten coordinates in the 224-px image, rounded to 0.001 px; empty until a template face is framed."""
    relative_landmarks: tuple[float, ...] = ()
    """The same ten as fractions of the source image's width and height; the template is their mean."""
    side: float = 0.0
    """Source pixels along a side of the frame."""
    grey: bool = False
    """Whether the image has no colour."""


def framing_of(crop: Crop) -> Framing:
    """Return the framing in which a data set is stored: whole images, or faces at the canonical landmarks."""
    return Framing(crop=crop, spread=math.inf, size=0.0)


def write_frame(
    picture: Picture,
    landmarks: NDArray[np.floating],
    crop: Crop,
    item: SourceImage,
    number: int,
    row: FaceRow,
    write: WriteImage,
) -> PreparedFace:
    """Frame a face at 224 x 224, as `predict` does, and write it.

    Args:
        landmarks: ``(5, 2)`` in pixels of what the whole picture shows.
        row: the face's row, with the image's name.

    Raises:
        DataError: the file cannot be written.
    """
    photo = picture.photo
    try:
        (face,) = frame_faces(photo, [landmarks], framing_of(crop))
    except ValueError as error:
        return PreparedFace(number, replace(row, name="", status="rejected", reason=str(error)))
    side = round(source_side(face.matrix), 2)
    own = jpeg_as_is(item.path, photo.size_hw) if crop == "none" and picture.whole_hw == photo.size_hw else None
    if own is None or photo.size_hw != (IMAGE_SIZE, IMAGE_SIZE):
        if crop == "none" and (own is None or len(own) > MAX_SOURCE_BYTES):
            own = encode_small(reduce(photo.reduced, MAX_SOURCE_SIDE), MAX_LOSSLESS_BYTES)
        own = with_origin(encode_jpeg(face.image), side, own or b"")
    write(row.name, own)
    relative = landmarks / photo.size_hw[::-1]
    return PreparedFace(
        item=number,
        row=row,
        landmarks=tuple(round(float(value), 3) for value in face.landmarks.reshape(-1)),
        relative_landmarks=tuple(round(float(value), 6) for value in relative.reshape(-1)),
        side=side,
        grey=is_grey(face.image[::4, ::4]),
    )


def write_template_frame(
    face: PreparedFace, item: SourceImage, relative_landmarks: NDArray[np.float64], crop: Crop, write: WriteImage
) -> PreparedFace:
    """Frame an image without a detected face by the mean landmarks of the data set, and write it.

    Args:
        face: its row, with the status ``template``.
        relative_landmarks: ``(5, 2)`` mean landmarks, as fractions of the image's width and height.
    """
    picture = item.picture()
    try:
        height, width = picture.photo.size_hw
    except ImageError as error:
        row = replace(face.row, name="", status="rejected", reason=read_failure(item, str(error)))
        return replace(face, row=row)
    return write_frame(picture, relative_landmarks * (width, height), crop, item, face.item, face.row, write)


def read_failure(item: SourceImage, problem: str) -> str:
    """Return why an image cannot be read, without its path, which the row holds already."""
    return problem.removeprefix(f"cannot read {printable(one_line(item.path))}: ")
