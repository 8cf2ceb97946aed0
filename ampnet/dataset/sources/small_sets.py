"""Small data sets, labelled by folders or file names: SFEW 2.0, FED-RO, CK+, JAFFE and KDEF."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ampnet.dataset.index.raw_images import RawDataSet, SourceImage
from ampnet.dataset.sources.class_names import class_order
from ampnet.dataset.sources.folders import read_folders, subfolders
from ampnet.dataset.sources.source_files import compare_counts, lines_of
from ampnet.dataset.sources.split_names import split_by_subject
from ampnet.errors import DataError
from ampnet.files.documents import quoted
from ampnet.files.opening import read_bytes
from ampnet.files.printable import counted, printable
from ampnet.reading.image_files import list_images
from ampnet.settings.labels import CKPLUS_CODES, EXPRESSIONS, JAFFE_CODES, KDEF_CODES, expression_of

LICENCE_SFEW = "SFEW 2.0: movie stills for research under its licence agreement; do not redistribute"
LICENCE_FEDRO = "FED-RO: images collected from the web, for research only"
LICENCE_CKPLUS = "CK+: for research under its licence agreement; do not redistribute"

SFEW_CLASSES = frozenset(("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise"))
SFEW_PUBLISHED = {"train": 958, "val": 436}
FEDRO_CLASSES = frozenset(("anger", "disgust", "fear", "happy", "neural", "sad", "surprise"))  # sic: neural
FEDRO_PUBLISHED = {"": 400}
CKPLUS_IMAGES, CKPLUS_LABELS = "cohn-kanade-images", "Emotion"
CKPLUS_PUBLISHED = {"ckplus": {"": 981}, "ckplus-1": {"": 327}, "ckplus-neutral": {"": 981 + 327}}
MAX_CODE_BYTES = 1 << 12


@dataclass(frozen=True)
class NamedSet:
    """A data set whose files' names hold the person and the expression."""

    name: re.Pattern[str]
    """Of a file without its extension, with the groups ``person`` and ``code``."""
    example: str
    codes: Mapping[str, str]
    published: int
    """Number of its images."""
    licence: str


NAMED = {
    "jaffe": NamedSet(
        re.compile(r"(?P<person>[A-Z]{2})\.(?P<code>[A-Z]{2})\d(\.\d+)?", re.IGNORECASE),
        "KA.AN1.39.tiff",
        JAFFE_CODES,
        213,
        "JAFFE: for non-commercial research only, under its terms of use (zenodo.org/record/3451524)",
    ),
    "kdef": NamedSet(  # session, person, expression, view: straight, or half or full left or right
        re.compile(r"[AB](?P<person>[FM]\d{2})(?P<code>AF|AN|DI|HA|NE|SA|SU)(S|[HF][LR])", re.IGNORECASE),
        "AF01HAS.JPG",
        KDEF_CODES,
        4900,
        "KDEF: for non-commercial research under its terms of use; do not redistribute",
    ),
}
"""By layout; each of JAFFE's ten women is one fold."""


def is_sfew(root: Path) -> bool:
    """Return whether Train and Val hold SFEW's seven folders, spelled exactly as there."""
    parts = [root / "Train", root / "Val"]
    return all(part.is_dir() and {folder.name for folder in subfolders(part)} == SFEW_CLASSES for part in parts)


def read_sfew(root: Path, layout: str) -> RawDataSet:
    """List SFEW 2.0 without its test images, which have no labels."""
    source = read_folders(root, layout)
    notes = [*source.notes, *compare_counts(source.items, SFEW_PUBLISHED)]
    notes.append("SFEW's test labels are not public; papers report its validation split (--split val in eval)")
    return replace(source, notes=notes, licence=LICENCE_SFEW)


def is_fedro(root: Path) -> bool:
    """Return whether the folder holds FED-RO's seven folders, spelled exactly as there."""
    return {folder.name for folder in subfolders(root)} == FEDRO_CLASSES


def read_fedro(root: Path, layout: str) -> RawDataSet:
    """List FED-RO, a test-only data set; a list file of ``class/file`` lines decides the order, if there is one.

    Raises:
        DataError: its class folders hold no images.
    """
    lists = (_fedro_list(path) for path in sorted(root.glob("*.txt")) if path.is_file())
    listed = next((names for names in lists if names), None)
    names = listed or [path.relative_to(root).as_posix() for path in list_images(root)]
    items: list[SourceImage] = []
    for name in names:
        class_name = expression_of(name.partition("/")[0])
        if "/" in name and class_name is not None:
            items.append(SourceImage(root, name, "test", class_name))
    if not items:
        raise DataError(f"{root} holds none of FED-RO's class folders with images")
    return RawDataSet(layout, EXPRESSIONS, items, compare_counts(items, FEDRO_PUBLISHED), LICENCE_FEDRO)


def _fedro_list(path: Path) -> list[str] | None:
    names = [line.split()[0] for _number, line in lines_of(path)]
    return names if names and all(name.partition("/")[0] in FEDRO_CLASSES for name in names) else None


def is_ckplus(root: Path) -> bool:
    """Return whether the folder holds CK+'s images and emotion files."""
    return (root / CKPLUS_IMAGES).is_dir() and (root / CKPLUS_LABELS).is_dir()


def read_ckplus(root: Path, layout: str, fold: int | None = 0) -> RawDataSet:
    """List the labelled sequences of CK+, split by subject.

    Args:
        layout: ``ckplus`` takes the last three frames of each sequence, ``ckplus-1`` the last one,
            ``ckplus-neutral`` the last three, and the first as neutral.
        fold: test fold (0-9).

    Raises:
        DataError: an emotion file does not hold a code from 0 to 7.
    """
    if not is_ckplus(root):
        raise DataError(f"{root} holds no {CKPLUS_IMAGES} and {CKPLUS_LABELS} folders; unpack CK+'s archives there")
    items = list(_ckplus_frames(root, layout))
    if not items:
        raise DataError(f"{root / CKPLUS_LABELS} holds no *_emotion.txt file")
    names = class_order({item.class_name for item in items})
    notes = compare_counts(items, CKPLUS_PUBLISHED[layout])
    return split_by_subject(RawDataSet(layout, names, items, notes, LICENCE_CKPLUS), fold)


def _ckplus_frames(root: Path, layout: str) -> Iterator[SourceImage]:
    for label_file in sorted((root / CKPLUS_LABELS).glob("*/*/*_emotion.txt")):
        person, sequence = label_file.parts[-3:-1]
        class_name = _ckplus_class(label_file)
        frames = list_images(root / CKPLUS_IMAGES / person / sequence)
        if not frames:
            raise DataError(f"{root / CKPLUS_IMAGES / person / sequence} holds no frames, but {label_file} labels them")
        chosen = [(frame, class_name) for frame in (frames[-1:] if layout == "ckplus-1" else frames[-3:])]
        if layout == "ckplus-neutral":
            chosen.insert(0, (frames[0], "neutral"))
        for frame, name in chosen:
            yield SourceImage(root, frame.relative_to(root).as_posix(), "", name, subject=person)


def _ckplus_class(path: Path) -> str:
    """Read an emotion file: one code, written as a floating-point number."""
    try:
        text = read_bytes(path, MAX_CODE_BYTES).decode("ascii", "replace").strip()
    except DataError as error:
        raise DataError(f"cannot read the emotion {printable(path)}: {error}") from error
    try:
        return CKPLUS_CODES[str(int(float(text)))]
    except (KeyError, ValueError, OverflowError):
        raise DataError(f"{printable(path)}: expected an emotion from 0 to 7, got {quoted(text)}") from None


def is_named_like(layout: str, root: Path) -> bool:
    """Return whether the first images are named as in one of :data:`NAMED`."""
    images = list_images(root)[:20]
    return bool(images) and all(NAMED[layout].name.fullmatch(image.stem) for image in images)


def read_by_names(root: Path, layout: str, fold: int | None = 0) -> RawDataSet:
    """List a data set whose files' names hold person and expression, split by subject.

    Raises:
        DataError: no image is named so.
    """
    known = NAMED[layout]
    items: list[SourceImage] = []
    others = 0
    for image in list_images(root):
        match = known.name.fullmatch(image.stem)
        class_name = known.codes.get(match["code"].upper()) if match else None
        if match is None or class_name is None:
            others += 1
            continue
        relative, person = image.relative_to(root).as_posix(), match["person"].upper()
        items.append(SourceImage(root, relative, "", class_name, subject=person))
    if not items:
        raise DataError(f"{root} holds no images named as in {layout.upper()}, such as {known.example}")
    notes = compare_counts(items, {"": known.published})
    if others:
        notes.append(f"left out {counted(others, 'image')} with other names")
    names = class_order({item.class_name for item in items})
    return split_by_subject(RawDataSet(layout, names, items, notes, known.licence), fold)
