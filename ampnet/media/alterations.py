"""Detection of images that are not unaltered photographs, from their pixels.

The tests use source pixels, decoded from the data set's own file. They are calibrated on the 35,887 images of FER-2013
(grey, 48 x 48, lossless), of which 110 (0.31%) are flagged; the rates below refer to that data set.

Lossy compression and reduced decoding hide some traits: they fill the histogram gaps that contrast stretching leaves,
and blur exactly repeated pixels. They never add a trait, so all tests can be applied to any image. The flat histogram
of an equalised image, and unused tones, survive both.
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
"""Predicate of each trait, to follow "97% of the images"."""

CONSTANT_FRACTION = 0.98
"""Minimum fraction of pixels within ``CONSTANT_LEVELS`` adjacent levels in a constant image (FER-2013: 0.04%, black
images)."""

CONSTANT_LEVELS = 8

UNUSED_TONES = 0.4
"""Minimum fraction of the grey scale, in unused bands of eight levels between used ones, in an image of few tones
(FER-2013: 0.01%; equalised photographs reach 0.31)."""

FLATNESS = 0.022
"""Maximum distance, at three of four used levels, between the cumulative histogram of an equalised image and a straight
line (FER-2013: 0.20%; all of 300 equalised images are below it, even after JPEG compression)."""

FLAT_BANDS = 4
"""Minimum bands of eight levels in use: fewer always lie on a straight line."""

COMB_GAPS = 0.045
"""Minimum fraction of unused levels among those whose neighbours hold ``COMB_PIXELS`` or more pixels on average:
stretching by 1.05 loses one level in 22 (FER-2013: 0.02%; the 99.9th percentile is 0.031)."""

COMB_PIXELS = 4
COMB_LEVELS = 20

MIN_PIXELS = 400
"""Minimum pixels for a meaningful histogram."""

WRAP_JUMP = 208
WRAP_FRACTION = 0.002
"""Minimum fraction of adjacent pixels that differ by ``WRAP_JUMP`` levels or more if values wrapped around."""

WRAP_RATIO = 0.25
"""Minimum ratio of these jumps to medium steps (96 to 191), which are far more common at the edges in a photograph
(with ``WRAP_FRACTION``, FER-2013: 0.02%)."""

FINE_DETAIL = 0.0012
"""Maximum fraction of the variance above half the Nyquist frequency in an image enlarged fourfold (FER-2013: 0.03%,
blurred images; the 0.1st percentile is 0.002; after fourfold bilinear enlargement the 95th is 0.0011)."""

REPEATED_LINES = 0.6
"""Minimum fraction of rows, and of columns, that repeat the previous one in an image enlarged by repeating pixels."""

HISTOGRAM_PIXELS = 65_536
"""Maximum pixels that a histogram counts; larger images are subsampled in rows and columns."""

PATCH = 128
"""Side of the central patch for the tests of adjacent pixels, in pixels."""

_BAND = 8


@dataclass(frozen=True)
class Tones:
    """Grey levels and traits of an image."""

    mean: float
    """Mean grey level, 0 to 255."""
    spread: float
    """Standard deviation of the grey levels."""
    traits: tuple[Trait, ...]
    """Signs that it is not an unaltered photograph; usually empty."""


def examine(image: Image) -> Tones:
    """Find traces of processing after an image was taken.

    Constant images are not tested further; neither are equalised ones and those of few tones, since both also have gaps
    and jumps. In colour images both the luma and the green channel are tested, as either may have been altered. Takes
    0.11 ms for 48 x 48 pixels, 0.3 ms for 256 x 256 in colour and 1.2 ms for 1280 x 1280.

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
    """Count the pixels at each of the 256 levels of a channel; large images are subsampled regularly."""
    step = int(np.ceil(np.sqrt(plane.size / HISTOGRAM_PIXELS)))
    sample = np.ascontiguousarray(plane[::step, ::step])
    return np.asarray(cv2.calcHist([sample], [0], None, [256], [0, 256]), dtype=np.float64).ravel()


def tonal_traits(counts: NDArray[np.float64]) -> tuple[Trait, ...]:
    """Test for a single tone, or few tones; these tests also hold after resizing and JPEG compression.

    Args:
        counts: ``(256,)`` pixels of each level.
    """
    if counts.sum() < MIN_PIXELS:
        return ()
    summed = np.concatenate([[0.0], np.cumsum(counts)])
    if (summed[CONSTANT_LEVELS:] - summed[:-CONSTANT_LEVELS]).max() >= CONSTANT_FRACTION * summed[-1]:
        return ("constant",)
    bands = counts.reshape(-1, _BAND).sum(axis=1)
    used = np.flatnonzero(bands > max(1.0, 0.0006 * summed[-1]))
    unused = used[-1] - used[0] + 1 - len(used)
    return ("few-tones",) if unused >= UNUSED_TONES * len(bands) else ()


def is_equalised(counts: NDArray[np.float64]) -> bool:
    """Return whether the histogram is flat except for spikes and the gaps beside them, as after equalisation.

    Equalisation makes the cumulative histogram a straight line at every used level. OpenCV's implementation ignores the
    pixels of the darkest level, Pillow's those of the brightest, so both directions are tested.

    Args:
        counts: ``(256,)`` pixels of each level.
    """
    bands = counts.reshape(-1, _BAND).sum(axis=1)
    return _is_straight(bands) or _is_straight(bands[::-1])


def is_stretched(counts: NDArray[np.float64]) -> bool:
    """Return whether the histogram has comb-like gaps, as after contrast stretching (lossless images only).

    Args:
        counts: ``(256,)`` pixels of each level.
    """
    around = np.convolve(counts, np.full(9, 1 / 9), mode="valid")  # levels 4 to 251
    well_used = around >= COMB_PIXELS
    gaps = well_used & (counts[4:-4] == 0)
    return bool(well_used.sum() >= COMB_LEVELS and gaps.sum() >= COMB_GAPS * well_used.sum())


def is_wrapped(plane: NDArray[np.uint8]) -> bool:
    """Return whether bright areas wrap around to black, as when byte sums overflow."""
    patch = _centre(plane)
    steps = np.concatenate(
        [cv2.absdiff(patch[:, 1:], patch[:, :-1]).ravel(), cv2.absdiff(patch[1:], patch[:-1]).ravel()]
    )
    jumps = np.count_nonzero(steps >= WRAP_JUMP)
    if jumps < WRAP_FRACTION * steps.size or not jumps:
        return False
    return bool(jumps >= WRAP_RATIO * np.count_nonzero((steps >= 96) & (steps < 192)))


def is_upscaled(plane: NDArray[np.uint8]) -> bool:
    """Return whether an image was enlarged about fourfold or more, smoothly or by repeating pixels.

    The latter is detected in lossless images only. Images with a side below 32 pixels have too few frequencies.
    """
    patch = _centre(plane)
    if min(patch.shape) < 32:
        return False
    return _fine_detail(patch) <= FINE_DETAIL or (
        _repeated_lines(patch) >= REPEATED_LINES and _repeated_lines(patch.T) >= REPEATED_LINES
    )


def _traits(green: NDArray[np.uint8], counts: NDArray[np.float64], greens: NDArray[np.float64]) -> tuple[Trait, ...]:
    tonal = tonal_traits(counts)
    if "constant" in tonal or green.size < MIN_PIXELS:
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
    """Compare the cumulative histogram, without its first band, with a straight line at the used bands."""
    rest = bands[1:]
    total = rest.sum()
    if total == 0:
        return False
    step = 1 / len(rest)
    distance = np.abs(np.cumsum(rest) / total - step * np.arange(1, len(rest) + 1))
    used = np.sort(distance[rest > 0.3 * step * total])
    return len(used) >= FLAT_BANDS and bool(used[int(0.75 * (len(used) - 1))] <= FLATNESS)


def _centre(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
    top, left = (max(side - PATCH, 0) // 2 for side in plane.shape)
    return plane[top : top + PATCH, left : left + PATCH]


def _fine_detail(patch: NDArray[np.uint8]) -> float:
    """Return the fraction of a patch's variance above half the Nyquist frequency in x or y."""
    window, fine = _window_and_fine(*patch.shape)
    spectrum = np.fft.rfft2((patch - patch.mean()) * window)
    power = spectrum.real**2 + spectrum.imag**2
    total = power.sum()
    return float(power[fine].sum() / total) if total else 1.0


@lru_cache(maxsize=16)
def _window_and_fine(height: int, width: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the Hann window of a patch, and the mask of fine frequencies in its spectrum."""
    fine = (np.abs(np.fft.fftfreq(height)) > 0.25)[:, None] | (np.fft.rfftfreq(width) > 0.25)
    return np.hanning(height)[:, None] * np.hanning(width), fine


def _repeated_lines(patch: NDArray[np.uint8]) -> float:
    """Return the fraction of rows equal to the previous one, between the first and last that differ (ignores bars)."""
    differs = np.flatnonzero((patch[1:] != patch[:-1]).any(axis=1))
    if len(differs) < 4:
        return 0.0
    return 1 - (len(differs) - 1) / float(differs[-1] - differs[0])
