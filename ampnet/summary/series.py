"""Probabilities at even ticks, smoothed without lag, with a person's own neutral subtracted; and episodes in them."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ampnet.errors import UsageError
from ampnet.files.printable import printable
from ampnet.summary.faces_file import Video

FWHM = 2 * np.sqrt(2 * np.log(2))
"""Full width at half maximum of a Gaussian whose standard deviation is 1."""

ROUNDED = 0.0006
"""Seconds by which a table's times may be too low: they have three decimals."""

SECONDS = re.compile(r"(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)")
"""How a part of each video is named as its baseline: ``0-10``."""


@dataclass(frozen=True, eq=False)
class Series:
    """One person in one video, at even ticks from the first classified frame to the last."""

    video: str
    person: str
    step: float
    """Seconds between two ticks; each stands for the time until the next one."""
    seconds: NDArray[np.float64]
    """``(ticks,)``: multiples of the step, so 0 is the first frame of the video."""
    scores: NDArray[np.float64]
    """``(ticks, classes)`` probabilities; NaN where the face was not seen."""
    is_sure: NDArray[np.bool_]
    """``(ticks,)`` whether the answer is sure."""
    baseline: NDArray[np.float64] | None = None
    """``(classes,)`` the person's neutral, if one is subtracted."""

    @property
    def is_seen(self) -> NDArray[np.bool_]:
        """``(ticks,)`` whether the face was seen."""
        return ~np.isnan(self.scores[:, 0])


def count_people(series: Sequence[Series]) -> int:
    """Count people: a name is one person in all videos; a number, as `predict` gives it, is another in each."""
    return len({(one.person, one.video if one.person.isdecimal() else "") for one in series})


def usual_rate(video: Video) -> float:
    """Return the number of classified frames a second: what was requested, or less if the video has no more.

    If it is not known, it follows from the mean of the intervals without gaps; 1 for one frame.
    """
    steps = np.diff(video.seconds)
    steps = steps[steps > 0]
    if not steps.size:
        return video.rate or 1.0
    found = float(1 / np.mean(steps[steps < 1.5 * np.median(steps)]))
    found = round(found, 2) if found >= 1 else found  # minutes between frames are not a rate of 0
    return video.rate if video.rate and found > 0.9 * video.rate else found


def series_of(video: Video, rate: float | None, smooth: float) -> list[Series]:
    """Return a series for each person of a video.

    At each tick stands the classified frame that is nearest, if there is one within half a tick or half the usual
    interval between frames, or frames on both sides without a gap (1.5 such intervals at most).

    Args:
        video: from :func:`ampnet.summary.faces_file.read_faces`.
        rate: ticks a second; None takes that of the frames.
        smooth: full width at half maximum, in seconds, of the centred Gaussian kernel; 0 for none.
    """
    usual = usual_rate(video)
    step = 1 / (rate or usual)
    # Nobody watched what came before the first row: predict's --from.
    first = round(video.seconds[0] / step)
    end = video.seconds[-1] + ROUNDED + min(step, 1 / usual) / 2  # the frame of the last tick may come before it
    ticks = step * np.arange(first, max(int(end / step), first) + 1.0)
    after = np.clip(np.searchsorted(video.seconds, ticks), 0, len(video.seconds) - 1)
    before = np.maximum(after - 1, 0)
    is_before = ticks - video.seconds[before] < np.abs(video.seconds[after] - ticks)
    nearest = np.where(is_before, before, after)
    usually = max(step, 1 / usual)
    is_near = np.abs(video.seconds[nearest] - ticks) <= 0.55 * usually
    is_near |= (before < after) & (video.seconds[after] - video.seconds[before] <= 1.5 * usually)
    found = []
    for name, person in sorted(video.people.items(), key=lambda one: _natural(one[0])):
        scores = smoothed(video.seconds, person.scores, smooth) if smooth else person.scores
        at_ticks = np.where(is_near[:, None], scores[nearest], np.nan)
        found.append(Series(video.name, name, step, ticks, at_ticks, person.is_sure[nearest] & is_near))
    return found


def smoothed(seconds: NDArray[np.float64], scores: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """Average along time with a centred Gaussian, which does not lag; what was not seen stays unseen.

    Args:
        seconds: ``(frames,)`` increasing.
        scores: ``(frames, classes)``, NaN where not seen.
        width: full width at half maximum, in seconds.
    """
    deviation = width / FWHM
    seen = np.flatnonzero(~np.isnan(scores[:, 0]))
    result = np.full_like(scores, np.nan)
    times, values = seconds[seen], scores[seen]
    starts, ends = np.searchsorted(times, times - 3 * deviation), np.searchsorted(times, times + 3 * deviation, "right")
    for place, (start, end) in enumerate(zip(starts, ends, strict=True)):
        weights = np.exp(-0.5 * ((times[start:end] - times[place]) / deviation) ** 2)
        result[seen[place]] = weights @ values[start:end] / weights.sum()
    return result


def with_baselines(series: Sequence[Series], baseline: str) -> list[Series]:
    """Give each series its person's neutral: the median of the probabilities.

    Args:
        series: of all videos.
        baseline: ``median`` of the whole video, of the seconds ``0-10`` (without 10 itself), or of the video with this
            name.

    Raises:
        UsageError: there is no such video, a person was not seen in it, or the seconds end before they begin.
    """
    select = _selector(series, baseline)
    result = []
    for one in series:
        seen = select(one)
        if not seen.size:
            raise UsageError(
                f"--baseline {printable(baseline)}: person {printable(one.person)} of {printable(one.video)} was not "
                "seen there; choose another baseline"
            )
        result.append(replace(one, baseline=np.median(seen, axis=0)))
    return result


def _selector(series: Sequence[Series], baseline: str) -> Callable[[Series], NDArray[np.float64]]:
    """Return what gives the ``(ticks, classes)`` probabilities that make a person's neutral."""
    if baseline == "median":
        return lambda one: one.scores[one.is_seen]
    if match := SECONDS.fullmatch(baseline):
        first, last = float(match[1]), float(match[2])
        if last == first:
            raise UsageError(f"--baseline {printable(baseline)} covers no time; write {first:g}-{first + 10:g}")
        if last < first:
            raise UsageError(f"--baseline {printable(baseline)} ends before it begins; write {last:g}-{first:g}")
        return lambda one: one.scores[one.is_seen & (one.seconds >= first) & (one.seconds < last)]
    clips = [one for one in series if baseline in (one.video, one.video.rpartition("/")[2])]
    if not clips:
        raise UsageError(
            f"--baseline {printable(baseline)} is neither median, nor seconds such as 0-10, nor one of the videos"
        )

    def in_clip(person: Series) -> NDArray[np.float64]:
        own = [one.scores[one.is_seen] for one in clips if one.person == person.person]
        return np.concatenate(own) if own else np.empty((0, person.scores.shape[1]))

    return in_clip


def _natural(name: str) -> tuple[int, str]:
    """Sort 2 before 10."""
    return (int(name), "") if name.isascii() and name.isdigit() and len(name) < 10 else (1 << 40, name)


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
