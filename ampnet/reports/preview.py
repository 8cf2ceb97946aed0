"""index/preview.png: faces of each class of a prepared data set, with the regions that the network uses."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw

from ampnet.dataset.index.face_index import FaceIndex
from ampnet.dataset.loading.dataset import pictures
from ampnet.files.picture_files import save_picture
from ampnet.files.printable import printable
from ampnet.media.drawing import color_of
from ampnet.media.images import Image
from ampnet.models.regions import STRIDE, quadrant_boxes, salient_boxes
from ampnet.reports.contact_sheet import Section, Tile, contact_sheet
from ampnet.settings import IMAGE_SIZE

COLUMNS = 10
"""Faces of each class on the preview."""


def write_preview(path: Path, index: FaceIndex) -> None:
    """Write `index/preview.png`: sample faces of each class, with the regions that the network uses.

    Dots mark the landmarks; the four coloured squares are the patches of local perception, the five thin white ones the
    regions of attentional perception (see :mod:`ampnet.models.regions`). The last rows show, without marks, faces whose
    source images do not look like unaltered photographs, one row for each trait.
    """
    sections = []
    for label, name in enumerate(index.class_names):
        members = np.flatnonzero(index.labels == label)
        chosen = members[_spread(len(members))]
        color = color_of(name, index.class_names)
        faces = [Tile(_draw_regions(image, index.landmarks[i], color)) for i, image in pictures(index, chosen)]
        sections.append(Section(f"{printable(name)}: {len(members):,}", faces))
    save_picture(contact_sheet([*sections, *_traits(index)], columns=COLUMNS), path)


def _spread(count: int) -> NDArray[np.int64]:
    """Choose up to ``COLUMNS`` of ``count`` positions, evenly spaced."""
    return np.unique(np.linspace(0, count - 1, min(COLUMNS, count)).round().astype(np.int64))


def _traits(index: FaceIndex) -> Iterator[Section]:
    positions = {name: position for position, name in enumerate(index.names)}
    found: dict[str, list[int]] = {}
    for row in index.rows():
        for trait in row.traits if row.name in positions else ():
            found.setdefault(trait, []).append(positions[row.name])
    for trait, members in sorted(found.items()):
        chosen = np.array(members)[_spread(len(members))]
        faces = [Tile(image) for _, image in pictures(index, chosen)]
        yield Section(f"not unaltered photographs ({trait}): {len(members):,}", faces)


def _draw_regions(image: Image, landmarks: NDArray[np.floating], color: str) -> Image:
    """Draw a prepared face's landmarks, and the regions that the network crops.

    Args:
        image: ``(224, 224, 3)`` RGB.
        landmarks: ``(5, 2)`` pixels of that image.
    """
    points = torch.from_numpy(np.asarray(landmarks, dtype=np.float32))[None]
    grid = IMAGE_SIZE // STRIDE
    picture = Pillow.fromarray(image)
    draw = ImageDraw.Draw(picture)
    for x0, y0, x1, y1 in (salient_boxes(points, grid)[0] * STRIDE).tolist():
        draw.rectangle((x0, y0, x1 - 1, y1 - 1), outline="white", width=1)
    for x0, y0, x1, y1 in (quadrant_boxes(points, grid)[0] * STRIDE).tolist():
        if x1 > x0 and y1 > y0:
            draw.rectangle((x0, y0, x1 - 1, y1 - 1), outline=color, width=3)
    for x, y in landmarks.tolist():
        draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=color, outline="black")
    return np.array(picture, dtype=np.uint8)
