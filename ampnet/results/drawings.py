"""The annotated copies that `predict` writes: pictures, and videos with all of their frames."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ampnet.errors import DataError
from ampnet.files.picture_files import save_picture
from ampnet.files.printable import free_name
from ampnet.media.drawing import Mark, annotate, enlarged
from ampnet.media.images import Image
from ampnet.reading.reader import QueuedPhoto
from ampnet.reading.sources import Source
from ampnet.results.hiding import Cover, HiddenFrames, covered
from ampnet.results.photo_result import PhotoResult
from ampnet.results.timeline import Timeline
from ampnet.results.video_writer import VideoWriter, writing_video

if TYPE_CHECKING:
    from ampnet.recognition.explanation import Explanation

EXPLAINED, TIMELINE = ".explained", ".timeline"
"""Stand before the extension of the picture that explains a photo's answers, and of a video's faces over time."""


def explained_places(sources: Iterable[Source]) -> dict[Path, Path]:
    """Name the picture that explains each photo: beside the annotated copy, under a separate name."""
    return _places(list(sources), EXPLAINED, is_video=False)


def timeline_places(sources: Iterable[Source]) -> dict[Path, Path]:
    """Name the picture of each video's faces over time, likewise."""
    return _places(list(sources), TIMELINE, is_video=True)


def _places(sources: Sequence[Source], kind: str, is_video: bool) -> dict[Path, Path]:
    taken = {source.drawn: 1 for source in sources if source.drawn}
    paths = [source.drawn for source in sources if source.drawn and source.is_video == is_video]
    return {path: free_name(path, kind, ".png", taken) for path in paths}


class Drawings:
    """Writes the annotated copies; between two classified frames the last faces stay drawn.

    A copy that cannot be written is left out, and the others are tried; an unfinished video is deleted if an error or
    Ctrl-C leaves the block.

    Args:
        explained: where the picture of an explanation goes, for each annotated photo; see :func:`explained_places`.
        timelines: where the picture of its faces over time goes, for each annotated video.
        hide: cover the faces, also those of frames between the classified ones, and draw labels only; None draws the
            faces.
    """

    def __init__(
        self,
        explained: Mapping[Path, Path] | None = None,
        timelines: Mapping[Path, Path] | None = None,
        hide: Cover | None = None,
    ) -> None:
        self.failed = 0
        """Number of copies that could not be written."""
        self.videos: Counter[str] = Counter()
        """Number of videos written, by what they hold, in words."""
        self.problem: str | None = None
        """Why the first of them could not be."""
        self._explained, self._timelines = explained or {}, timelines or {}
        self._timeline = Timeline()
        self._open = ExitStack()
        self._writer: VideoWriter | None = None
        self._last: VideoWriter | None = None
        self._video: Source | None = None
        self._begin = 0.0
        self._marks: list[Mark] = []
        self._hide = hide
        self._hidden: HiddenFrames[tuple[list[Mark], float]] | None = None
        self._model = ""

    def __enter__(self) -> "Drawings":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        if error is None:
            self._end_video()
        else:
            self._open.__exit__(kind, error, trace)

    def add(self, queued: QueuedPhoto, result: PhotoResult | None, explanation: "Explanation | None" = None) -> None:
        """Draw a photo or frame, if its source has a place for that.

        Args:
            result: what was found in it; None for a frame that was not classified.
            explanation: why; drawn for photos.
        """
        source, photo = queued.source, queued.photo
        if source is not self._video:
            self._end_video()
        if source.drawn is None or photo.problem is not None:
            return
        if result is not None and source.is_video:
            self._marks, self._model = [face.mark for face in result], result.model
            if photo.seconds is not None and source.drawn in self._timelines:
                self._timeline.add(photo.seconds, result)
        try:
            if source.is_video:
                self._draw_frame(queued, source.drawn)
            elif result is not None:
                self._draw_photo(result, source.drawn, explanation)
        except DataError as error:
            self._fail(error)

    def is_drawing(self, source: Source) -> bool:
        """Return whether the copy of this video has been started."""
        return source is self._video

    def _draw_frame(self, queued: QueuedPhoto, path: Path) -> None:
        if self._video is not queued.source:
            self._video = queued.source
            self._begin = queued.photo.seconds or 0.0  # 0 in the copy
            writing = writing_video(path, queued.source.path, queued.start + self._begin)
            self._writer = self._last = self._open.enter_context(writing)
            self._hidden = None if self._hide is None else HiddenFrames(self._hide)
        image, about = queued.photo.whole, (self._marks, (queued.photo.seconds or 0.0) - self._begin)
        if self._hidden is None:
            self._write([(image, about)])
        else:
            boxes = [mark.box for mark in self._marks] if queued.is_sampled else queued.boxes
            self._write(self._hidden.add(image, boxes, about))

    def _write(self, frames: Iterable[tuple[Image, tuple[list[Mark], float]]]) -> None:
        for image, (marks, seconds) in frames:
            if self._writer is not None:
                self._writer.add(annotate(image, self._shown(marks), self._model), seconds)

    def _shown(self, marks: list[Mark]) -> list[Mark]:
        """Return what is drawn of the faces: without landmarks if they are hidden."""
        return marks if self._hide is None else [replace(mark, landmarks=np.empty((0, 2))) for mark in marks]

    def _draw_photo(self, result: PhotoResult, path: Path, explanation: "Explanation | None") -> None:
        if explanation is not None:  # first: a resumed run that finds the annotated copy takes both to be there
            save_picture(explanation.plot(), self._explained[path])
        image, marks = result.marks()
        if self._hide is not None:
            image = covered(image, [mark.box for mark in marks], self._hide)
        drawn = annotate(*enlarged(image, self._shown(marks)), result.model)
        save_picture(drawn, path, f"ampnet: {result.model}")

    def _end_video(self) -> None:
        try:
            if self._hidden is not None:
                self._write(self._hidden.rest())
            if self._writer is not None:  # first: a resumed run that finds the copy takes both to be there
                self._draw_timeline()
            self._open.close()
        except DataError as error:
            self._fail(error)
        self._hidden = None
        if self._last is not None and self._last.what:
            self.videos[self._last.what] += 1
        self._timeline, self._marks = Timeline(), []
        self._writer, self._last, self._video = None, None, None

    def _draw_timeline(self) -> None:
        place = self._timelines.get(self._video.drawn) if self._video and self._video.drawn else None
        if self._video is None or place is None or not self._timeline.tracks:
            return
        try:
            picture = self._timeline.plot(self._video.path.name)
            save_picture(picture, place)
        except DataError as error:
            self.failed += 1
            self.problem = self.problem or str(error)

    def _fail(self, error: DataError) -> None:
        """Note a failure; what was written of a video is deleted, and its further frames are not drawn."""
        self.failed += 1
        self.problem = self.problem or str(error)
        self._writer = None
        self._open.__exit__(type(error), error, error.__traceback__)
