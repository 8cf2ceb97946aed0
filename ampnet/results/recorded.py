"""What an interrupted `predict` has recorded, and so need not be done again."""

from ampnet.reading.reader import NOTHING, WHOLE
from ampnet.results.rows import RowKey


class Recorded:
    """What an interrupted run has recorded; files are named as in the rows."""

    def __init__(self) -> None:
        self.results = 0
        """Photos and frames."""
        self.problems = 0
        """Files that could not be read, or not to their end."""
        self.dropped: set[str] = set()
        """Files with results that were recorded, but not kept."""
        self._last_frames: dict[str, list[float]] = {}
        self._open: str | None = None

    def take(self, image: str) -> float:
        """Return the last frame recorded of a file: :data:`NOTHING` for none; :data:`WHOLE` for all, or a photo.

        A file that was given several times has several records, which are returned in order.
        """
        frames = self._last_frames.get(image)
        return frames.pop(0) if frames else NOTHING

    def add(self, key: RowKey) -> None:
        """Note a result, after all that were recorded before it."""
        self.results += not key.is_problem
        self.problems += key.is_problem
        self.add_start(key)
        self._last_frames[key.image][-1] = WHOLE if key.frame is None else key.frame
        self._open = None if key.frame is None else key.image

    def add_start(self, key: RowKey) -> None:
        """Note that a result was begun: unless it belongs to the last video, that one is complete."""
        frames = self._last_frames.setdefault(key.image, [])
        if self._open == key.image and (key.frame is None or key.frame > frames[-1]):
            return
        if self._open is not None:
            self._last_frames[self._open][-1] = WHOLE
            self._open = None
        frames.append(NOTHING)
