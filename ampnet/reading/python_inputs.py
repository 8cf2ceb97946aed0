"""Arguments of `Predictor.predict` and `predict_many` as sources: photos in many forms."""

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from ampnet.errors import DataError
from ampnet.files.download import is_url
from ampnet.files.printable import one_line, printable
from ampnet.media.decoding import MAX_BYTES
from ampnet.reading.contents import BytesContent, LaterContent, content_of, fetched, is_tensor
from ampnet.reading.photo import Photo
from ampnet.reading.sources import Plan, Source, expand_patterns, in_folder, is_folder
from ampnet.reading.video import is_video

if TYPE_CHECKING:
    from torch import Tensor

    PhotoLike: TypeAlias = (
        str | Path | bytes | bytearray | memoryview | BinaryIO | NDArray[np.generic] | Pillow.Image | Tensor
    )
else:
    PhotoLike: TypeAlias = Any  # so that nothing imports torch


def is_photo(given: object) -> bool:
    """Return whether this is one photo: iterables are several, except for the forms of one photo.

    A four-dimensional array or tensor is several, stacked; a row of paths or other objects is, too.
    """
    if isinstance(given, np.ndarray) and given.ndim == 1 and given.dtype.kind in "OU":
        return False
    if is_tensor(given) or isinstance(given, np.ndarray):
        return bool(getattr(given, "ndim", 0) != 4)
    if isinstance(given, str | bytes | bytearray | memoryview | os.PathLike | Pillow.Image | Mapping):
        return True
    return hasattr(given, "read") or not isinstance(given, Iterable)


def photo_of(given: object, name: str = "photo", is_copied: bool = False) -> Photo:
    """Name a photo; a file object is read to its end.

    Args:
        name: its name if it has none.
        is_copied: keep a copy of pixels, which may change.
    """
    if isinstance(given, str) and is_url(given):
        return Photo(one_line(given), LaterContent(partial(fetched, given)))
    if isinstance(given, str | os.PathLike):
        return Photo(one_line(given), content_of(given))
    is_picture = isinstance(given, Pillow.Image)
    own = getattr(given, "filename", None) if is_picture else getattr(given, "name", None)
    is_file = not is_picture and hasattr(given, "read")
    if (is_picture or is_file) and isinstance(own, str) and own:
        name = one_line(own)
    return _of_file_object(given, name) if is_file else Photo(name, content_of(given, is_copied))


def one_photo(given: object) -> Source | None:
    """Return the source of a single photo; None for several, a folder, a video, and a pattern that matches something.

    A path to nothing is a photo that cannot be read. Pixels are copied: a result draws on those that it was found in.
    """
    if not is_photo(given) or (_is_path(given) and _several_files(given, videos=True) is not None):
        return None
    source = _source(given, "photo")
    return source if isinstance(given, str | os.PathLike) else _of_its_own(source, given)


def sources_of(given: Any, videos: bool) -> Iterable[Source]:
    """List photos and videos.

    Args:
        given: a photo, a folder, a video, a pattern, or an iterable of these, which is iterated over as far as the
            result is.
        videos: whether to read the videos in folders, too.

    Raises:
        DataError: ``given`` is a folder without any image.
    """
    if _is_path(given):
        plan = _several_files(given, videos) or Plan([_source(given, "photo")], [])
        _warn(plan)
        if plan.is_empty:
            raise DataError(str(plan.sources[0].problem))
        return plan.sources
    return [_source(given, "photo")] if is_photo(given) else _each(given, videos)


def is_at_hand(given: object) -> bool:
    """Whether all of them may be taken before the first result is requested; false if they come one by one."""
    return is_photo(given) or isinstance(given, Sequence) or hasattr(given, "ndim")


def _of_file_object(file: Any, name: str) -> Photo:
    try:
        data = _rest_of(file)
        if not data and hasattr(file, "seekable") and file.seekable():
            file.seek(0)  # it was written or read just now; Pillow, too, begins at the beginning
            data = _rest_of(file)
    except Exception as error:  # closed, text that is not UTF-8, or damage as gzip, zipfile or a network client tell it
        reason = printable(error) or type(error).__name__
        return Photo(name, None, f"cannot read {printable(name)}: {reason}; open the file with 'rb'")
    if not isinstance(data, bytes | bytearray | memoryview):  # text would be taken for a path
        kind = printable(type(data).__name__)
        reason = f"reading it gives {kind}, not bytes; open the file with 'rb'"
        return Photo(name, None, f"cannot read {printable(name)}: {reason}")
    return Photo(name, BytesContent(bytes(data)))


def _rest_of(file: Any) -> Any:
    """Read a file to its end; an unbuffered one, or a socket's, gives a part at a time."""
    data = file.read(MAX_BYTES + 1)
    if isinstance(data, bytes) and data:
        data = bytearray(data)
        while len(data) <= MAX_BYTES and (more := file.read(MAX_BYTES + 1 - len(data))):
            data += more
    return data


def _each(given: Iterable[Any], videos: bool) -> Iterator[Source]:
    is_passing = not is_at_hand(given)
    for number, one in enumerate(given, start=1):
        plan = _several_files(one, videos) if _is_path(one) else None
        if plan is None:
            source = _source(one, f"photo {number}")
            yield _of_its_own(source, one) if is_passing and not isinstance(one, str | os.PathLike) else source
        else:
            _warn(plan)
            yield from plan.sources


def _several_files(given: Any, videos: bool) -> Plan | None:
    """Expand the path of a folder, a video or an archive, or a pattern that matches something."""
    if not os.fspath(given):
        return None
    path = Path(os.fsdecode(given))
    matches = [Path(match) for match in expand_patterns([path])]
    if matches == [path] and not is_folder(path) and not is_video(path) and not Source(path).is_archive:
        return None
    plans = [
        in_folder(match, None, videos, "videos=True") if is_folder(match) else Plan([Source(match)], [])
        for match in matches
    ]
    sources = [source for plan in plans for source in plan.sources]
    return Plan(sources, [note for plan in plans for note in plan.notes], all(plan.is_empty for plan in plans))


def _source(given: Any, name: str) -> Source:
    """Return the source of one photo, which results call as the program did."""
    if isinstance(given, str) and is_url(given):
        return Source(given)
    if _is_path(given) and not os.fspath(given):  # Path would make it the current folder
        return Source("", problem="cannot read a photo whose name is empty")
    is_alone = hasattr(given, "read") or isinstance(given, Pillow.Image)  # reading changes both
    path = Path(os.fsdecode(given) if _is_path(given) else name)
    return Source(path, take=partial(photo_of, given, name), is_alone=is_alone)


def _of_its_own(source: Source, given: Any) -> Source:
    """Take a photo now: its array may be filled again, or its file closed, for the next photo of a program."""
    photo = photo_of(given, one_line(source.name), is_copied=True)
    return replace(source, take=lambda: photo, is_alone=False)


def _is_path(given: object) -> bool:
    return isinstance(given, str | os.PathLike) and not is_url(given)


def _warn(plan: Plan) -> None:
    for note in plan.notes:
        warnings.warn(note, stacklevel=2)
