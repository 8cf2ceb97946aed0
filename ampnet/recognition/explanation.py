"""What `PhotoResult.explain` returns: why the faces of a photo got their answers, as numbers and as a picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ampnet.faces.geometry import Affine, inverse, transform_points
from ampnet.files.picture_files import save_picture, to_png
from ampnet.inference.contributions import Contributions, region_corners
from ampnet.media.contribution_sheet import ExplainedFace, draw_sheet
from ampnet.media.images import Image
from ampnet.models.regions import QUADRANTS, SALIENT
from ampnet.results.face_prediction import FaceExplanation, FacePrediction


@dataclass(frozen=True, eq=False, kw_only=True)
class Explanation(Contributions):
    """The logits of a photo's faces as sums; prints the largest regions, draws and saves itself."""

    class_names: tuple[str, ...]
    """The K classes."""
    scores: Sequence[Mapping[str, float]]
    """For each face, the probability of each class."""
    frames: Sequence[Image]
    """For each face, ``(224, 224, 3)`` RGB as the network sees it."""
    matrices: Sequence[Affine]
    """For each face, the ``(2, 3)`` map from pixels of the photo to its frame."""

    def given_to(self, faces: Sequence[FacePrediction]) -> list[FacePrediction]:
        """Return the predictions of the same faces, each with its explanation."""
        return [replace(face, explanation=one) for face, one in zip(faces, self.faces, strict=True)]

    @property
    def faces(self) -> list[FaceExplanation]:
        """The contributions to each face, by name."""
        return [self._face(number) for number in range(len(self.frames))]

    def plot(self) -> Image:
        """Draw the faces with their regions shaded by what they added to the answer's logit, and the sum as bars.

        Returns:
            ``(h, w, 3)`` uint8 RGB; its size depends on the number of faces only, and the first twelve are shown.
        """
        panels = [{name: i for i, name in enumerate(self.names) if name in group} for group in (QUADRANTS, SALIENT)]
        sheets = []
        for number, face in enumerate(self.faces):
            regions = [{name: self.boxes[number, i] for name, i in panel.items()} for panel in panels if panel]
            which = f"face {number + 1}: " if len(self.frames) > 1 else ""
            title = f"{which}{face.label} {self.scores[number][face.label]:.0%}"
            sheets.append(ExplainedFace(self.frames[number], regions, face.added, title))
        return draw_sheet(sheets)

    def save(self, path: str | Path) -> None:
        """Write :meth:`plot` to a JPEG or PNG file; it appears whole or not at all, and replaces an existing file.

        Raises:
            DataError: it cannot be written.
            UsageError: the name does not end in .jpg, .jpeg or .png.
        """
        save_picture(self.plot(), Path(path))

    def _repr_png_(self) -> bytes:
        """Show :meth:`plot` in a notebook."""
        return to_png(self.plot())

    def __str__(self) -> str:
        """Name, in a line for each face, the regions that contributed most to its answer."""
        lines = []
        for number, face in enumerate(self.faces, start=1):
            added = sorted(face.added.items(), key=lambda item: -abs(item[1]))[:3]
            lines.append(f"face {number}: {face.label}: " + ", ".join(f"{name} {value:+.2f}" for name, value in added))
        return "\n".join(lines)

    def _face(self, number: int) -> FaceExplanation:
        scores = self.scores[number]
        summands = self.summands(number)
        corners = transform_points(region_corners(self.boxes[number]).reshape(-1, 2), inverse(self.matrices[number]))
        return FaceExplanation(
            max(scores, key=scores.__getitem__),
            self.class_names,
            tuple(summands),
            np.stack(list(summands.values())),
            corners.reshape(-1, 4, 2),
        )
