"""A raw data set of small grey images in one file: losslessly packed, and unpacked as PNG files in the same folders.

The images follow each other as the frames of an FFV1 video, whose coder learns over all of them: FER-2013 takes 1,456
bytes an image, as PNG 1,912.
"""

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from ampnet.dataset.index.raw_images import SourceImage
from ampnet.dataset.sources import open_source

FACES, NAMES, VOTES = "faces.mkv", "names.txt", "votes.csv"

Image = NDArray[np.uint8]


def pack(raw: Path, votes: Path | None, file: Path, max_bytes: int) -> tuple[int, int]:
    """Pack validation faces, and of the training faces as many as fit, evenly spread; test faces stay behind.

    Args:
        raw: a data set that `ampnet prepare` reads, whose images are grey files of one size.
        votes: its annotators' votes.
        file: zip file to write.
        max_bytes: its largest size.

    Returns:
        Number of packed images, and of those there are.
    """
    items = open_source(raw, "auto", 0, votes, None).items
    held_out = [item for item in items if item.split == "val"]
    training = [item for item in items if item.split == "train"]
    images = {item.relative: _grey(item) for item in (*held_out, *training)}
    rest = len(votes.read_bytes()) if votes else 0  # unpacked: room for the names, too
    count = len(training)
    while True:
        kept = [training[i] for i in np.linspace(0, len(training) - 1, count).astype(int)]
        names = [item.relative for item in (*held_out, *kept)]
        video = _encoded([images[name] for name in names])
        if len(video) + rest <= max_bytes or not count:
            break
        count = min(int(count * 0.99 * (max_bytes - rest) / len(video)), count - 1)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(FACES, video, zipfile.ZIP_STORED)
        packed.writestr(NAMES, "\n".join(names))
        if votes:
            packed.write(votes, VOTES)
    return len(names), len(held_out) + len(training)


def unpack(file: Path, folder: Path) -> Path | None:
    """Write the images of a packed data set into a folder; returns the file of votes if there is one."""
    with zipfile.ZipFile(file) as packed:
        names = packed.read(NAMES).decode().splitlines()
        with av.open(io.BytesIO(packed.read(FACES)), "r") as video:
            for name, frame in zip(names, video.decode(video=0), strict=True):
                path = folder / PurePosixPath(name).with_suffix(".png")
                assert path.resolve().is_relative_to(folder.resolve()), name
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), frame.to_ndarray(format="gray"))
        if VOTES not in packed.namelist():
            return None
        return Path(packed.extract(VOTES, folder.parent))


def _grey(item: SourceImage) -> Image:
    image = item.content().decode(None).image
    if (image != image[..., :1]).any():
        raise SystemExit(f"{item.relative} is not grey")
    return np.ascontiguousarray(image[..., 0])


def _encoded(images: Sequence[Image]) -> bytes:
    """Code images as the frames of a video, the first of which alone is a key frame."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as video:
        options = {"level": "1", "coder": "1", "context": "1", "g": str(len(images))}
        stream = video.add_stream("ffv1", rate=25, options=options)
        stream.height, stream.width = images[0].shape
        stream.pix_fmt = "gray"
        for image in images:
            if image.shape != images[0].shape:
                raise SystemExit("the images have several sizes")
            video.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="gray")))
        video.mux(stream.encode())
    return buffer.getvalue()
