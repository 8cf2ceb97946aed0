"""Episodes of an expression: from when to when it was shown, by thresholds with hysteresis."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ampnet.summary.series import Series


@dataclass(frozen=True)
class EpisodeRule:
    """What counts as an episode."""

    on: float = 0.5
    """An episode begins when the probability reaches this ..."""
    off: float = 0.35
    """... and ends when it falls below this, or the face is not seen."""
    bridge: float = 0.3
    """Two episodes of one expression that are at most this many seconds apart are one."""
    shortest: float = 0.3
    """Seconds; shorter episodes are left out, after bridging."""


@dataclass(frozen=True)
class Episode:
    """One episode; times in seconds."""

    video: str
    person: str
    expression: str
    onset: float
    apex: float
    """When the probability is highest."""
    offset: float
    peak: float
    """Probability at the apex."""

    @property
    def duration(self) -> float:
        """Return its length in seconds."""
        return self.offset - self.onset


def find_episodes(series: Series, class_names: Sequence[str], rule: EpisodeRule) -> list[Episode]:
    """List the episodes of all expressions of one person, by onset."""
    found = []
    for place, name in enumerate(class_names):
        for start, end in _runs(series.scores[:, place], series.step, rule):
            apex = start + int(np.nanargmax(series.scores[start:end, place]))
            times = (
                float(series.seconds[start]),
                float(series.seconds[apex]),
                float(series.seconds[end - 1]) + series.step,
            )
            found.append(Episode(series.video, series.person, name, *times, float(series.scores[apex, place])))
    return sorted(found, key=lambda episode: (episode.onset, episode.expression))


def _runs(values: np.ndarray, step: float, rule: EpisodeRule) -> list[tuple[int, int]]:
    """Return the first tick of each episode, and the one behind its last."""
    runs: list[list[int]] = []
    is_on = False
    for tick, value in enumerate(values):  # NaN is neither
        is_on = value >= (rule.off if is_on else rule.on)
        if is_on and runs and runs[-1][1] == tick:
            runs[-1][1] = tick + 1
        elif is_on:
            runs.append([tick, tick + 1])
    joined: list[list[int]] = []
    for start, end in runs:
        if joined and (start - joined[-1][1]) * step <= rule.bridge + 1e-9:
            joined[-1][1] = end
        else:
            joined.append([start, end])
    return [(start, end) for start, end in joined if (end - start) * step >= rule.shortest - 1e-9]
