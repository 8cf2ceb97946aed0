"""What `Predictor.predict` returns for a photo: its faces, and their forms for people, programs and notebooks."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ampnet.errors import ConfigError, DataError, ImageError
from ampnet.files.download import is_url
from ampnet.files.picture_files import save_picture, to_png
from ampnet.files.printable import printable
from ampnet.media.drawing import annotate
from ampnet.media.images import Image, reduce
from ampnet.reading.inputs import PhotoInput
from ampnet.results.face_prediction import FacePrediction
from ampnet.results.results import ImagePredictions
from ampnet.results.rows import CsvRows, json_line

if TYPE_CHECKING:
    import pandas as pd

    from ampnet.recognition.explanation import Explanation

MAX_NAMED = 10
"""Faces that the text names one by one."""

NOTEBOOK_SIDE = 1000
"""Longest side of the picture in a notebook, in pixels."""


class PhotoResult(list[FacePrediction]):
    """The faces of one photo or frame, best detection score first; an empty list if there are none.

    It keeps a reference to the photo as it was given, no pixels of its own, and decodes it again to draw. A frame
    of a stream keeps its pixels; any other decodes its video again up to there.

    Args:
        photo: the photo; None if not even its content could be obtained.
        name: how the photo is called.
        faces: in pixels of the whole upright photo.
        size_hw: height and width of the upright photo in pixels; None if it could not be read.
        class_names: the model's classes.
        problem: why it could not be read, in one line.
        explainer: takes the answers about the faces of a decoded photo apart; None if that is impossible.
        frame: number of the frame in its video, from 0; None for a photo.
        seconds: time of the frame since the start of its video.
    """

    def __init__(
        self,
        photo: PhotoInput | None,
        name: str,
        faces: Iterable[FacePrediction],
        size_hw: tuple[int, int] | None,
        class_names: tuple[str, ...],
        problem: str | None = None,
        explainer: "Callable[[Image, Sequence[FacePrediction]], Explanation] | None" = None,
        frame: int | None = None,
        seconds: float | None = None,
    ) -> None:
        super().__init__(faces)
        self._photo, self.name, self.size_hw = photo, name, size_hw
        self.class_names, self.problem = class_names, problem
        self._explainer = explainer
        self.frame, self.seconds = frame, seconds

    @property
    def faces(self) -> list[FacePrediction]:
        """The faces as a plain list."""
        return list(self)

    def __str__(self) -> str:
        """Say in one line what was found: ``photo.jpg: 2 faces: happiness 99%, anger 66%``."""
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
        return f"{name}: {len(self):,} face{'s' * (len(self) > 1)}: {', '.join(map(printable, named))}"

    def __repr__(self) -> str:
        return f"<PhotoResult {self}>"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as in the list ``images`` of `ampnet predict --json`."""
        return self._plain().to_dict()

    def to_json(self) -> str:
        """Return :meth:`to_dict` as JSON on one line."""
        return json_line(self._plain())

    def to_df(self) -> "pd.DataFrame":
        """Return the table of `ampnet predict --csv`: a row for each face, or one that says why there is none."""
        import pandas as pd  # slow to import

        table = CsvRows(self.class_names)
        return pd.DataFrame(table.cells(self._plain()), columns=table.columns)

    def plot(self) -> Image:
        """Draw boxes, landmarks and answers on the photo.

        Returns:
            ``(H, W, 3)`` uint8 RGB, upright; photos of more than 80 million pixels at half their width and height.

        Raises:
            ImageError: the photo cannot be read, or no longer.
        """
        image, faces = self._decoded("draw")
        return annotate(image, [face.mark for face in faces])

    def explain(self) -> "Explanation":
        """Take the answers apart: what each region of each face added to the logits of each class.

        Returns:
            The contributions, faces in the order of this list, classes in the order of ``class_names``; they draw and
            save themselves.

        Raises:
            ConfigError: the network has no local branches, is an exported one, or is not there any more since this
                result was pickled.
            DataError: there is no face.
            ImageError: the photo cannot be read, or no longer.
        """
        image, faces = self._decoded("explain")
        if not faces:
            raise DataError(f"nothing to explain: no face in {printable(self.name)}")
        if self._explainer is None:
            raise ConfigError("cannot explain: a pickled result lacks its network; call predict again")
        return self._explainer(image, faces)

    def save(self, path: str | Path) -> None:
        """Write :meth:`plot` to a JPEG or PNG file; it appears whole or not at all, and replaces an existing file.

        Raises:
            DataError: it cannot be written.
            ImageError: the photo cannot be read.
            UsageError: the name does not end in .jpg, .jpeg or .png.
        """
        save_picture(self.plot(), Path(path))

    def _repr_png_(self) -> bytes | None:
        """Show the drawn photo in a notebook, if it can be drawn."""
        try:
            return to_png(reduce(self.plot(), NOTEBOOK_SIDE))
        except ImageError:
            return None

    def __getstate__(self) -> dict[str, Any]:
        """Leave the network behind when it is pickled."""
        return {**self.__dict__, "_explainer": None}

    def _decoded(self, purpose: str) -> tuple[Image, list[FacePrediction]]:
        """Decode the photo again, and convert the faces to its pixels."""
        if self._photo is None or self.size_hw is None:
            raise ImageError(self.problem or f"cannot {purpose} {printable(self.name)}: the photo is not there")
        image = self._photo.decode().image
        hw = (image.shape[0], image.shape[1])
        return image, self.faces if hw == self.size_hw else [face.enlarged(self.size_hw, hw) for face in self]

    def _plain(self) -> ImagePredictions:
        name = self.name if is_url(self.name) else Path(self.name)
        return ImagePredictions(name, self.size_hw, self.faces, self.problem, self.frame, self.seconds)
