"""Splits: which one a name means (``training_set``, ``FER2013Valid``, ``dev``), and splitting by people."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from ampnet.dataset.index.raw_images import RawDataSet
from ampnet.errors import DataError, UsageError
from ampnet.files.documents import listed
from ampnet.settings import Split
from ampnet.settings.labels import class_key

WORDS: dict[str, Split] = {
    **dict.fromkeys(("train", "training", "trn", "learn", "learning"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "validating", "dev", "development"), "val"),
    **dict.fromkeys(("eval", "evaluation", "publictest"), "val"),  # FER-2013's public test set validates
    **dict.fromkeys(("test", "testing", "tst", "privatetest", "holdout", "heldout"), "test"),
}
"""Words of one split's names."""

FILLERS = frozenset(
    re.findall(
        r"\w+",
        "set sets image images img imgs data dataset datasets ds split face faces picture pictures pic pics photo "
        "photos sample samples folder file files part subset cropped aligned crop align original orig labels label "
        "list csv jpg jpeg png the my of for in and raw all new final",
    )
)
"""Words that say nothing about the split."""

SET_NAMES = frozenset(
    re.findall(
        r"\w+",
        "fer ferplus ferp raf rafdb db affectnet ck ckplus jaffe sfew afew expw kdef rafd fane emotic mmi oulu casme "
        "fed ro fedro emore celeba lfw mead cremad ravdess tfeid niml gfer",
    )
)
"""Words by which data sets are known."""


def words_of(name: str) -> list[str]:
    """Split a name into its words: letters in a row, in lower case."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", unicodedata.normalize("NFC", name))
    return re.findall(r"[^\W\d_]+", spaced.casefold())


def split_of_name(name: str) -> Split | None:
    """Translate a name to a split; None if it holds no word of a split, or any word that is unknown."""
    split, unknown = _read(name)
    return None if unknown else split


def splits_among(names: Iterable[str]) -> dict[str, Split]:
    """Translate the names of siblings to splits.

    A name with an unknown word is a split's only if another differs from it in the split alone: ``kitchen_train``
    beside ``kitchen_test``; or if all are named like splits, and one of them like nothing else: ``Session 1 train``
    beside ``my-test``. If ``eval`` is beside another validation split, and nothing is for testing, it is for
    that.

    Returns:
        The split of each name that is a split's.
    """
    read = {name: _read(name) for name in names}
    found: dict[str, Split] = {}
    beside = defaultdict[tuple[str, ...], set[Split]](set)
    for split, unknown in read.values():
        beside[unknown].update(() if split is None else (split,))
    for name, (split, unknown) in read.items():
        if split is not None and (not unknown or len(beside[unknown]) > 1):
            found[name] = split
    if all(split for split, _ in read.values()) and any(not read[name][1] for name in found):
        found = {name: split for name, (split, _) in read.items() if split}
    validating = [name for name, split in found.items() if split == "val"]
    evaluating = [name for name in validating if {"eval", "evaluation"}.intersection(words_of(name))]
    if "test" not in found.values() and 0 < len(evaluating) < len(validating):
        found |= dict.fromkeys(evaluating, "test")
    return found


def _read(name: str) -> tuple[Split | None, tuple[str, ...]]:
    """Return the split that a name's words mean, and its unknown words."""
    words = words_of(name)
    if (whole := WORDS.get("".join(words))) is not None:  # private_test, hold-out
        return whole, ()
    splits, unknown = set[Split](), list[str]()
    for word in words:
        if (split := _split_of_word(word)) is not None:
            splits.add(split)
        elif word not in FILLERS | SET_NAMES:
            unknown.append(word)
    return (splits.pop() if len(splits) == 1 else None), tuple(unknown)


def _split_of_word(word: str) -> Split | None:
    if word in WORDS:
        return WORDS[word]
    for known, split in WORDS.items():
        before, after = word.removesuffix(known), word.removeprefix(known)
        if (after != word and after in FILLERS) or (before != word and before in FILLERS | SET_NAMES):
            return split  # trainset, fertrain
    return None


FOLDS = 10
"""Folds of data sets that are split by subject."""


def fold_splits(subjects: list[str], fold: int) -> dict[str, str]:
    """Divide people into ten folds and the folds into splits, so that no person is in two splits.

    People are sorted by name and every tenth is in the same fold (the usual protocol for CK+; each of JAFFE's ten women
    is one fold). Fold ``fold`` is test, the next one val, the other eight train.

    Args:
        subjects: the person in each image.
        fold: 0 to 9.

    Returns:
        The split of each person.

    Raises:
        DataError: there are fewer than three people.
        UsageError: there are too few for so many folds.
    """
    people = sorted(set(subjects))
    if len(people) < 3:
        raise DataError(f"a split by subject needs three or more people, found {len(people)}")
    used = min(FOLDS, len(people))
    if fold >= used:
        raise UsageError(f"of {len(people)} people, --fold is 0 to {used - 1}, not {fold}")
    test, val = fold % used, (fold + 1) % used
    return {person: {test: "test", val: "val"}.get(position % used, "train") for position, person in enumerate(people)}


def split_by_subject(source: RawDataSet, fold: int | None) -> RawDataSet:
    """Split a data set by its people, if all of its images name them and it has no official splits.

    Where it has, people that are on several sides of them are noted; so is that some images do not name them.

    Args:
        fold: test fold, 0 to 9; None leaves the data set as it is, for those who need no splits.

    Raises:
        DataError: there are fewer than three people.
        UsageError: the data set is not split by people, and a fold is requested.
    """
    source = _with_one_spelling(source)
    if fold is None:
        return source
    names_people = all(item.subject for item in source.items)
    if fold and (source.has_splits or not names_people):
        why = "the data set has its own splits" if names_people else "not every image says whose face it shows"
        raise UsageError(f"--fold chooses people to test on, but {why}; leave it out")
    if source.has_splits:
        splits = defaultdict[str, set[str]](set)
        for item in source.items:
            if item.subject:
                splits[item.subject].add(item.split)
        torn = sorted(person for person, where in splits.items() if len(where) > 1)
        note = f"{len(torn):,} of {len(splits):,} people are in more than one split ({listed(torn[:3])})"
        return replace(source, notes=[*source.notes, note]) if torn else source
    if not names_people:
        unknown = sum(not item.subject for item in source.items)
        note = f"not split by people, who may be in train and in test: {unknown:,} of {len(source.items):,} images do "
        note += "not say whose face they show; fill in all, or give a split"
        return replace(source, notes=[*source.notes, note]) if unknown < len(source.items) else source
    people = fold_splits([item.subject for item in source.items], fold)
    items = [replace(item, split=people[item.subject]) for item in source.items]
    test = sorted(person for person, split in people.items() if split == "test")
    some = f"{len(test):,} of {len(people):,} people ({listed(test[:3])})"
    note = f"no person is in two splits: test has {some}; for others: --fold"
    return replace(source, items=items, notes=[*source.notes, note])


def _with_one_spelling(source: RawDataSet) -> RawDataSet:
    """Take people whose names differ as :func:`class_key` compares them for one, so that no person is in two splits."""
    spelled: dict[str, str] = {}
    meant = {
        name: spelled.setdefault(class_key(name), name) for name in sorted({item.subject for item in source.items})
    }
    others = [f"{name} is {own}" for name, own in meant.items() if name != own]
    if not others:
        return source
    items = [replace(item, subject=meant[item.subject]) for item in source.items]
    return replace(source, items=items, notes=[*source.notes, f"people of two spellings: {listed(others)}"])
