"""The contact sheet: one face under every corruption at every severity, to be judged by eye."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw

from ampnet.faces.alignment import Image
from ampnet.files.writing import atomic_write
from ampnet.media.drawing import label_font
from ampnet.media.images import resize
from ampnet.robustness.corruption_names import CORRUPTIONS, SEVERITIES
from ampnet.robustness.suite import SUITE, corrupt

SHEET_FILE = "corruptions.png"

TILE, GAP, LABEL = 112, 4, 130
"""Side of a tile, space between tiles, and width of a column of labels, in pixels."""


def save_sheet(folder: Path, image: Image, landmarks: NDArray[np.floating], seed: int, name: str) -> None:
    """Draw the whole suite on one face; for framing errors, dots show the landmarks that the network gets.

    Args:
        folder: receives corruptions.png.
        image: ``(224, 224)`` grey or ``(224, 224, 3)`` BGR.
        landmarks: ``(5, 2)`` in its pixels.
        seed: of the suite.
        name: of the face.

    Raises:
        DataError: the file cannot be written.
    """
    names = list(SUITE)
    half = -(-len(names) // 2)
    columns = len(SEVERITIES) + 1
    width, height = LABEL + columns * (TILE + GAP), half * (TILE + GAP) + 24
    sheet = Pillow.new("RGB", (2 * width, height), "white")
    draw = ImageDraw.Draw(sheet)
    for number, corruption in enumerate(names):
        left, top = width * (number // half), 24 + (number % half) * (TILE + GAP)
        draw.text((left + 6, top + TILE / 2 - 8), corruption, fill="black", font=label_font(12))
        faces = [image, *(corrupt(image, landmarks, corruption, severity, seed, name) for severity in SEVERITIES)]
        marked = corruption in CORRUPTIONS["framing"]
        for column, face in enumerate(faces):
            tile = Pillow.fromarray(_tile(face, landmarks if marked else ()))
            sheet.paste(tile, (left + LABEL + column * (TILE + GAP), top))
    for side in (0, width):
        for column, title in enumerate(("clean", *map(str, SEVERITIES))):
            draw.text((side + LABEL + column * (TILE + GAP) + 4, 6), title, fill="black", font=label_font(12))
    with atomic_write(folder / SHEET_FILE) as aside:
        sheet.save(aside, format="png")


def _tile(face: Image, dots: Sequence[Sequence[float]] | NDArray[np.floating]) -> NDArray[np.uint8]:
    shown = np.asarray(cv2.cvtColor(face, cv2.COLOR_GRAY2RGB if face.ndim == 2 else cv2.COLOR_BGR2RGB), dtype=np.uint8)
    for x, y in dots:
        cv2.circle(shown, (round(float(x)), round(float(y))), 4, (255, 220, 0), -1, cv2.LINE_AA)
    return resize(shown, (TILE, TILE))
