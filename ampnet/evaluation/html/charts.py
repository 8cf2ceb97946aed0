"""Charts as inline SVG, in the page's own colours: they follow light and dark, and print."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

Points = Sequence[tuple[float, float]]

WIDTH, HEIGHT = 340, 250
LEFT, RIGHT, TOP, BOTTOM = 46, 20, 12, 40

INTERVALS = 4
"""Between the ticks of an axis."""

STEPS = (1, 2, 5, 10, 20, 25)
"""Distances between the ticks around values, in percent."""


@dataclass(frozen=True)
class Line:
    """A curve of a chart."""

    label: str
    points: Points
    """(x, y), ascending in x."""
    style: str
    """CSS class: ``one``, ``two``, ``ideal``."""
    is_marked: bool = False
    """Whether each point gets a dot that shows its numbers on hover."""


@dataclass(frozen=True)
class Bar:
    """A bar from the bottom of a chart, or an error bar."""

    low: float
    high: float
    value: float
    title: str
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Axis:
    """Range and name of an axis."""

    label: str
    low: float
    high: float
    is_percent: bool = True

    def ticks(self) -> list[float]:
        """Five values at equal distances."""
        return [self.low + (self.high - self.low) * step / INTERVALS for step in range(INTERVALS + 1)]

    def text(self, value: float) -> str:
        """Format a value."""
        return f"{value:.{int(self.high - self.low < 0.3)}%}" if self.is_percent else f"{value:.2g}"


def axis_around(label: str, values: Sequence[float]) -> Axis:
    """Choose an axis around values in [0, 1] whose ticks are whole percents, so that they are exact as printed."""
    for step in STEPS:
        low = min(math.floor(min(values) * 100 / step) * step, 100 - INTERVALS * step)
        if low + INTERVALS * step >= 100 * max(values):
            break
    return Axis(label, low / 100, (low + INTERVALS * step) / 100)


def chart(description: str, x: Axis, y: Axis, lines: Sequence[Line] = (), bars: Sequence[Bar] = ()) -> str:
    """Draw a chart.

    Args:
        description: what it shows, for screen readers.
        x: horizontal axis.
        y: vertical axis.
        lines: curves, drawn in this order over the bars.
        bars: bars with widths along x.

    Returns:
        An ``<svg>`` element.
    """
    parts = [
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(description)}">',
        *_grid(x, y),
        *(_bar(bar, x, y) for bar in bars),
        *(_line(line, x, y) for line in lines),
        "</svg>",
    ]
    return "\n".join(parts)


def _x(axis: Axis, value: float) -> float:
    share = (value - axis.low) / (axis.high - axis.low)
    return round(LEFT + min(max(share, 0.0), 1.0) * (WIDTH - LEFT - RIGHT), 1)


def _y(axis: Axis, value: float) -> float:
    share = (value - axis.low) / (axis.high - axis.low)
    return round(HEIGHT - BOTTOM - min(max(share, 0.0), 1.0) * (HEIGHT - TOP - BOTTOM), 1)


def _grid(x: Axis, y: Axis) -> list[str]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = []
    for tick in y.ticks():
        at = _y(y, tick)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{at}" y2="{at}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{at + 4}" text-anchor="end">{y.text(tick)}</text>')
    for tick in x.ticks():
        parts.append(f'<text x="{_x(x, tick)}" y="{bottom + 16}" text-anchor="middle">{x.text(tick)}</text>')
    middle = (LEFT + right) / 2
    parts.append(f'<text class="axis" x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">{escape(x.label)}</text>')
    return parts


def _bar(bar: Bar, x: Axis, y: Axis) -> str:
    left, right, top, bottom = _x(x, bar.low), _x(x, bar.high), _y(y, bar.value), _y(y, y.low)
    drawn = (
        f'<rect class="bar" x="{left + 0.5}" y="{top}" width="{max(right - left - 1, 1):.1f}" '
        f'height="{max(bottom - top, 0):.1f}"><title>{escape(bar.title)}</title></rect>'
    )
    if bar.interval is None:
        return drawn
    middle, (low, high) = (left + right) / 2, bar.interval
    return drawn + f'<line class="whisker" x1="{middle}" x2="{middle}" y1="{_y(y, low)}" y2="{_y(y, high)}"/>'


def _line(line: Line, x: Axis, y: Axis) -> str:
    places = [(_x(x, a), _y(y, b)) for a, b in line.points]
    path = " ".join(f"{a},{b}" for a, b in places)
    drawn = f'<polyline class="{line.style}" points="{path}"/>'
    if not line.is_marked:
        return drawn
    dots = (
        f'<circle class="{line.style}" cx="{a}" cy="{b}" r="3.5"><title>{escape(line.label)}: '
        f"{x.text(p)} - {y.text(q)}</title></circle>"
        for (a, b), (p, q) in zip(places, line.points, strict=True)
    )
    return drawn + "".join(dots)
