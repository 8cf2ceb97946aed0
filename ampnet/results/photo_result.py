"""The result for a photo: its faces, as text, JSON, table and picture."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ampnet.errors import ConfigError, DataError, ImageError
from ampnet.faces.alignment import AlignedFace
from ampnet.files.picture_files import save_picture, to_png
from ampnet.files.printable import counted, one_line, printable
from ampnet.media.drawing import Mark, annotate
from ampnet.media.images import Image, reduce
from ampnet.reading.photo import Photo
from ampnet.results.face_prediction import FacePrediction

if TYPE_CHECKING:
    import pandas as pd

    from ampnet.recognition.explanation import Explanation

MAX_NAMED = 10
"""Faces that the text names one by one."""

NOTEBOOK_SIDE = 1000
"""Maximum side of the picture in a notebook, in pixels."""


class Explainer(Protocol):
    """Explains answers."""

    def explain(self, result: "PhotoResult") -> "Explanation":
        """Explain the answers about a photo's faces, at least one."""


class PhotoResult(list[FacePrediction]):
    """The faces of one photo or frame, highest detection score first; an empty list if there are none.

    It keeps its photo, and draws and explains from the pixels that it was computed from. If there are many
    results, pixels are released, and decoded again when they are requested.

    Args:
        photo: the photo, whether it could be read or not.
        faces: in pixels of the whole upright photo.
        model: which model answered: its name and a short hash.
        explainer: explains the answers; None if that is impossible.
        framed: the faces as the network saw them; None: they are framed again on demand.
    """

    is_averaged = False
    """Whether the scores are means over frames, which cannot be explained."""

    def __init__(
        self,
        photo: Photo,
        faces: Iterable[FacePrediction],
        class_names: tuple[str, ...],
        model: str = "",
        explainer: Explainer | None = None,
        framed: Sequence[AlignedFace] | None = None,
    ) -> None:
        super().__init__(faces)
        self.photo, self.class_names, self.model = photo, class_names, model
        self.problem = photo.problem
        """Why the photo could not be read, in one line; None if it could."""
        self.size_hw = None if self.problem else photo.size_hw
        """Height and width of the upright photo in pixels; None if it could not be read."""
        self.warnings: list[str] = []
        """Warnings about the whole photo; empty for nearly all."""
        if photo.frames > 1:
            self.warnings.append(f"{photo.frames - 1:,} of {photo.frames:,} frames not read")
        self._explainer = explainer
        self._framed = None if framed is None else list(zip((face.detection for face in self), framed, strict=True))

    @property
    def name(self) -> str:
        """Name of the photo: its path, its address, or the name of its file; on one line."""
        return self.photo.name

    @property
    def video(self) -> str | None:
        """Name of the video, if this is one of its frames or the reason why it could not be read; None for a photo."""
        return self.name if self.photo.is_of_video else None

    @property
    def frame(self) -> int | None:
        """Number of the frame in its video, from 0; None for a photo."""
        return self.photo.frame

    @property
    def seconds(self) -> float | None:
        """Time of the frame since the start of its video; None for a photo."""
        return self.photo.seconds

    @property
    def status(self) -> str:
        """``ok``, ``no face`` or ``unreadable``."""
        return "ok" if self else "unreadable" if self.problem else "no face"

    @property
    def faces(self) -> list[FacePrediction]:
        """The faces as a plain list."""
        return list(self)

    @property
    def framed(self) -> Sequence[AlignedFace] | None:
        """The faces as the network saw them, with maps from pixels of the photo.

        None once they were released, or if this list was sorted or changed since.
        """
        known = self._framed or []
        is_same = [id(face.detection) for face in self] == [id(detection) for detection, _ in known]
        return [one for _, one in known] if known and is_same else None

    def __str__(self) -> str:
        """Describe in one line what was found: ``photo.jpg: 2 faces: happiness 99%, anger 66%``."""
        if self.problem is not None:
            return self.problem
        name = printable(self.name)
        if self.frame is not None and self.seconds is not None:
            name += f", frame {self.frame} ({self.seconds:.2f} s)"
        if not self:
            return f"{name}: no face"
        named = [f"{face.label} {face.probability * 100:.0f}%" if face.is_sure else face.answer for face in self]
        if len(named) > MAX_NAMED:
            named[MAX_NAMED:] = [f"{len(self) - MAX_NAMED:,} more"]
        return f"{name}: {counted(len(self), 'face')}: {', '.join(map(printable, named))}"

    def __repr__(self) -> str:
        return f"<PhotoResult {self}>"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON: what `ampnet predict --json`, `--jsonl` and the service print about a photo.

        A name and a reason fit on one line of UTF-8: control characters and undecodable bytes are escaped.
        """
        height, width = self.size_hw or (None, None)
        return {
            "image": self.name,
            "frame": self.frame,
            "seconds": None if self.seconds is None else round(self.seconds, 3),
            "status": self.status,
            "problem": None if self.problem is None else one_line(self.problem),
            "width": width,
            "height": height,
            "model": self.model,
            "warnings": self.warnings,
            "faces": [face.to_dict() for face in self],
        }

    def to_json(self) -> str:
        """Return :meth:`to_dict` as JSON on one line."""
        return json.dumps(self.to_dict(), ensure_ascii=False)

    def to_df(self) -> "pd.DataFrame":
        """Return the table of `ampnet predict --csv`: a row for each face, or one that says why there is none."""
        import pandas as pd  # slow to import

        from ampnet.results.rows import CsvRows

        table = CsvRows(self.class_names, has_tracks=any(face.track is not None for face in self))
        return pd.DataFrame(table.cells(self), columns=table.columns)

    def marks(self) -> tuple[Image, list[Mark]]:
        """Return the whole photo and the marks of its faces in it.

        Raises:
            ImageError: the photo cannot be read, or has changed.
        """
        if self.problem is not None or self.size_hw is None:
            raise ImageError(str(self.problem))
        image, (height, width) = self.photo.whole, self.size_hw
        if image.shape[:2] == (height, width):
            return image, [face.mark for face in self]
        matrix = np.diag([image.shape[1] / width, image.shape[0] / height, 1.0])[:2]
        return image, [face.moved(matrix).mark for face in self]

    def plot(self) -> Image:
        """Draw boxes, landmarks and answers on the photo.

        Returns:
            ``(H, W, 3)`` uint8 RGB, upright; photos of more than 80 million pixels at half their width and height.

        Raises:
            ImageError: the photo cannot be read, or has changed.
        """
        return annotate(*self.marks(), self.model)

    def explain(self) -> "Explanation":
        """Explain the answers: what each region of each face added to the logits of each class.

        Returns:
            The contributions, faces in the order of this list, classes in the order of ``class_names``; they draw and
            save themselves.

        Raises:
            ConfigError: the network has no local branches, is an exported one, or was lost when this
                result was pickled; or the scores are averages (``smooth``).
            DataError: there is no face.
            ImageError: the photo cannot be read, or has changed.
        """
        if self.problem is not None:
            raise ImageError(self.problem)
        if not self:
            raise DataError(f"nothing to explain: no face in {printable(self.name)}")
        if self.is_averaged:
            raise ConfigError("cannot explain averages over frames; leave out smooth")
        if self._explainer is None:
            raise ConfigError("cannot explain: a pickled result lacks its network; call predict again")
        return self._explainer.explain(self)

    def save(self, path: str | Path) -> None:
        """Write :meth:`plot` to a JPEG or PNG file; it appears whole or not at all, and replaces an existing file.

        Raises:
            DataError: it cannot be written.
            ImageError: the photo cannot be read.
            UsageError: the name does not end in .jpg, .jpeg or .png.
        """
        save_picture(self.plot(), Path(path), f"ampnet: {self.model}")

    def release(self) -> None:
        """Drop all pixels; they are decoded and framed again on demand."""
        self._framed = None
        self.photo.release()

    def forget(self) -> None:
        """Drop the photo, too, so that only the answers take memory: it can no longer be drawn or explained."""
        self._framed = self._explainer = None
        self.photo.forget()

    def _repr_png_(self) -> bytes | None:
        """Show the drawn photo in a notebook, if it can be drawn."""
        try:
            return to_png(reduce(self.plot(), NOTEBOOK_SIDE))
        except ImageError:
            return None

    def __getstate__(self) -> dict[str, Any]:
        """Drop the network and all pixels when it is pickled."""
        return {**self.__dict__, "_explainer": None, "_framed": None}
