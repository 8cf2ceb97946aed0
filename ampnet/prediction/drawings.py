"""The annotated copies that `predict` writes: pictures, and videos with all of their frames."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from PIL import Image as Pillow

from ampnet.errors import DataError
from ampnet.media.drawing import Mark, annotate
from ampnet.media.files import atomic_write
from ampnet.media.images import Image
from ampnet.media.video_writer import VideoWriter, writing_video
from ampnet.prediction.face_prediction import FacePrediction
from ampnet.prediction.shots import Shot
from ampnet.prediction.sources import DRAWN_FORMATS, Source


class Drawings:
    """Writes the annotated copies; between two classified frames the last faces stay drawn.

    A copy that cannot be written is left out, and the others are tried; an unfinished video is deleted if an error or
    Ctrl-C leaves the block.
    """

    def __init__(self) -> None:
        self.failed = 0
        """Number of copies that could not be written."""
        self.problem: str | None = None
        """Why the first of them could not be."""
        self._open = ExitStack()
        self._writer: VideoWriter | None = None
        self._video: Source | None = None
        self._marks: list[Mark] = []

    def __enter__(self) -> "Drawings":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        if error is None:
            self._end_video()
        else:
            self._open.__exit__(kind, error, trace)

    def add(self, shot: Shot, faces: list[FacePrediction] | None) -> None:
        """Draw one shot, if its source has a place for that.

        Args:
            shot: the photo or frame.
            faces: what was found in it; None for a frame that was not classified.
        """
        if shot.source is not self._video:
            self._end_video()
        if shot.source.drawn is None or shot.image is None:
            return
        if faces is not None:
            self._marks = [face.mark for face in faces]
        try:
            if shot.source.is_video:
                self._draw_frame(shot.source.drawn, shot, shot.image)
            else:
                self._draw_photo(shot.source.drawn, shot, shot.image, faces or [])
        except DataError as error:
            self._fail(error)

    def _draw_frame(self, path: Path, shot: Shot, image: Image) -> None:
        if self._video is not shot.source:
            self._video = shot.source
            self._writer = self._open.enter_context(writing_video(path, shot.rate))
        if self._writer is not None:
            self._writer.add(annotate(image, self._marks))

    def _draw_photo(self, path: Path, shot: Shot, image: Image, faces: Sequence[FacePrediction]) -> None:
        if shot.whole is not None:
            found_hw, image = image.shape[:2], shot.whole()
            faces = [face.enlarged((found_hw[0], found_hw[1]), (image.shape[0], image.shape[1])) for face in faces]
        with atomic_write(path) as aside:
            drawn = Pillow.fromarray(annotate(image, [face.mark for face in faces]))
            drawn.save(aside, format=DRAWN_FORMATS[path.suffix.lower()], quality=92)

    def _end_video(self) -> None:
        try:
            self._open.close()
        except DataError as error:
            self._fail(error)
        self._writer, self._video = None, None

    def _fail(self, error: DataError) -> None:
        """Note a failure; what was written of a video is deleted, and its further frames are not drawn."""
        self.failed += 1
        self.problem = self.problem or str(error)
        self._writer = None
        self._open.__exit__(type(error), error, error.__traceback__)
