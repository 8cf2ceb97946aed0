"""A picture of the probabilities of each face of a video over time."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ampnet.files.printable import printable
from ampnet.media.drawing import color_of, legible, plain_texts
from ampnet.results.face_prediction import FacePrediction

MAX_SHOWN = 8
"""Tracks in the picture: those that were in view most often."""

MAX_TRACKS, MAX_POINTS = 64, 2048
"""Maximum of tracks, and of points in each; then the shortest track is dropped, or points are merged in pairs."""


@dataclass(eq=False)
class _Line:
    frames: int = 0
    step: int = 1
    """Frames of a point, the same for all: a point apart from the others would look like an absence."""
    points: list[NDArray[np.float64]] = field(default_factory=list)
    """``(1 + K,)`` means of the seconds and of each class's probability."""
    waiting: list[NDArray[np.float64]] = field(default_factory=list)
    """Frames of the next point."""

    def add(self, frame: NDArray[np.float64]) -> None:
        self.frames += 1
        self.waiting.append(frame)
        if len(self.waiting) == self.step:
            self.points.append(np.mean(self.waiting, axis=0))
            self.waiting = []
        if len(self.points) == MAX_POINTS:
            self.step *= 2
            self.points = [(one + two) / 2 for one, two in zip(self.points[::2], self.points[1::2], strict=True)]


class Timeline:
    """Collects the probabilities along each track, in bounded memory."""

    def __init__(self) -> None:
        self.tracks = 0
        """Number of tracks."""
        self._lines: dict[int, _Line] = {}
        self._class_names: tuple[str, ...] = ()

    def add(self, seconds: float, faces: Sequence[FacePrediction]) -> None:
        """Add the faces of a frame, with their tracks."""
        for face in faces:
            if face.track is None:
                continue
            self.tracks = max(self.tracks, face.track)
            self._class_names = tuple(face.scores)
            self._lines.setdefault(face.track, _Line()).add(np.array([seconds, *face.scores.values()]))
            if len(self._lines) > MAX_TRACKS:
                present = {one.track for one in faces}
                ended = [track for track in self._lines if track not in present] or list(self._lines)
                del self._lines[min(ended, key=lambda track: self._lines[track].frames)]

    @plain_texts()
    def plot(self, title: str) -> NDArray[np.uint8]:
        """Draw a row for each of the longest tracks: probability of each class over time.

        Returns:
            ``(h, w, 3)`` RGB.
        """
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import
        from matplotlib.figure import Figure

        longest = sorted(self._lines, key=lambda track: -self._lines[track].frames)[:MAX_SHOWN]
        shown = sorted(longest)
        figure = Figure(figsize=(10, 1.3 + 1.5 * max(len(shown), 1)), dpi=100, layout="constrained")
        canvas = FigureCanvasAgg(figure)
        axes = figure.subplots(max(len(shown), 1), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
        for axis, track in zip(axes, shown, strict=False):
            line = self._lines[track]
            points = np.array(line.points or line.waiting)
            times, scores = points[:, 0], points[:, 1:]
            breaks = (
                np.flatnonzero(np.diff(times) > 3 * max(float(np.median(np.diff(times))), 1e-6)) + 1
                if len(times) > 1
                else np.array([], int)
            )
            for i, name in enumerate(self._class_names):
                gaps = np.insert(scores[:, i], breaks, np.nan)
                style = {
                    "color": color_of(name, self._class_names),
                    "label": legible(printable(name)),
                    "linewidth": 2.0,
                }
                axis.plot(np.insert(times, breaks, times[breaks]), gaps, marker="." if len(times) < 40 else "", **style)
            axis.set_ylabel(f"face {track}")
            axis.set_ylim(-0.02, 1.02)
            axis.grid(alpha=0.3)
            axis.set_facecolor("#333333")  # yellow, grey and blue lines are seen on it alike
        axes[-1].set_xlabel("seconds")
        more = f" ({len(shown)} of {self.tracks} faces)" if self.tracks > len(shown) else ""
        figure.suptitle(legible(printable(f"{title}{more}")), fontsize=11)
        if shown:
            figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right upper", labelcolor="white",
                          facecolor="#333333")  # fmt: skip
        canvas.draw()  # type: ignore[no-untyped-call]
        pixels = np.asarray(canvas.buffer_rgba(), dtype=np.uint8)  # type: ignore[no-untyped-call]
        return np.ascontiguousarray(pixels[..., :3])
