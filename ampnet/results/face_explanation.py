"""Why a face got its answer, as plain numbers."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ampnet.faces.geometry import Affine, transform_points


@dataclass(frozen=True, eq=False)
class FaceExplanation:
    """The logits of one face as a sum: the softmax of the summands' sum is the face's ``scores``, within 1e-4."""

    label: str
    """The most probable class."""
    class_names: tuple[str, ...]
    """The K classes."""
    names: tuple[str, ...]
    """Names of the S summands: the regions first, then the constant, the whole face and the prior."""
    summands: NDArray[np.float32]
    """``(S, K)`` what each adds to the logit of each class."""
    corners: NDArray[np.float64]
    """``(R, 4, 2)`` corners of the R regions in pixels of the photo, clockwise; an empty region's coincide."""

    @property
    def added(self) -> dict[str, float]:
        """What each summand added to the logit of ``label``, relative to the mean over all classes.

        The softmax ignores what is added to all classes alike, so only this difference counts.
        """
        relative = self.summands[:, self.class_names.index(self.label)] - self.summands.mean(axis=1)
        return dict(zip(self.names, relative.tolist(), strict=True))

    def moved(self, matrix: Affine) -> "FaceExplanation":
        """Return it with the corners mapped by an affine map."""
        return replace(self, corners=transform_points(self.corners.reshape(-1, 2), matrix).reshape(-1, 4, 2))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; logits with six decimals, pixels with one."""
        rows = [[round(value, 6) for value in row] for row in self.summands.tolist()]
        return {
            "added": {name: round(value, 6) for name, value in self.added.items()},
            "summands": {
                name: dict(zip(self.class_names, row, strict=True)) for name, row in zip(self.names, rows, strict=True)
            },
            "regions": dict(zip(self.names, np.round(self.corners, 1).tolist(), strict=False)),
        }
