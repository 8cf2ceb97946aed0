"""corruptions.png: one face under every corruption at every severity, to be judged by eye."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ampnet.faces.alignment import Image
from ampnet.files.picture_files import save_picture
from ampnet.reports.contact_sheet import Section, Tile, contact_sheet
from ampnet.robustness.suite import CORRUPTIONS, SEVERITIES, corrupt

SHEET_FILE = "corruptions.png"

SIDE = 112
"""Of a face, in pixels."""


def save_sheet(folder: Path, image: Image, landmarks: NDArray[np.floating], seed: int, name: str) -> None:
    """Draw the whole suite on one face; for framing errors, dots show the landmarks that the network gets.

    Args:
        folder: receives corruptions.png.
        image: ``(224, 224)`` grey or ``(224, 224, 3)`` BGR.
        landmarks: ``(5, 2)`` in its pixels.

    Raises:
        DataError: the file cannot be written.
    """

    def corrupted(group: str, names: Sequence[str]) -> Iterator[Tile]:
        for corruption in names:
            for severity in SEVERITIES:
                face = corrupt(image, landmarks, corruption, severity, seed, name)
                yield _tile(face, f"{corruption} {severity}", landmarks if group == "framing" else ())

    sections = [Section(group, tuple(corrupted(group, names))) for group, names in CORRUPTIONS.items()]
    clean = Section("clean", [_tile(image, "0", ())])
    save_picture(contact_sheet([clean, *sections], columns=2 * len(SEVERITIES), side=SIDE), folder / SHEET_FILE)


def _tile(face: Image, caption: str, dots: Sequence[Sequence[float]] | NDArray[np.floating]) -> Tile:
    shown = np.asarray(cv2.cvtColor(face, cv2.COLOR_GRAY2RGB if face.ndim == 2 else cv2.COLOR_BGR2RGB), dtype=np.uint8)
    for x, y in dots:
        cv2.circle(shown, (round(float(x)), round(float(y))), 4, (255, 220, 0), -1, cv2.LINE_AA)
    return Tile(shown, ((caption, "black"),))
