"""What each level of a tree of folders means: splits, classes, people, or nothing.

Folders are given as the tuples of names that lead to images. Ambiguous folders are refused, with what was
seen and what to do: a split or a person must not become a class.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from ampnet.dataset.sources.split_names import FILLERS, SET_NAMES, split_of_name, splits_among, words_of
from ampnet.errors import DataError
from ampnet.files.documents import listed
from ampnet.files.printable import printable
from ampnet.settings import Split
from ampnet.settings.labels import class_key, meant_expression

Folders = tuple[str, ...]

JUNK = frozenset(("__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found"))
"""Folders that systems add to archives and disks."""

PEOPLE = frozenset(
    (
        *("subject", "subj", "sub", "person", "participant", "actor"),
        *("user", "patient", "volunteer", "id", "proband", "child"),
    )
)
"""Words of folders that stand for a person."""

PARTS = frozenset(("fold", "part", "batch", "cv", "group", "session", "round", "chunk", "k"))
"""Words of folders, beside a number, that are parts of a set rather than people."""

MANY_PEOPLE = 5
"""So many folders that repeat the same classes are people even if their names do not say so."""


@dataclass
class Levels:
    """How to read the folders."""

    wrapper: int = 0
    """Outer folders that mean nothing."""
    splits: dict[str, Split] = field(default_factory=dict)
    """Folder name -> split; empty without splits."""
    split_level: int = -1
    """Place of the split behind the wrappers; -1 without splits."""
    wrapped: dict[str, int] = field(default_factory=dict)
    """By split folder, the folders below it that mean nothing."""
    class_level: int = 0
    """Place of the class, behind wrappers and split."""
    person_level: int = -1
    """Place of the person, counted likewise; -1 if people are unknown."""
    unused: list[str] = field(default_factory=list)
    """Folders below several classes that may be people, but are not named so."""

    def class_place(self, folders: Folders) -> int:
        """Return the place of the class among a folder's names."""
        if self.split_level == 0:
            return self.wrapper + 1 + self.wrapped.get(folders[self.wrapper], 0) + self.class_level
        return self.wrapper + self.class_level

    def read(self, folders: Folders) -> tuple[str, str, str] | None:
        """Return split (or empty), class and person (or empty) of the images in a folder; None without a class."""
        inner, split = folders[self.wrapper :], ""
        if self.split_level == 0 and inner:
            split, inner = self.splits[inner[0]], inner[1 + self.wrapped.get(inner[0], 0) :]
        elif self.split_level == 1:
            if len(inner) < 2:
                return None
            split, inner = self.splits[inner[1]], (inner[0], *inner[2:])
        if len(inner) <= max(self.class_level, self.person_level):
            return None
        return split, inner[self.class_level], inner[self.person_level] if self.person_level >= 0 else ""


def find_levels(found: Collection[Folders], root: Path) -> Levels:
    """Find out what the levels of folders mean.

    Args:
        found: the folders that hold images, as names from the root on.

    Raises:
        DataError: splits are beside other folders, several data sets or parts of one lie side by side, or there are
            people, but too few to split by.
    """
    levels = Levels()
    inner = _peeled({folders for folders in found if folders})
    while inner is not None:
        levels.wrapper += 1
        found, inner = {folders[1:] for folders in found if folders[1:]}, _peeled({f[1:] for f in found if f[1:]})
    below = {folders for folders in found if folders}
    names = {folders[0] for folders in below}
    levels.splits = splits_among(names)
    if levels.splits:
        _require_splits(names, root)
        levels.split_level = 0
        below = _below_splits(below, levels)
    elif _is_class_first(below):
        levels.split_level = 1
        levels.splits = splits_among({folders[1] for folders in below})
        _require_classes(names, {(folders[0], *folders[2:]) for folders in below}, root)
        return levels
    elif len(names) > 1:
        seconds: dict[str, set[str]] = {name: set() for name in names}
        for top, *lower in below:
            seconds[top].update(lower[:1])
        if splits_among(set.intersection(*seconds.values())):  # of every class, so that they would be lost
            _require_splits(set.union(*seconds.values()), root)
    _read_people(below, levels, root)
    inside = {folders[levels.class_level :] for folders in below if folders[levels.class_level :]}
    _require_classes({folders[0] for folders in inside}, inside, root)
    return levels


def _require_splits(names: set[str], root: Path) -> None:
    splits = splits_among(names)
    if strays := names.difference(splits):
        raise DataError(
            f"{root} mixes splits ({listed(sorted(splits))}) with other folders of images "
            f"({listed(sorted(strays))}); move one or the other elsewhere"
        )


def _peeled(found: set[Folders]) -> set[Folders] | None:
    """Return the folders without the one around all of them; None if there is none, or it means something."""
    names = {folders[0] for folders in found}
    if len(names) != 1 or any(len(folders) < 2 for folders in found):
        return None
    (name,) = names
    if split_of_name(name) or meant_expression(name):
        return None
    return {folders[1:] for folders in found}


def _below_splits(found: set[Folders], levels: Levels) -> set[Folders]:
    """Return the folders below the splits, without those around all classes of a split.

    A person alone in a split is not such a folder: the others of that kind are in other splits.
    """
    below: set[Folders] = set()
    tops = {folders[1] for folders in found if folders[1:]}
    has_people = len(tops) > 1 and _are_people(tops)
    for name in levels.splits:
        part = {folders[1:] for folders in found if folders[0] == name and folders[1:]}
        while not has_people and (peeled := _peeled(part)) is not None:
            levels.wrapped[name] = levels.wrapped.get(name, 0) + 1
            part = peeled
        below |= part
    return below


def _is_class_first(found: set[Folders]) -> bool:
    """Return whether every folder holds nothing but splits."""
    if not found or any(len(folders) < 2 for folders in found):
        return False
    seconds = {folders[1] for folders in found}
    return set(splits_among(seconds)) == seconds


def _read_people(found: set[Folders], levels: Levels, root: Path) -> None:
    """Note whether folders are people above classes, people below them, or data sets side by side."""
    tops = {folders[0] for folders in found}
    pairs = {folders[:2] for folders in found if len(folders) > 1}
    if len(tops) < 2 or not pairs:
        return
    above: dict[str, set[str]] = {}
    for top, second in pairs:
        above.setdefault(class_key(second), set()).add(top)
    repeated = sum(len(owners) for owners in above.values() if len(owners) > 1)
    is_repeated = 2 * repeated >= len(pairs)
    if 2 * sum(meant_expression(top) is not None for top in tops) >= len(tops):
        if is_repeated and (_are_people({second for _top, second in pairs}) or len(above) >= MANY_PEOPLE):
            levels.person_level = 1
        elif is_repeated and not _are_sets({second for _top, second in pairs}):
            levels.unused = sorted({second for _top, second in pairs})
        return
    expressions = sum(meant_expression(second) is not None for _top, second in pairs)
    is_nested = not any(len(folders) < 2 for folders in found)
    if not is_nested or not (is_repeated or 2 * expressions >= len(pairs)):
        return
    classes = sorted({second for _top, second in pairs})
    seen = f"{root}: the folders {listed(sorted(tops))} hold the folders {listed(classes)}"
    if _are_people(tops) or (len(tops) >= MANY_PEOPLE and not _are_sets(tops)):
        levels.class_level, levels.person_level = 1, 0
        return
    raise DataError(
        f"{seen}, so they are data sets, parts of one, or people, and not classes; prepare each data set by itself, "
        "merge parts, or name people's folders with numbers, such as subject_01"
    )


def _require_classes(classes: Collection[str], found: set[Folders], root: Path) -> None:
    """Refuse folders that are not classes: above folders that are classes or splits themselves, or named like people.

    Args:
        classes: the names of folders that would be classes.
        found: the folders that hold images, from those of classes on.
    """
    if any(meant_expression(name) is not None for name in classes):
        return
    inner = sorted({name for folders in found for name in folders[1:]})
    known = [name for name in inner if meant_expression(name) is not None or split_of_name(name) is not None]
    if known and len({folders[0] for folders in found if set(folders[1:]) & set(known)}) > 1:
        raise DataError(
            f"{root}: the folders {listed(sorted(classes))} hold {listed(known)}, so they are data sets, parts of one, "
            "or people, and not classes; prepare each data set by itself, or give a CSV with the columns path, label "
            "and subject"
        )
    if len(classes) > 1 and all(_names_person(name) for name in classes):
        raise DataError(
            f"{root}: the folders {listed(sorted(classes))} are named like people, and hold no folder for each class; "
            "sort each person's images into class folders, or give a CSV with the columns path, label and subject"
        )


def _names_person(name: str) -> bool:
    words = words_of(name)
    return bool(PEOPLE.intersection(words)) or (words in (["s"], ["p"]) and re.search(r"\d", name) is not None)


def _are_people(names: Collection[str]) -> bool:
    """Return whether folders' names are those of people in a study: numbers, or a few letters and a number."""
    return not _are_sets(names) and all(
        not PEOPLE.isdisjoint(words_of(name))
        or (re.search(r"\d", name) is not None and all(len(word) <= 2 for word in words_of(name)))
        for name in names
    )


def _are_sets(names: Collection[str]) -> bool:
    """Return whether a folder's name is that of a data set or of a part of one."""
    return any(set(words_of(name)) & (SET_NAMES | PARTS | FILLERS) for name in names)


def describe_levels(levels: Levels, people: Collection[str]) -> list[str]:
    """Describe how the folders were read, where that is not obvious."""
    notes = []
    odd = {name: split for name, split in levels.splits.items() if class_key(name) != split}
    if odd:
        notes.append("splits: " + ", ".join(f"{printable(name)} -> {split}" for name, split in sorted(odd.items())))
    if people:
        notes.append(f"{len(people):,} people, by folder ({listed(sorted(people)[:3])}{', ...' * (len(people) > 3)})")
    if levels.unused:
        notes.append(
            f"the folders {listed(levels.unused)} are below several classes; if they are people, name them so, such as "
            "subject_01, or nobody is kept on one side of a split"
        )
    return notes
