"""Comparing what was found of a data set with its published numbers."""

from collections import Counter

from ampnet.dataset.index.raw_images import SourceImage


def compare_counts(items: list[SourceImage], published: dict[str, int]) -> list[str]:
    """Report differences between a data set's size and the published one.

    Args:
        published: images in each split; in the whole data set under ``""``.
    """
    found = Counter(item.split for item in items)
    found[""] = len(items)
    return [
        f"{found[split]:,} images{f' in {split}' if split else ''} where the published set has {count:,}"
        for split, count in published.items()
        if found[split] != count
    ]


def compare_class_counts(items: list[SourceImage], published: dict[str, dict[str, int]]) -> list[str]:
    """Report class counts that differ from the published ones in splits whose total is as published.

    Args:
        published: images of each class in each split.
    """
    found = Counter((item.split, item.class_name) for item in items)
    return [
        f"{found[split, name]:,} images of {name} in {split} where the published set has {count:,}"
        for split, classes in published.items()
        if sum(found[split, name] for name in classes) == sum(classes.values())
        for name, count in classes.items()
        if found[split, name] != count
    ]
