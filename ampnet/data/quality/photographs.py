"""Tell from an image's pixels whether it is still a photograph as a camera or a scanner gave it.

The tests look at source pixels, as they are decoded from the data set's own file. They are calibrated on the 35,887
images of FER-2013 (grey, 48 x 48, lossless), of which 110 (0.31 %) are flagged; rates below are of that set.

What a file format or a reduced decoding takes away is not found: lossy compression and averaging fill the gaps that a
stretched range leaves in the histogram, and blur exactly repeated pixels. They add no trait, though, so all tests may
be applied to any image. The flat histogram of an equalised image and unused tones survive both.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from ampnet.media.images import Image

Trait = Literal["constant", "few-tones", "equalised", "stretched", "wrapped", "upscaled"]

DESCRIPTIONS: dict[str, str] = {
    "constant": "show a single tone",
    "few-tones": "consist of a few tones",
    "equalised": "look histogram-equalised",
    "stretched": "have a stretched range of grey levels",
    "wrapped": "hold values that wrapped from white to black",
    "upscaled": "look upscaled from far fewer pixels",
}
"""What images with each trait do, to follow "97 % of the images"."""

CONSTANT_SHARE = 0.98
"""Least share of the pixels within ``CONSTANT_LEVELS`` neighbouring levels of a constant image (FER-2013: 0.04 %, black
pictures)."""

CONSTANT_LEVELS = 8

UNUSED_TONES = 0.4
"""Least share of the grey scale, in bands of eight levels between used ones, that an image of a few tones leaves out
(FER-2013: 0.01 %; equalised photographs reach 0.31)."""

FLATNESS = 0.022
"""Largest distance, at three of four used levels, between the cumulative histogram of an equalised image and the
straight line (FER-2013: 0.20 %; all of 300 equalised ones are below, though compressed as JPEG since)."""

FLAT_BANDS = 4
"""Least bands of eight levels in use: fewer lie on a straight line by themselves."""

COMB_GAPS = 0.045
"""Least share of unused levels among those whose neighbours hold ``COMB_PIXELS`` or more pixels each on average: one
level in 22 is lost when the range is stretched by 1.05 (FER-2013: 0.02 %; the 99.9th percentile is 0.031)."""

COMB_PIXELS = 4
COMB_LEVELS = 20

LEAST_PIXELS = 400
"""Pixels from which an image's histogram says something."""

WRAP_JUMP = 208
WRAP_SHARE = 0.002
"""Least share of neighbouring pixels that differ by ``WRAP_JUMP`` levels or more where values wrapped."""

WRAP_RATIO = 0.25
"""Least ratio of these jumps to the steps of medium height (96 to 191), which are far commoner at a photograph's
edges (with ``WRAP_SHARE``, FER-2013: 0.02 %)."""

FINE_DETAIL = 0.0012
"""Largest share of the variance at frequencies above half the finest one in an image enlarged fourfold (FER-2013:
0.03 %, blurred pictures; the 0.1st percentile is 0.002; after fourfold bilinear enlargement the 95th is 0.0011)."""

REPEATED_LINES = 0.6
"""Least share of rows, and of columns, that repeat the one before in an image enlarged by repeating pixels."""

HISTOGRAM_PIXELS = 65_536
"""Most pixels that a histogram counts; of larger images every second, third, ... row and column is read."""

PATCH = 128
"""Side of the central part that the tests of neighbouring pixels read, in pixels."""

_BAND = 8


@dataclass(frozen=True)
class Tones:
    """What an image's pixels say about its origin."""

    mean: float
    """Mean grey level, 0 to 255."""
    spread: float
    """Standard deviation of the grey levels."""
    traits: tuple[Trait, ...]
    """What makes it look like no photograph; empty for most."""


def examine(image: Image) -> Tones:
    """Look for the traces of what is done to images after they were taken.

    A constant image is not asked for more; neither is an equalised one or one of a few tones, as both have gaps and
    jumps too. Of colour images both the brightness and the green channel are looked at, as either can have been
    changed. Takes 0.11 ms for 48 x 48 pixels, 0.3 ms for 256 x 256 in colour and 1.2 ms for 1280 x 1280.

    Args:
        image: ``(h, w, 3)`` RGB source pixels.
    """
    green = np.ascontiguousarray(image[..., 1])
    has_colour = not np.array_equal(image[::2, ::2, 0], image[::2, ::2, 2])
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8) if has_colour else green
    counts = histogram(grey)
    levels = np.arange(256)
    mean = float(counts @ levels / counts.sum())
    spread = float(np.sqrt(counts @ (levels - mean) ** 2 / counts.sum()))
    return Tones(mean, spread, _traits(green, counts, histogram(green) if has_colour else counts))


def histogram(plane: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Count the pixels of each of the 256 levels of one channel, in large images of a regular subsample."""
    step = int(np.ceil(np.sqrt(plane.size / HISTOGRAM_PIXELS)))
    sample = np.ascontiguousarray(plane[::step, ::step])
    return np.asarray(cv2.calcHist([sample], [0], None, [256], [0, 256]), dtype=np.float64).ravel()


def tonal_traits(counts: NDArray[np.float64]) -> tuple[Trait, ...]:
    """Find an image of one tone, or of a few; these tests hold after resizing and JPEG compression too.

    Args:
        counts: ``(256,)`` pixels of each level.
    """
    if counts.sum() < LEAST_PIXELS:
        return ()
    summed = np.concatenate([[0.0], np.cumsum(counts)])
    if (summed[CONSTANT_LEVELS:] - summed[:-CONSTANT_LEVELS]).max() >= CONSTANT_SHARE * summed[-1]:
        return ("constant",)
    bands = counts.reshape(-1, _BAND).sum(axis=1)
    used = np.flatnonzero(bands > max(1.0, 0.0006 * summed[-1]))
    unused = used[-1] - used[0] + 1 - len(used)
    return ("few-tones",) if unused >= UNUSED_TONES * len(bands) else ()


def is_equalised(counts: NDArray[np.float64]) -> bool:
    """Tell whether the histogram is flat but for its spikes and the gap beside each, as equalisation leaves it.

    Equalisation makes the cumulative histogram a straight line at every level in use. OpenCV's kind leaves the
    pixels of the darkest level out of account, Pillow's those of the brightest, so that both directions are tried.

    Args:
        counts: ``(256,)`` pixels of each level.
    """
    bands = counts.reshape(-1, _BAND).sum(axis=1)
    return _is_straight(bands) or _is_straight(bands[::-1])


def is_stretched(counts: NDArray[np.float64]) -> bool:
    """Tell whether the histogram has a comb's gaps, as a stretched range leaves them (lossless images only).

    Args:
        counts: ``(256,)`` pixels of each level.
    """
    around = np.convolve(counts, np.full(9, 1 / 9), mode="valid")  # levels 4 to 251
    well_used = around >= COMB_PIXELS
    gaps = well_used & (counts[4:-4] == 0)
    return bool(well_used.sum() >= COMB_LEVELS and gaps.sum() >= COMB_GAPS * well_used.sum())


def is_wrapped(plane: NDArray[np.uint8]) -> bool:
    """Tell whether bright areas tear over to black, as when sums are stored in bytes without a limit."""
    patch = _centre(plane)
    steps = np.concatenate(
        [cv2.absdiff(patch[:, 1:], patch[:, :-1]).ravel(), cv2.absdiff(patch[1:], patch[:-1]).ravel()]
    )
    jumps = np.count_nonzero(steps >= WRAP_JUMP)
    if jumps < WRAP_SHARE * steps.size or not jumps:
        return False
    return bool(jumps >= WRAP_RATIO * np.count_nonzero((steps >= 96) & (steps < 192)))


def is_upscaled(plane: NDArray[np.uint8]) -> bool:
    """Tell whether an image was enlarged about fourfold or more, smoothly or by repeating pixels.

    The latter is found in lossless images only. Images of fewer than 32 pixels along a side have too few frequencies.
    """
    patch = _centre(plane)
    if min(patch.shape) < 32:
        return False
    return _fine_detail(patch) <= FINE_DETAIL or (
        _repeated_lines(patch) >= REPEATED_LINES and _repeated_lines(patch.T) >= REPEATED_LINES
    )


def _traits(green: NDArray[np.uint8], counts: NDArray[np.float64], greens: NDArray[np.float64]) -> tuple[Trait, ...]:
    tonal = tonal_traits(counts)
    if "constant" in tonal or green.size < LEAST_PIXELS:
        return tonal
    if is_equalised(counts) or is_equalised(greens):
        return (*tonal, "equalised")
    if tonal:
        return tonal
    found: dict[Trait, bool] = {
        "stretched": is_stretched(greens),
        "wrapped": is_wrapped(green),
        "upscaled": is_upscaled(green),
    }
    return tuple(trait for trait, is_so in found.items() if is_so)


def _is_straight(bands: NDArray[np.float64]) -> bool:
    """Compare the cumulative histogram, without its first band, to the straight line where the bands are in use."""
    rest = bands[1:]
    total = rest.sum()
    if total == 0:
        return False
    share = 1 / len(rest)
    distance = np.abs(np.cumsum(rest) / total - share * np.arange(1, len(rest) + 1))
    used = np.sort(distance[rest > 0.3 * share * total])
    return len(used) >= FLAT_BANDS and bool(used[int(0.75 * (len(used) - 1))] <= FLATNESS)


def _centre(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
    top, left = (max(side - PATCH, 0) // 2 for side in plane.shape)
    return plane[top : top + PATCH, left : left + PATCH]


def _fine_detail(patch: NDArray[np.uint8]) -> float:
    """Give the share of a patch's variance above half the finest frequency in x or y."""
    window, fine = _window_and_fine(*patch.shape)
    spectrum = np.fft.rfft2((patch - patch.mean()) * window)
    power = spectrum.real**2 + spectrum.imag**2
    total = power.sum()
    return float(power[fine].sum() / total) if total else 1.0


@lru_cache(maxsize=16)
def _window_and_fine(height: int, width: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Give the window that fades a patch out at its edges, and which frequencies of its spectrum are fine."""
    fine = (np.abs(np.fft.fftfreq(height)) > 0.25)[:, None] | (np.fft.rfftfreq(width) > 0.25)
    return np.hanning(height)[:, None] * np.hanning(width), fine


def _repeated_lines(patch: NDArray[np.uint8]) -> float:
    """Give the share of rows equal to the one before, between the first and the last that differ (bars aside)."""
    differs = np.flatnonzero((patch[1:] != patch[:-1]).any(axis=1))
    if len(differs) < 4:
        return 0.0
    return 1 - (len(differs) - 1) / float(differs[-1] - differs[0])
