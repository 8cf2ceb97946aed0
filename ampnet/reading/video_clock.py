"""The clock of a video: when each frame is shown, and which frames are requested."""

import math
from dataclasses import dataclass
from numbers import Integral, Real

from ampnet.errors import ArgumentError

MAX_JITTER = 1.0
"""Seconds. A time stamp that steps back by more begins a new recording, which follows the earlier one."""


@dataclass(frozen=True)
class Sampling:
    """Which frames of a video are requested."""

    every: int = 1
    """Every Nth frame, if ``rate`` is 0."""
    rate: float = 0.0
    """Frames per second: those nearest to evenly spaced times, of which the first is the first frame's."""
    first: float = 0.0
    """Seconds; only frames from this time on ..."""
    last: float = math.inf
    """... and before this one."""


EVERY_FRAME = Sampling()

USUAL_RATE = 6.0
"""Ticks a second if nothing else is requested: expressions that people notice last half a second and more."""


def choose_sampling(
    every: int | None = None, rate: float | None = None, first: float = 0.0, last: float | None = None
) -> Sampling:
    """Combine the options of a user.

    Args:
        every: every Nth frame.
        rate: frames per second, those nearest to evenly spaced times; without ``every``, :data:`USUAL_RATE`.
        first: seconds; only frames from this time on ...
        last: ... and before this one; None for all.

    Raises:
        ArgumentError: both ``every`` and ``rate``, or one of them below its range.
    """
    if every is not None and rate is not None:
        raise ArgumentError("give every or rate, not both")
    if every is not None and not (isinstance(every, Integral) and every >= 1):
        raise ArgumentError(f"every must be at least 1, got {every!r}")
    if rate is not None and not (isinstance(rate, Real) and 0 < rate < math.inf):
        raise ArgumentError(f"rate must be above 0, got {rate!r}")
    end = math.inf if last is None else last
    return Sampling(every, first=first, last=end) if every else Sampling(rate=rate or USUAL_RATE, first=first, last=end)


class Clock:
    """Gives each frame its time since the first one, from the frames' own time stamps.

    Args:
        step: seconds between two frames, for a frame without a time stamp.
    """

    def __init__(self, step: float) -> None:
        self.start = 0.0
        """Time stamp of the first frame, in seconds."""
        self._step = step
        self._last: float | None = None
        self._shift = 0.0

    def seconds(self, stamp: float | None) -> float:
        """Return the time of the next frame, never before that of the last one.

        Args:
            stamp: its time stamp in seconds; None if it has none.
        """
        if self._last is None:
            self.start, self._last = stamp or 0.0, 0.0
            return 0.0
        follows = self._last + self._step
        seconds = follows if stamp is None else stamp - self.start + self._shift
        if seconds < self._last - MAX_JITTER:  # recordings that were joined without new time stamps
            self._shift += follows - seconds
            seconds = follows
        self._last = max(seconds, self._last)
        return self._last


def is_sampled(number: int, before: float | None, seconds: float, after: float | None, every: int, rate: float) -> bool:
    """Return whether a frame is requested: every Nth, or the one nearest to each tick of a rate.

    Args:
        number: of the frame, from 0.
        before: time of the frame before it; None for the first.
        seconds: its own time.
        after: time of the frame after it; None for the last.
        every: ask for every Nth frame, if ``rate`` is 0.
        rate: ticks a second, the first of them at 0.
    """
    if not rate:
        return number % every == 0
    if before is None:
        return True
    latest = seconds + (seconds - before) / 2 if after is None else (seconds + after) / 2
    return math.floor(latest * rate) > math.floor((before + seconds) / 2 * rate)
