"""A picture of a video: a lane for each person, the classes shaded by their probabilities, gaps left open."""

from collections.abc import Sequence
from io import BytesIO

import numpy as np

from ampnet.files.printable import printable
from ampnet.media.drawing import color_of
from ampnet.summary.series import Series

MAX_LANES = 12
"""People drawn: those who were seen for longest."""


def draw_lanes(series: Sequence[Series], class_names: Sequence[str]) -> bytes:
    """Return a PNG file: probability of each class over time, stacked, for each person of one video.

    Args:
        series: of one video, at least one.
        class_names: its classes.
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
            axis.fill_between(edges, bottom, top, color=color_of(name), label=printable(name), linewidth=0)
            bottom = top
        axis.set(ylim=(0, 1), xlim=(0, edges[-1]), ylabel=f"{printable(one.person, 16)}\nprobability")
        axis.set_facecolor("#f2f2f2")
        axis.set_yticks([0, 0.5, 1])
    axes[-1].set_xlabel("seconds from the first frame (blank: not seen)")
    more = f" ({len(shown)} of {len(series)} people)" if len(series) > len(shown) else ""
    figure.suptitle(printable(f"{series[0].video}{more}", 120), fontsize=11)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right upper")
    content = BytesIO()
    canvas.print_png(content)  # type: ignore[no-untyped-call]
    return content.getvalue()
