import numpy as np
import pytest

from ampnet.media.images import resize


@pytest.mark.parametrize("side", [1280, 1350, 1351, 2000], ids=["whole", "halved", "odd", "halved twice"])
def test_a_reduced_image_has_the_means_of_the_pixels_below(side: int) -> None:
    """A ramp's mean over a cell is its value at the cell's centre."""
    ramp = np.repeat((np.arange(side)[None, :, None] * 255 / side), side, axis=0)
    image = np.broadcast_to(ramp, (side, side, 3)).round().astype(np.uint8)

    reduced = resize(image, (320, 320))

    centres = ((np.arange(320) + 0.5) * side / 320 - 0.5) * 255 / side
    assert np.abs(reduced[..., 0] - centres[None]).max() <= 1


def test_only_axes_that_grow_are_interpolated() -> None:
    column = np.array([0, 0, 200, 200], dtype=np.uint8)
    image = np.repeat(np.repeat(column[:, None, None], 4, axis=1), 3, axis=2)

    changed = resize(image, (2, 8))

    assert changed.shape == (2, 8, 3)
    assert np.array_equal(changed[:, 0, 0], [0, 200])
