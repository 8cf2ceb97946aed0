"""HEIC, HEIF and AVIF photos: Pillow reads AVIF where it was built with it, the extra ``heic`` the others."""

import importlib
from collections.abc import Mapping
from importlib.util import find_spec

from PIL import features

from ampnet.errors import ImageError
from ampnet.files.printable import counted

EXTENSIONS = frozenset((".heic", ".heif", ".hif", ".avif"))
"""Extensions, in lower case, of these photos."""

INSTALL = "pip install 'ampnet[heic]'"
"""How to get what reads HEIC photos."""

INSTALL_AVIF = "pip install --upgrade pillow"
"""How to get a Pillow that reads AVIF photos."""

_AVIF_BRANDS = (b"avif", b"avis")
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def readable_extensions() -> frozenset[str]:
    """Return the extensions of the photos of this kind that can be read here."""
    heif = EXTENSIONS - {".avif"} if find_spec("pillow_heif") else frozenset[str]()
    return heif | ({".avif"} if features.check("avif") else frozenset())


def describe_unread(left_out: Mapping[str, int]) -> list[str]:
    """Report how many photos of this kind are not read here, and how they would be; empty if there are none.

    Args:
        left_out: number of files by extension, in lower case with its dot.
    """
    avif = left_out.get(".avif", 0)
    heic = sum(left_out.get(extension, 0) for extension in EXTENSIONS) - avif
    counts = ((heic, "HEIC", INSTALL), (avif, "AVIF", INSTALL_AVIF))
    return [f"{counted(count, f'{name} photo')} (read them after {how})" for count, name, how in counts if count]


def heif_formats(data: bytes) -> tuple[str, ...]:
    """Prepare Pillow for a photo of this kind, and return its names of the format; none for any other file.

    Raises:
        ImageError: what reads it is not installed. The message is the reason alone.
    """
    if data[4:8] != b"ftyp":
        return ()
    length = min(int.from_bytes(data[:4], "big"), 256)
    brands = [data[8:12], *(data[place : place + 4] for place in range(16, length, 4))]
    if any(brand in _AVIF_BRANDS for brand in brands):
        if not features.check("avif"):
            raise ImageError(f"it is an AVIF photo, which this installation of Pillow cannot read: {INSTALL_AVIF}")
        importlib.import_module("PIL.AvifImagePlugin")
        return ("AVIF",)
    if not any(brand in _HEIF_BRANDS for brand in brands):
        return ()
    try:
        plugin = importlib.import_module("pillow_heif")
    except ImportError as error:
        raise ImageError(f"it is a HEIC photo; to read it: {INSTALL}") from error
    plugin.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
    return ("HEIF",)
