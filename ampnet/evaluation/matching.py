"""Matching the classes and the framing of a data set with those of a trained network."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ampnet.config import IMAGE_SIZE
from ampnet.errors import DataError
from ampnet.faces.framing import Framing

UNNAMED = re.compile(r"class_\d+")
"""What the classes of an index without class names are called."""

MOVED_PIXELS = 12.0
"""Mean landmarks this far apart on average (5 % of the frame) are another framing."""


def match_classes(data: Sequence[str], model: Sequence[str]) -> NDArray[np.int64]:
    """Find the model's code for each class of a data set, by name.

    A data set whose classes have no names (``class_0``, ...) is taken to count like the model.

    Returns:
        ``(len(data),)`` position in ``model`` of each class in ``data``.

    Raises:
        DataError: the two have different classes.
    """
    if len(data) == len(model) and all(UNNAMED.fullmatch(name) for name in data):
        return np.arange(len(data))
    unknown, missing = sorted(set(data) - set(model)), sorted(set(model) - set(data))
    if unknown or missing:
        differences = [
            *([f"only in the data: {', '.join(unknown)}"] if unknown else []),
            *([f"only in the checkpoint: {', '.join(missing)}"] if missing else []),
        ]
        raise DataError(
            f"the data and the checkpoint have different classes ({'; '.join(differences)}); "
            "evaluate on data with the classes that the checkpoint was trained on"
        )
    return np.array([list(model).index(name) for name in data])


def undetected_by_class(
    undetected: Mapping[str, int], data: Sequence[str], columns: NDArray[np.int64], count: int
) -> list[int]:
    """Put a split's images without a face into the model's class order.

    Raises:
        DataError: an image has a class that the data set does not list.
    """
    by_code = [0] * count
    for name, images in undetected.items():
        if name not in data:
            raise DataError(f"index/faces.csv has the class {name}, which index/meta.json lacks; run prepare again")
        by_code[int(columns[list(data).index(name)])] += images
    return by_code


def selection_notes(split: str, selected_on: str) -> tuple[str, ...]:
    """Say where the images to be evaluated also chose the epoch."""
    if split != selected_on:
        return ()
    return (f"the best epoch was chosen on this split ({split}), so these numbers flatter the network",)


def framing_notes(data: Framing | None, trained: Framing) -> tuple[str, ...]:
    """Say where faces to be evaluated are framed unlike those that the network was trained on."""
    if data is None:
        return ()
    moved = np.linalg.norm(np.subtract(data.mean_landmarks, trained.mean_landmarks), axis=1).mean()
    notes = []
    if moved > MOVED_PIXELS:
        notes.append(
            f"the faces sit {moved:.0f} px (of {IMAGE_SIZE}) from where the training faces sat, on average over "
            f"the landmarks; the training images were made with --crop {trained.crop}, these with --crop {data.crop}"
        )
    if data.color == "grey" and trained.color == "rgb":
        notes.append("the images are grey, the training images were in colour")
    return tuple(notes)
