"""The tables of a summary: a row per tick, per person, and per episode."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ampnet.files.printable import one_line
from ampnet.summary.series import Episode, Series


def series_table(series: Iterable[Series], class_names: Sequence[str]) -> Iterator[str]:
    """Yield the lines of series.csv: probabilities at each tick, empty where the face was not seen."""
    series = list(series)
    has_baseline = any(one.baseline is not None for one in series)
    deltas = [f"delta_{name}" for name in class_names] if has_baseline else []
    yield _line(["video", "person", "seconds", "seen", *(f"score_{name}" for name in class_names), *deltas])
    for one in series:
        for seconds, scores in zip(one.seconds, one.scores, strict=True):
            is_seen = not np.isnan(scores[0])
            cells = [*scores, *(scores - one.baseline if one.baseline is not None else [])] if is_seen else []
            values = [f"{cell:.6f}" for cell in cells] or [""] * (len(class_names) + len(deltas))
            yield _line([one.video, one.person, f"{seconds:.3f}", int(is_seen), *values])


def people_table(series: Iterable[Series], class_names: Sequence[str], episodes: Sequence[Episode]) -> Iterator[str]:
    """Yield the lines of people.csv: how long each person was seen, and how each class was shared out."""
    series = list(series)
    has_baseline = any(one.baseline is not None for one in series)
    columns = ["video", "person", "seconds_watched", "seconds_seen", "seconds_unseen", "seconds_unsure"]
    kinds = ["share", "mean", "episodes", *(["mean_delta"] if has_baseline else [])]
    yield _line([*columns, *(f"{kind}_{name}" for kind in kinds for name in class_names)])
    for one in series:
        seen, count = one.scores[one.is_seen], len(one.seconds)
        unsure = int((one.is_seen & ~one.is_sure).sum())
        lengths = [count, len(seen), count - len(seen), unsure]
        own = [episode.expression for episode in episodes if (episode.video, episode.person) == (one.video, one.person)]
        best: list[int] = np.bincount(seen.argmax(axis=1), minlength=len(class_names)).tolist() if len(seen) else []
        means = seen.mean(axis=0) if len(seen) else np.array([])
        cells: list[Any] = [f"{length * one.step:.3f}" for length in lengths]
        cells += [f"{number / len(seen):.6f}" for number in best] or [""] * len(class_names)
        cells += [f"{mean:.6f}" for mean in means] or [""] * len(class_names)
        cells += [own.count(name) for name in class_names]
        if has_baseline:
            deltas = (means - one.baseline).tolist() if len(seen) and one.baseline is not None else []
            cells += [f"{delta:.6f}" for delta in deltas] or [""] * len(class_names)
        yield _line([one.video, one.person, *cells])


def episodes_table(episodes: Iterable[Episode]) -> Iterator[str]:
    """Yield the lines of episodes.csv."""
    yield _line(["video", "person", "expression", "onset", "apex", "offset", "duration", "peak"])
    for one in episodes:
        times = [f"{seconds:.3f}" for seconds in (one.onset, one.apex, one.offset, one.duration)]
        yield _line([one.video, one.person, one.expression, *times, f"{one.peak:.6f}"])


def _line(cells: Sequence[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(
        [one_line(cell) if isinstance(cell, str) else cell for cell in cells]
    )
    return text.getvalue()
