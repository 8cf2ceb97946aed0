"""The JSON about a photo: what `ampnet predict --json` prints about it, and contributions if they are asked for."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ampnet.errors import ImageError
from ampnet.faces.framing import Framing, frame_matrix
from ampnet.faces.geometry import inverse, transform_points
from ampnet.results.face_prediction import FacePrediction
from ampnet.results.results import ImagePredictions
from ampnet.service.engine import Found

if TYPE_CHECKING:
    from ampnet.inference.contributions import Contributions


def describe_photo(name: str, found: Found, max_faces: int, framing: Framing) -> dict[str, Any]:
    """Describe the faces of a photo; see :meth:`ampnet.results.results.ImagePredictions.to_dict`.

    Args:
        name: of the photo.
        found: its faces.
        max_faces: how many of them are described.
        framing: how the faces were framed, for the places of regions.
    """
    decoded = found.decoded
    decoded_hw = (decoded.image.shape[0], decoded.image.shape[1])
    faces = found.faces[:max_faces]
    in_photo = (
        [face.enlarged(decoded_hw, decoded.size_hw) for face in faces] if decoded_hw != decoded.size_hw else faces
    )
    plain = ImagePredictions(Path(name), decoded.size_hw, in_photo).to_dict()
    plain["warnings"] = [f"more than {max_faces} faces; the surest are listed"] if len(found.faces) > max_faces else []
    if found.contributions is not None:
        from ampnet.inference.contributions import region_corners

        for index, (face, entry) in enumerate(zip(in_photo, plain["faces"], strict=True)):
            to_photo = inverse(frame_matrix(face.face.landmarks, framing))
            corners = transform_points(region_corners(found.contributions.boxes[index]), to_photo)
            entry["contributions"] = _contributions(found.contributions, index, face, corners)
    return plain


def describe_problem(name: str, error: ImageError) -> dict[str, Any]:
    """Describe a photo that cannot be read."""
    return ImagePredictions(Path(name), None, [], f"cannot read it: {error}").to_dict() | {"warnings": []}


def _contributions(found: "Contributions", index: int, face: FacePrediction, corners: Any) -> dict[str, Any]:
    """Describe what speaks for each class: logits relative to the mean over all classes.

    Regions and bias add up to the local logits.
    """
    names = tuple(face.scores)

    def by_class(logits: Any) -> dict[str, float]:
        relative = np.asarray(logits, dtype=np.float64) - np.mean(logits, dtype=np.float64)
        return {name: round(float(value), 5) for name, value in zip(names, relative, strict=True)}

    return {
        "regions": [
            {"name": name, "corners": np.round(corners[place], 1).tolist(), "added": by_class(added)}
            for place, (name, added) in enumerate(zip(found.names, found.regions[index], strict=True))
        ],
        "bias": by_class(found.bias),
        "local": by_class(found.local[index]),
        "global": by_class(found.global_[index]),
    }
