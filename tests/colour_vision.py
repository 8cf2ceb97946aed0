"""How different two colours look to people with each kind of colour vision."""

import numpy as np

DEFICIENCIES = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
"""``(3, 3)`` map of linear RGB to what is seen (Machado et al. 2009, doi:10.1109/TVCG.2009.113, severity 1)."""

_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.119192, 0.9503]]
)
_WHITE = _TO_XYZ.sum(axis=1)


def difference(first: tuple[int, int, int], second: tuple[int, int, int], vision: str = "normal") -> float:
    """Return the distance of two sRGB colours in CIELAB (CIE 1976); 2 is just noticeable."""
    return float(np.linalg.norm(_lab(first, vision) - _lab(second, vision)))


def rgb(color: str) -> tuple[int, int, int]:
    """Read ``#rrggbb``."""
    red, green, blue = bytes.fromhex(color[1:])
    return red, green, blue


def contrast(first: tuple[int, int, int], second: tuple[int, int, int]) -> float:
    """Return the contrast ratio of two sRGB colours by WCAG 2, in [1, 21]; text needs 4.5."""
    light, dark = sorted((float(_TO_XYZ[1] @ _linear(color)) for color in (first, second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _linear(color: tuple[int, int, int]) -> np.ndarray:
    values = np.array(color) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _lab(color: tuple[int, int, int], vision: str) -> np.ndarray:
    x, y, z = _TO_XYZ @ np.clip(DEFICIENCIES[vision] @ _linear(color), 0, 1) / _WHITE
    x, y, z = (v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])
