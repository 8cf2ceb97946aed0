"""Sizes of the network: what no network could take is refused on construction."""

import math

import pytest

from ampnet.errors import ConfigError
from ampnet.settings import ArchitectureConfig


@pytest.mark.parametrize(
    "size",
    [
        *({"width": width} for width in (0, -1, 2.1, 8, math.inf, math.nan)),
        *({"image_size": side} for side in (0, 40, 50, 456, 8000)),
        *({"num_classes": count} for count in (0, 1, 10_001, 10**12)),
        *({"modules": modules} for modules in ((), ("gp", "gp"), ("gp", "xp"))),
        *({"dropout": dropout} for dropout in (-0.1, 1, math.nan)),
    ],
    ids=str,
)
def test_sizes_beyond_all_use_are_refused(size):
    with pytest.raises(ConfigError):
        ArchitectureConfig(**size)


@pytest.mark.parametrize("size", [{"width": 2.0, "image_size": 448}, {"width": 0.05, "image_size": 48}])
def test_the_largest_and_the_smallest_sizes_are_taken(size):
    assert ArchitectureConfig(num_classes=8631, **size).width == size["width"]
