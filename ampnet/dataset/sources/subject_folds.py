"""Splitting a data set by its people, so that no person is in two splits."""

from collections import defaultdict
from dataclasses import replace

from ampnet.dataset.index.raw_images import RawDataSet
from ampnet.errors import DataError
from ampnet.files.documents import listed

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
    """
    people = sorted(set(subjects))
    if len(people) < 3:
        raise DataError(f"a split by subject needs three or more people, found {len(people)}")
    used = min(FOLDS, len(people))
    test, val = fold % used, (fold + 1) % used
    return {person: {test: "test", val: "val"}.get(position % used, "train") for position, person in enumerate(people)}


def split_by_subject(source: RawDataSet, fold: int | None) -> RawDataSet:
    """Split a data set by its people, if all of its images tell them and it has no official splits.

    Where it has, people that are on several sides of them are noted.

    Args:
        fold: test fold, 0 to 9; None leaves the data set as it is, for those who need no splits.

    Raises:
        DataError: there are fewer than three people.
    """
    if fold is None:
        return source
    if source.has_splits:
        splits = defaultdict[str, set[str]](set)
        for item in source.items:
            if item.subject:
                splits[item.subject].add(item.split)
        torn = sorted(person for person, where in splits.items() if len(where) > 1)
        note = f"{len(torn):,} of {len(splits):,} people are in more than one split ({listed(torn[:3])})"
        return replace(source, notes=[*source.notes, note]) if torn else source
    if not all(item.subject for item in source.items):
        return source
    people = fold_splits([item.subject for item in source.items], fold)
    items = [replace(item, split=people[item.subject]) for item in source.items]
    test = sorted(person for person, split in people.items() if split == "test")
    some = f"{len(test):,} of {len(people):,} people ({listed(test[:3])})"
    note = f"no person is in two splits: test has {some}; for others: --fold"
    return replace(source, items=items, notes=[*source.notes, note])
