"""What a summary consists of: tables by tick, person and episode, pictures, and a paragraph for the methods section."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from typing import Any

import numpy as np

from ampnet.files.printable import counted, one_line, printable
from ampnet.media.drawing import color_of, legible, plain_texts
from ampnet.summary.faces_file import RunSettings, Video
from ampnet.summary.series import SECONDS, Episode, EpisodeRule, Series, count_people, usual_rate


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
    counts = Counter((episode.video, episode.person, episode.expression) for episode in episodes)
    for one in series:
        seen, count = one.scores[one.is_seen], len(one.seconds)
        unsure = int((one.is_seen & ~one.is_sure).sum())
        lengths = [count, len(seen), count - len(seen), unsure]
        best: list[int] = np.bincount(seen.argmax(axis=1), minlength=len(class_names)).tolist() if len(seen) else []
        means = seen.mean(axis=0) if len(seen) else np.array([])
        cells: list[Any] = [f"{length * one.step:.3f}" for length in lengths]
        cells += [f"{number / len(seen):.6f}" for number in best] or [""] * len(class_names)
        cells += [f"{mean:.6f}" for mean in means] or [""] * len(class_names)
        cells += [counts[one.video, one.person, name] for name in class_names]
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


MAX_LANES = 12
"""People drawn: those who were seen for longest."""


@plain_texts()
def draw_lanes(series: Sequence[Series], class_names: Sequence[str]) -> bytes:
    """Return a PNG file: probability of each class over time, stacked, for each person of one video.

    Args:
        series: of one video, at least one.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import
    from matplotlib.figure import Figure

    longest = sorted(series, key=lambda one: -int(one.is_seen.sum()))[:MAX_LANES]
    shown = [one for one in series if one in longest]
    figure = Figure(figsize=(12, 1.4 + 1.3 * len(shown)), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
    for axis, one in zip(axes, shown, strict=True):
        # Each tick is a step as wide as its time, so each is drawn by its two edges.
        edges = np.stack([one.seconds, one.seconds + one.step], axis=1).ravel()
        tops = np.repeat(np.cumsum(np.nan_to_num(one.scores), axis=1), 2, axis=0)
        bottom = np.zeros(len(edges))
        for place, name in enumerate(class_names):
            top = tops[:, place]
            axis.fill_between(
                edges, bottom, top, color=color_of(name, class_names), label=legible(printable(name)), linewidth=0
            )
            bottom = top
        axis.set(ylim=(0, 1), xlim=(edges[0], edges[-1]), ylabel=f"{legible(printable(one.person, 16))}\nprobability")
        axis.set_facecolor("#f2f2f2")
        axis.set_yticks([0, 0.5, 1])
    axes[-1].set_xlabel("seconds from the first frame (blank: not seen)")
    more = f" ({len(shown)} of {len(series)} people)" if len(series) > len(shown) else ""
    figure.suptitle(legible(printable(f"{series[0].video}{more}", 120)), fontsize=11)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right upper")
    content = BytesIO()
    canvas.print_png(content)  # type: ignore[no-untyped-call]
    return content.getvalue()


CITATIONS = (
    "Liu, H., Cai, H., Lin, Q., Li, X., & Xiao, H. (2022). Adaptive multilayer perceptual attention network for facial "
    "expression recognition. IEEE Transactions on Circuits and Systems for Video Technology, 32(9), 6253-6266. "
    "https://doi.org/10.1109/TCSVT.2022.3165321",
    "Deng, J., Guo, J., Ververas, E., Kotsia, I., & Zafeiriou, S. (2020). RetinaFace: Single-shot multi-level face "
    "localisation in the wild. CVPR, 5203-5212. https://doi.org/10.1109/CVPR42600.2020.00525",
)


OWN_TIMES = "the frames' own presentation times, "
"""Not of tables without settings: version 0.1, which wrote none, divided numbers of frames by a nominal rate."""


def methods_text(
    videos: Sequence[Video],
    series: Sequence[Series],
    episodes: Sequence[Episode],
    rule: EpisodeRule,
    settings: RunSettings | None,
    smooth: float,
    baseline: str | None,
) -> str:
    """Describe what was done and found.

    Args:
        settings: those of `predict`, if they are known.
        smooth: width of the kernel in seconds; 0 for none.
        baseline: what was subtracted; None for nothing.
    """
    watched = sum(len(one.seconds) * one.step for one in series)
    seen = sum(float(one.is_seen.sum()) * one.step for one in series)
    unsure = sum(float((one.is_seen & ~one.is_sure).sum()) * one.step for one in series)
    frames = sum(len(video.seconds) for video in videos)
    is_numbered = len(videos) > 1 and any(one.person.isdecimal() for one in series)
    numbered = " (numbered anew in each video)" if is_numbered else ""
    parts = [
        f"Facial expressions in {counted(len(videos), 'video')} were classified with AMP-Net (Liu et al., 2022), "
        f"{_model(settings)}. Faces were detected with RetinaFace (Deng et al., 2020) in {frames:,} frames"
        f"{', or followed to them from others by optical flow' if settings and settings.fast else ''}, at "
        f"{_range({usual_rate(video) for video in videos})} frames per second{_part(settings)}; times are "
        f"{OWN_TIMES if settings else ''}from the first frame of each video.",
        f"Probabilities were taken at {_range({float(f'{1 / one.step:.6g}') for one in series})} ticks per second, at "
        f"each from the nearest classified frame{_smoothing(settings, smooth)}.",
        f"{counted(count_people(series), 'person', 'people')}{numbered}, {watched:,.1f} s of person-time; faces "
        f"were seen in {seen:,.1f} s ({seen / watched if watched else 0:.1%}); answers were unsure in {unsure:,.1f} s.",
        f"An episode of an expression began when its probability reached {rule.on:g} and ended when it fell below "
        f"{rule.off:g} or the face was not seen; episodes at most {rule.bridge:g} s apart were joined, and those "
        f"shorter than {rule.shortest:g} s left out ({counted(len(episodes), 'episode')}).",
    ]
    if baseline is not None:
        where = "the whole video" if baseline == "median" else one_line(baseline)
        where = f"the seconds {where} of each video" if SECONDS.fullmatch(where) else where
        parts.append(f"Each person's neutral, the median of the probabilities in {where}, was subtracted.")
    parts.append(
        "The classifier names what a face shows, not what a person feels. Its accuracy for these participants is to be "
        "checked by hand-coding a random sample of frames."
    )
    return "\n".join([" ".join(parts), "", *CITATIONS, ""])


def _model(settings: RunSettings | None) -> str:
    if settings is None:
        return "the model of the tables"
    model = f"with the model {one_line(settings.model)} (SHA-256 {one_line(settings.sha256)[:16]})"
    named = [f"{one_line(flag)} {one_line(value)}" for flag, value in settings.options.items()]
    options = ["--mirror"] * settings.mirror + named
    how = f" and the options {', '.join(options)}" if options else ""
    return f"as implemented in ampnet {one_line(settings.ampnet)}, {model}{how}"


def _part(settings: RunSettings | None) -> str:
    if settings is None or (not settings.first and settings.last is None):
        return ""
    return (
        f", from {settings.first:g} s of each video to {'its end' if settings.last is None else f'{settings.last:g} s'}"
    )


def _smoothing(settings: RunSettings | None, smooth: float) -> str:
    centred = f", after smoothing with a centred Gaussian kernel ({smooth:g} s full width at half maximum)"
    causal = f"; a causal mean over {settings.smooth:g} s had been taken before" if settings and settings.smooth else ""
    return (centred if smooth else "") + causal


def _range(values: set[float]) -> str:
    if not values:
        return "no"
    return f"{min(values):g}" if len(values) == 1 else f"{min(values):g} to {max(values):g}"
