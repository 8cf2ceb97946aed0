"""The clock of a video: when each frame is shown, and which frames are asked for."""

import math

MAX_JITTER = 1.0
"""Seconds. A time stamp that steps back by more begins a new recording, which follows the earlier one."""


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


def is_asked(number: int, before: float | None, seconds: float, after: float | None, every: int, rate: float) -> bool:
    """Tell whether a frame is asked for: every Nth, or the one nearest to each tick of a rate.

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
