"""Memory that decoding one picture takes, for each format and mode: python -m benchmarks.image_memory [MEGAPIXELS].

Each picture is made, then read in a process of its own. The second column is the peak of that process above its state
before reading, the third what :mod:`ampnet.media.decoding_memory` expects; refused pictures show their reason.
"""

import io
import multiprocessing
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from ampnet.errors import ImageError
from ampnet.media import decoding_memory
from ampnet.reading.image_files import read_reduced
from benchmarks.measure import print_table

Save = Callable[[Path], Any]
TAG_ROWS, TAG_ORIENTATION = 278, 274


def _saves(side: int) -> Iterator[tuple[str, Save]]:
    """Yield the name and the writer of each picture, ``side`` x ``side`` pixels."""
    tones = np.random.default_rng(0).integers(0, 255, (side // 50 + 1,) * 2 + (3,), dtype=np.uint8)
    pixels = np.kron(tones, np.ones((50, 50, 1), np.uint8))[:side, :side]
    rgb = Pillow.fromarray(pixels)
    deep = pixels[..., 0].astype(np.uint16) * 257

    def pil(mode: str, **options: Any) -> Save:
        return lambda path: (rgb if mode == "RGB" else rgb.convert(mode)).save(path, **options)

    def cv(array: Callable[[], NDArray[np.generic]]) -> Save:
        return lambda path: cv2.imwrite(str(path), array())

    yield "RGB.jpg", pil("RGB", quality=90)
    yield "RGB progressive.jpg", pil("RGB", progressive=True)
    yield "RGB progressive 4:4:4.jpg", pil("RGB", progressive=True, subsampling=0)
    yield "CMYK progressive.jpg", pil("CMYK", progressive=True)
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        yield f"{mode}.png", pil(mode, compress_level=1)
    yield "grey of 16 bits.png", cv(lambda: deep)
    yield "RGBA of 16 bits.png", cv(lambda: np.dstack([deep] * 4))
    yield "RGB.bmp", pil("RGB")
    yield "RGB.ppm", pil("RGB")
    yield "RGB of 16 bits.ppm", cv(lambda: np.dstack([deep] * 3))
    yield "RGB plain.tif", pil("RGB")
    yield "CMYK.tif", pil("CMYK", compression="tiff_lzw")
    yield "RGBA one strip.tif", pil("RGBA", compression="tiff_lzw", tiffinfo={TAG_ROWS: side})
    yield "RGB turned.tif", pil("RGB", compression="tiff_adobe_deflate", tiffinfo={TAG_ORIENTATION: 6})
    yield "RGB of 16 bits.tif", cv(lambda: np.dstack([deep] * 3))
    if side <= 16_383:
        yield "RGBA.webp", pil("RGBA", quality=50, method=0)
    yield "P.gif", pil("P")


def _peak(path: Path, longest_side: int | None, answer: Any) -> None:
    """Report the peak memory of reading a picture, or why it is refused."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # restarts VmHWM
    before = _status("VmRSS")
    try:
        read_reduced(path, longest_side)
    except ImageError as error:
        answer.put(str(error).partition(": ")[2])
        return
    answer.put(_status("VmHWM") - before)


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))


def _measured(path: Path, longest_side: int | None) -> str:
    context = multiprocessing.get_context("fork")
    answer = context.Queue()
    process = context.Process(target=_peak, args=(path, longest_side, answer))
    process.start()
    result = answer.get()
    process.join()
    return result if isinstance(result, str) else f"{result / 1e6:,.0f} MB"


def _expected(path: Path, longest_side: int | None) -> str:
    data = path.read_bytes()
    picture = Pillow.open(io.BytesIO(data))
    return f"{decoding_memory.estimate(picture, len(data), longest_side) / 1e6:,.0f} MB"


def main(megapixels: float) -> None:
    """Print the table."""
    Pillow.MAX_IMAGE_PIXELS = None
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, save in _saves(round((megapixels * 1e6) ** 0.5)):
            path = Path(folder) / name
            save(path)
            rows += [
                [name, what, _measured(path, longest_side), _expected(path, longest_side)]
                for what, longest_side in (("whole", None), ("to 1280 px", 1280))
            ]
            path.unlink()
    print_table(
        f"Peak memory of reading one picture of {megapixels:g} megapixels",
        ["picture", "read", "measured", "expected at most"],
        rows,
    )


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 79)
