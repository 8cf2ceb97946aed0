"""How bright a face is."""

import cv2
import numpy as np

from ampnet.faces.alignment import Image

_MARGIN = 0.1
_SHARE = 0.9


def brightness(face: Image) -> int:
    """Return the grey value that a tenth of a face exceeds.

    The brighter parts of a face tell dark photos from dark skin, which has lights, eyes and teeth.

    Args:
        face: ``(S, S, 3)`` RGB uint8 or ``(S, S)`` grey, in the network's frame; a tenth at each side is left out.

    Returns:
        0 to 255.
    """
    grey = np.asarray(face if face.ndim == 2 else cv2.cvtColor(face, cv2.COLOR_RGB2GRAY))
    margin = round(_MARGIN * len(grey))
    middle = grey[margin : len(grey) - margin, margin : len(grey) - margin]
    counts = np.bincount(middle.ravel(), minlength=256).cumsum()
    return int(np.searchsorted(counts, _SHARE * middle.size))
