"""Which split a folder, a file or a cell means by its name: ``training_set``, ``FER2013Valid``, ``dev``."""

import re
import unicodedata
from collections.abc import Iterable

from ampnet.settings import Split

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
    beside ``my-test``. Where ``eval`` stands beside another validation split, and nothing is for testing, it is for
    that.

    Returns:
        The split of each name that is a split's.
    """
    read = {name: _read(name) for name in names}
    found: dict[str, Split] = {}
    for name, (split, unknown) in read.items():
        others = {other for other, rest in read.values() if rest == unknown and other is not None}
        if split is not None and (not unknown or len(others) > 1):
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
