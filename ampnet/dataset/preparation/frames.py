"""Framing a face of one image into the network's frame, and writing it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ampnet.dataset.index.faces_table import FaceRow
from ampnet.dataset.index.raw_images import Picture, SourceImage
from ampnet.dataset.preparation.image_stores import WriteImage
from ampnet.detection.face import Face
from ampnet.errors import ImageError
from ampnet.faces.alignment import align_face, resize_whole, source_side
from ampnet.faces.colour import is_grey
from ampnet.faces.framing import Crop
from ampnet.files.printable import printable
from ampnet.media.images import encode_jpeg
from ampnet.reading.image_files import jpeg_as_is
from ampnet.settings import IMAGE_SIZE


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


def write_frame(
    picture: Picture,
    landmarks: NDArray[np.floating],
    crop: Crop,
    item: SourceImage,
    number: int,
    row: FaceRow,
    write: WriteImage,
) -> PreparedFace:
    """Frame a face at 224 x 224 and write it.

    Args:
        picture: the decoded image, or part of one.
        landmarks: ``(5, 2)`` in source pixels of what the picture shows.
        crop: whether to keep the whole image or to align the face.
        item: the image's entry in the data set.
        number: its position there.
        row: the face's row, with the image's name.
        write: takes the image.

    Raises:
        DataError: the file cannot be written.
    """
    image, (full_height, full_width) = picture.image, picture.size_hw
    height, width = image.shape[:2]
    points, data = landmarks * (width / full_width, height / full_height), None
    if crop == "face":
        try:
            aligned = align_face(image, points)
        except ValueError as error:
            return PreparedFace(number, replace(row, name="", status="rejected", reason=str(error)))
        framed, points = aligned.image, aligned.landmarks
        side = source_side(aligned.matrix) * full_width / width
    else:
        if picture.whole_hw == (IMAGE_SIZE, IMAGE_SIZE) == (height, width):
            data = jpeg_as_is(item.path, (height, width))
        framed, resized = resize_whole(image, points)
        assert resized is not None
        points, side = resized, float(np.sqrt(full_width * full_height))
    write(row.name, encode_jpeg(framed) if data is None else data)
    return PreparedFace(
        item=number,
        row=row,
        landmarks=tuple(round(float(value), 3) for value in points.reshape(-1)),
        relative_landmarks=tuple(
            round(float(value), 6) for value in (landmarks / (full_width, full_height)).reshape(-1)
        ),
        side=round(side, 2),
        grey=is_grey(framed[::4, ::4]),
    )


def write_template_frame(
    face: PreparedFace, item: SourceImage, relative_landmarks: NDArray[np.float64], crop: Crop, write: WriteImage
) -> PreparedFace:
    """Frame an image without a detected face by the mean landmarks of the data set, and write it.

    Args:
        face: its row, with the status ``template``.
        item: the image's entry in the data set.
        relative_landmarks: ``(5, 2)`` mean landmarks, as fractions of the image's width and height.
        crop: whether to keep the whole image or to align the face.
        write: takes the image.
    """
    try:
        picture = item.read()
    except ImageError as error:
        return replace(face, row=rejected(face.row, item, error))
    height, width = picture.size_hw
    return write_frame(picture, relative_landmarks * (width, height), crop, item, face.item, face.row, write)


def sharp_enough(item: SourceImage, picture: Picture, faces: Sequence[Face], crop: Crop) -> Picture:
    """Return the picture, decoded again at full size if an aligned face would otherwise lose detail.

    Raises:
        ImageError: it cannot be read again.
    """
    if crop == "none" or picture.image.shape[:2] == picture.size_hw:
        return picture
    reduction = picture.image.shape[1] / picture.size_hw[1]
    narrowest = min(float(np.ptp(face.landmarks, axis=0).max()) for face in faces) * reduction
    return item.read() if narrowest < IMAGE_SIZE / 2 else picture


def rejected(row: FaceRow, item: SourceImage, error: ImageError) -> FaceRow:
    """Mark an image's row as rejected because it cannot be read."""
    return replace(row, name="", status="rejected", reason=read_failure(item, error))


def read_failure(item: SourceImage, error: ImageError) -> str:
    """Return why an image cannot be read, without its path, which the row holds already."""
    return str(error).removeprefix(f"cannot read {printable(item.path)}: ")
