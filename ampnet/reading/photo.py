"""One picture and where it came from; its pixels are the same for every reader."""

from pathlib import Path
from typing import Any

from ampnet.errors import DataError, ImageError
from ampnet.files.printable import one_line, printable
from ampnet.media.decoding import Decoded
from ampnet.media.decoding_memory import reduction
from ampnet.media.images import Image
from ampnet.reading.contents import Content, FileContent, FrameContent, PixelContent

ENOUGH_SIDE = 1280
"""Length of the longer side, in pixels, that suffices for finding faces: larger photos are decoded at a half, a quarter
or an eighth of their size, as far as their longer side stays at least as long; panoramas and vast ones by less
(:func:`ampnet.media.decoding_memory.is_vast`). The one rule for all who read photos."""


class Photo:
    """A photo or a frame of a video, which decodes itself once, when its pixels are first requested.

    Args:
        name: the path, the address or a file's name, on one line; "photo 3" for the third of several without a name.
        content: what it is decoded from; None if not even that could be obtained.
        problem: why it cannot be read, if that is known up front: one line with its name.
        frame: number of the frame in its video, from 0; None for a photo.
        seconds: time of the frame since the start of its video.
        keeper: what a frame that has been released is decoded from again; None: the same content.
    """

    def __init__(
        self,
        name: str,
        content: Content | None,
        problem: str | None = None,
        frame: int | None = None,
        seconds: float | None = None,
        keeper: Content | None = None,
    ) -> None:
        self.name, self.frame, self.seconds = name, frame, seconds
        self._content, self._keeper, self._problem = content, keeper, problem
        self._reduced: Decoded | None = None
        self._whole: Image | None = None
        self._size_hw: tuple[int, int] | None = None
        self.is_of_video = frame is not None
        """Whether it is a frame of a video, or why that could not be read."""
        self.frames = 1
        """Number of frames or pages of its file, of which it is the first; known once it has been read."""

    @classmethod
    def of_file(cls, path: Path) -> "Photo":
        """Describe an image file."""
        return cls(one_line(path), FileContent(path))

    @classmethod
    def of_frame(
        cls, path: Path, image: Image, number: int, seconds: float, size_hw: tuple[int, int] | None = None
    ) -> "Photo":
        """Describe a frame of a video, whose pixels are given; once released, it is decoded again up to there.

        Args:
            image: ``(h, w, 3)`` upright RGB.
            number: of the frame, from 0.
            seconds: since the first frame.
            size_hw: height and width of the frame where the image shows it smaller; until it is released, that is then
                all there is of it.
        """
        again = FrameContent(path, number)
        if size_hw is not None and size_hw != image.shape[:2]:
            small = cls(one_line(path), None, frame=number, seconds=seconds, keeper=again)
            small._reduced, small._size_hw = Decoded(image, size_hw), size_hw
            return small
        photo = cls(one_line(path), PixelContent(image), frame=number, seconds=seconds, keeper=again)
        photo._whole, photo._size_hw = image, (image.shape[0], image.shape[1])
        return photo

    @property
    def reduced(self) -> Image:
        """The image for detection: ``(h, w, 3)`` upright RGB uint8, reduced as :data:`ENOUGH_SIDE` says.

        Raises:
            ImageError: it cannot be read; one line with its name and the reason.
        """
        return self._read().image

    @property
    def whole(self) -> Image:
        """All of it: ``(H, W, 3)`` upright RGB uint8; half as wide and high where it has more than 80 million pixels.

        Raises:
            ImageError: it cannot be read, or no longer.
        """
        if self._whole is None:
            read = self._reduced
            if read is None or read.image.shape[:2] != read.size_hw:
                read = self._decode(None)
                if reduction(read.size_hw[::-1], ENOUGH_SIDE)[1] == 1:
                    self._reduced = read
                self._size_hw = read.size_hw
            self._whole = read.image
        return self._whole

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of the whole upright photo in pixels, however far it is reduced.

        Raises:
            ImageError: it cannot be read.
        """
        return self._size_hw or self._read().size_hw

    @property
    def is_reduced(self) -> bool:
        """Whether :attr:`whole` shows more than :attr:`reduced` does."""
        return self.reduced.shape[:2] != self.size_hw

    @property
    def problem(self) -> str | None:
        """Why it cannot be read, in one line with its name; None if it can, which is tried now."""
        if self._size_hw is None:
            try:
                self._read()
            except ImageError as error:
                self._problem = str(error)
        return self._problem

    @property
    def pixels(self) -> int:
        """Number of pixels that it keeps in memory."""
        reduced = None if self._reduced is None else self._reduced.image
        kept = {id(image): image.shape[0] * image.shape[1] for image in (reduced, self._whole) if image is not None}
        return sum(kept.values())

    def release(self) -> None:
        """Drop the pixels; they are decoded again when they are needed."""
        self._reduced = self._whole = None
        if self._keeper is not None:
            self._content, self._keeper = self._keeper, None

    def release_whole(self) -> None:
        """Drop the pixels of the whole photo where they are more than those of the reduced one."""
        if self._reduced is not None and self._whole is not self._reduced.image:
            self._whole = None

    def forget(self) -> None:
        """Drop the pixels and what they were decoded from; name, size and problem stay."""
        self._reduced = self._whole = self._content = self._keeper = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave decoded pixels behind when it is pickled."""
        content = self._content if self._keeper is None else self._keeper
        return {**self.__dict__, "_reduced": None, "_whole": None, "_content": content, "_keeper": None}

    def __repr__(self) -> str:
        return f"<Photo {self.name}{'' if self.frame is None else f', frame {self.frame}'}>"

    def _read(self) -> Decoded:
        if self._reduced is None:
            self._reduced = self._decode(ENOUGH_SIDE)
            self._size_hw, self.frames = self._reduced.size_hw, self._reduced.frames
        return self._reduced

    def _decode(self, enough_side: int | None) -> Decoded:
        if self._problem is not None:
            raise ImageError(self._problem)
        if self._content is None:
            raise ImageError(f"cannot read {printable(self.name)}: the photo is not there")
        try:
            return self._content.decode(enough_side)
        except DataError as error:
            text = str(error)
            named = text if text.startswith("cannot read ") else f"cannot read {printable(self.name)}: {text}"
            raise ImageError(named) from error
