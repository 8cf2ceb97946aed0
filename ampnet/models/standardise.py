"""Each face at the same brightness and contrast, so that exposure and haze do not change its expression."""

from torch import Tensor

MEAN, SPREAD = 0.509, 0.212
"""Mean and standard deviation of FER-2013's training faces, in [0, 1]: the mean over faces of each face's own."""

MIN_SPREAD = 0.02
"""Smallest standard deviation that is stretched, about five of 255 grey levels; what varies less is mostly noise."""


def standardised(images: Tensor) -> Tensor:
    """Shift and stretch each face's values to the mean and spread of the training set.

    A face's three channels change alike, by the mean and spread of its grey version, so hues are kept, and a grey face
    changes as its one channel would.

    Args:
        images: ``(B, 3, S, S)`` in [0, 1].

    Returns:
        The same shape, not clipped to [0, 1]; a face of one colour becomes flat at the mean.
    """
    grey = images.mean(1, keepdim=True)  # (B, 1, S, S)
    mean = grey.mean((2, 3), keepdim=True)  # (B, 1, 1, 1)
    spread = (grey - mean).square().mean((2, 3), keepdim=True).sqrt().clamp(min=MIN_SPREAD)
    return (images - mean) * (SPREAD / spread) + MEAN
