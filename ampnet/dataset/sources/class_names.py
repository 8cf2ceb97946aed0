"""What a data set's own labels mean: folder names and cells become classes, and every change is noted."""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ampnet.dataset.index.raw_images import SourceImage
from ampnet.errors import DataError, UsageError
from ampnet.files.documents import listed, quoted, read_json
from ampnet.files.printable import counted, printable
from ampnet.settings.labels import (
    EXPRESSIONS_8,
    MAX_CLASSES,
    MAX_NAME,
    NUMBER_BEFORE,
    SYNONYMS,
    bare_label,
    class_key,
    is_no_class,
    meant_expression,
)

CLASSES_FILE = "classes.json"
"""Optional, in the raw folder: label -> class name, in label order."""

KEEP = "keep"
"""Stands for ``--classes keep``: labels are classes as they are."""


_NUMERIC = re.compile(r"[\d\s.,:/+-]*\d[\d\s.,:/+-]*")  # also dates
_DECIMAL = re.compile(r"^\s*[+-]?\d*[.,]\d+\s*$")
_BETWEEN = re.compile(r"[,;|/+&]|\band\b")


@dataclass(frozen=True)
class Classes:
    """The classes of a data set."""

    meaning: Mapping[str, str]
    """Label as spelled -> class."""
    names: tuple[str, ...]
    """In label order."""
    notes: list[str] = field(default_factory=list)
    """What was changed, for the user."""

    def apply(self, items: Iterable[SourceImage]) -> tuple[list[SourceImage], list[str]]:
        """Name the class of each image; those whose label means none are left out. Also returns all notes."""
        named, left_out = list[SourceImage](), Counter[str]()
        for item in items:
            if item.class_name in self.meaning:
                named.append(replace(item, class_name=self.meaning[item.class_name]))
            else:
                left_out[item.class_name] += 1
        if not left_out:
            return named, self.notes
        shown = listed(quoted(printable(label)) for label in sorted(left_out))
        note = f"left out {counted(left_out.total(), 'image')} labelled {shown}, which names no class"
        cure = " (--classes keep makes it one)" if any(map(str.strip, left_out)) else ""
        return named, [*self.notes, note + cure]


def classes_of(
    labels: Iterable[str], root: Path, what: str, codes: Mapping[str, str] | None = None, choice: str | None = None
) -> Classes:
    """Decide which classes a data set's labels mean.

    Labels that differ in case or in the composition of letters only are one class. Names of expressions become ours,
    which is noted; labels like ``unknown`` and ``NaN`` mean no class.

    Args:
        labels: as spelled in the data set.
        root: the raw folder, whose ``classes.json`` decides if it exists.
        what: description of the labels, for messages.
        codes: label -> class, for known data sets.
        choice: a JSON file like ``classes.json``, or :data:`KEEP`; takes precedence.

    Raises:
        UsageError: there is no such file.
        DataError: the labels are numbers of unknown meaning, one is misspelled or names several classes, or there is
            only one class.
    """
    found = set(labels)
    written = root / CLASSES_FILE if choice in (None, KEEP) else Path(str(choice))
    if choice not in (None, KEEP) and not written.is_file():
        raise UsageError(f"--classes: {printable(written)} is not a file; give a JSON file, or keep")
    if choice != KEEP and written.exists():
        return _as_written(found, written)
    if choice != KEEP and codes is not None and found <= set(codes):
        return Classes(codes, class_order(set(codes.values())))
    without = set[str]() if choice == KEEP else {label for label in found if is_no_class(label)}
    found -= without
    if not found:
        raise DataError(f"{what} name no class ({listed(sorted(map(quoted, without)))})")
    if all(_NUMERIC.fullmatch(label) for label in found) and choice != KEEP:
        if any(_DECIMAL.search(label) for label in found):
            raise DataError(f"{what} are measurements ({listed(sorted(found))}); a classifier needs a name of a class")
        example = json.dumps({printable(label, 20): "..." for label in sorted(found)[:2]})
        raise DataError(
            f"{what} are numbers ({listed(sorted(found))}), whose meaning differs between data sets; "
            f"name the classes in {written} ({example[:-1]}, ...}}), or the data set with --layout"
        )
    classes = _by_name(found, what, choice == KEEP)
    if len(classes.names) < 2:
        raise DataError(f"{what} name only one class ({classes.names[0]}); a classifier needs at least two")
    if len(classes.names) > MAX_CLASSES:
        raise DataError(f"{what} name {len(classes.names):,} classes, more than the maximum of {MAX_CLASSES:,}")
    return classes


def class_order(names: Iterable[str]) -> tuple[str, ...]:
    """Sort class names into label order: expressions first, in our order and whatever they are called, then by name."""

    def place(name: str) -> tuple[int, str]:
        meant = meant_expression(name)
        return (len(EXPRESSIONS_8) if meant is None else EXPRESSIONS_8.index(meant)), name

    return tuple(sorted(set(names), key=place))


def _by_name(found: set[str], what: str, is_kept: bool) -> Classes:
    by_key: dict[str, list[str]] = {}
    for label in sorted(found):
        if not label.strip():
            raise DataError(f"{what}: a label is blank; name a class for it")
        by_key.setdefault(class_key(label), []).append(label)
    meaning: dict[str, str] = {}
    notes: list[str] = []
    plain = {key: NUMBER_BEFORE.sub("", key, count=1) for key in by_key}
    is_numbered = not is_kept and len(set(plain.values())) == len(plain) and all(plain[key] != key for key in plain)
    for key, spellings in by_key.items():
        shown = unicodedata.normalize("NFC", spellings[0])
        shown = _class_name(NUMBER_BEFORE.sub("", shown, count=1) if is_numbered else shown, what)
        own = None if is_kept else meant_expression(key)
        several = [part for part in _BETWEEN.split(key) if meant_expression(part)]
        if own is None and not is_kept and len(several) > 1:
            raise DataError(
                f"{what}: {quoted(shown)} names several classes; give one to each row, or a row for each vote"
            )
        if own is None and not is_kept and (near := _near_expression(bare_label(key))):
            raise DataError(
                f"{what}: {quoted(shown)} looks like {quoted(near)}; rename it, or say what all of them mean with "
                f"--classes FILE (JSON: {json.dumps({printable(shown, 40): meant_expression(near)})[:-1]}, ...}}), "
                "or --classes keep"
            )
        meaning |= dict.fromkeys(spellings, own or shown)
        if own is None and len(spellings) > 1:
            others = [printable(unicodedata.normalize("NFC", other)) for other in spellings[1:]]
            notes += [f"{', '.join(others)} and {shown} are one class"] if set(others) != {shown} else []
    names = class_order(meaning.values())
    renamed = {printable(label): own for label, own in meaning.items() if class_key(label) != class_key(own)}
    if renamed:
        changes = ", ".join(f"{label} -> {own}" for label, own in sorted(renamed.items(), key=lambda pair: pair[::-1]))
        notes.insert(0, f"class names: {changes} (--classes keep leaves them as they are)")
    return Classes(meaning, names, notes)


def _near_expression(key: str) -> str | None:
    """Find the expression's name that a label misspells; None if it is none, or another word."""
    if len(key) < 4:
        return None
    most = 2 if len(key) >= 8 else 1
    near = [name for name in SYNONYMS if len(name) >= 5 and _distance(key, name, most) <= most]
    return min(near, key=lambda name: (_distance(key, name, most), name)) if near else None


def _distance(one: str, other: str, most: int) -> int:
    """Count the letters to insert, drop, change or swap with the next one (optimal string alignment)."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before, last = list[int](), list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        row = [i]
        for j, compared in enumerate(other, start=1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != compared))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == compared:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]


def _class_name(label: str, what: str) -> str:
    """Return a label as it is kept: stripped, with escapes for what cannot be printed or written as UTF-8."""
    name = printable(" ".join(label.split()), 4 * MAX_NAME)
    if len(name) > MAX_NAME:
        raise DataError(f"{what}: {quoted(name)} has more than {MAX_NAME} characters")
    return name


def _as_written(found: set[str], path: Path) -> Classes:
    cure = "it must be a JSON object of label -> class name"
    written = read_json(path, dict[str, str], cure)
    by_key = {class_key(label): _class_name(name, str(path)) for label, name in written.items()}
    for label, name in written.items():
        if by_key[class_key(label)] != _class_name(name, str(path)):
            raise DataError(f"{path} names {quoted(label)} twice, in another spelling; name each label once")
    if not all(by_key.values()) or not 2 <= len(set(by_key.values())) <= MAX_CLASSES:
        raise DataError(f"{path}: {cure} with two or more classes")
    unnamed = {label for label in found if class_key(label) not in by_key}
    if unknown := ", ".join(sorted(label for label in unnamed if not is_no_class(label))):
        raise DataError(f"{path} lacks {quoted(unknown)}; add them, or move those images elsewhere")
    meaning = {label: by_key[class_key(label)] for label in found - unnamed}
    return Classes(meaning, tuple(dict.fromkeys(by_key.values())))
