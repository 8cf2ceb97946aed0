"""What a Python program gives to `Predictor.predict`, as the sources that the command reads."""

import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image as Pillow

from ampnet.errors import UsageError
from ampnet.files.download import is_url
from ampnet.files.printable import one_line
from ampnet.reading.inputs import is_photo, take_photo
from ampnet.reading.named_inputs import expand_patterns
from ampnet.reading.sources import Plan, Source, in_folder, is_folder
from ampnet.reading.video import is_video


def one_photo(given: Any) -> Source | None:
    """Return the source of a single photo; None for several, a folder, a video, and a pattern that matches something.

    A path to nothing is a photo that cannot be read.
    """
    if not is_photo(given) or (_is_path(given) and _several_files(given, videos=True) is not None):
        return None
    return _photo(given, "photo")


def to_sources(given: Any, videos: bool) -> Iterable[Source]:
    """List several photos and videos.

    Args:
        given: a folder, a video, a pattern, or an iterable of these and of photos, which is iterated over as far as
            the result is.
        videos: whether to read the videos in folders, too.

    Raises:
        UsageError: ``given`` is a folder without any image.
    """
    if _is_path(given):
        plan = _several_files(given, videos) or Plan([_photo(given, "photo")], [])
        _warn(plan)
        if plan.is_empty:
            raise UsageError(str(plan.sources[0].problem))
        return plan.sources
    return _each(given, videos)


def is_at_hand(given: Any) -> bool:
    """Whether all of them may be taken before the first result is asked for; false where they come one by one."""
    return _is_path(given) or isinstance(given, Sequence) or hasattr(given, "ndim")


def _each(given: Iterable[Any], videos: bool) -> Iterator[Source]:
    for number, one in enumerate(given, start=1):
        plan = _several_files(one, videos) if _is_path(one) else None
        if plan is None:
            yield _photo(one, f"photo {number}")
        else:
            _warn(plan)
            yield from plan.sources


def _several_files(given: Any, videos: bool) -> Plan | None:
    """Expand the path of a folder or a video, or a pattern that matches something."""
    path = Path(os.fsdecode(given))
    matches = [Path(match) for match in expand_patterns([path])]
    if matches == [path] and not is_folder(path) and not is_video(path):
        return None
    plans = [
        in_folder(match, None, videos, "videos=True") if is_folder(match) else Plan([Source(match, None)], [])
        for match in matches
    ]
    sources = [source for plan in plans for source in plan.sources]
    return Plan(sources, [note for plan in plans for note in plan.notes], all(plan.is_empty for plan in plans))


def _photo(given: Any, name: str) -> Source:
    """Return the source of one photo, which results call as the program did."""
    path = Path(os.fsdecode(given) if _is_path(given) else name)
    if isinstance(given, str) and is_url(given):
        return Source(path, None, url=given)
    is_alone = hasattr(given, "read") or isinstance(given, Pillow.Image)  # decoding changes both
    name = one_line(given) if _is_path(given) else name
    return Source(path, None, take=partial(take_photo, given, name), is_alone=is_alone)


def _is_path(given: Any) -> bool:
    return isinstance(given, str | os.PathLike) and not is_url(given)


def _warn(plan: Plan) -> None:
    for note in plan.notes:
        warnings.warn(note, stacklevel=2)
