"""Splitting a data set by its people, so that no person is in two splits."""

from ampnet.errors import DataError

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
