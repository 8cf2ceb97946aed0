"""All hostile cases, in a fixed order."""

import random
import re
from collections.abc import Iterator

from tests.hostile import (
    checkpoint_fields,
    checkpoints,
    disks_and_locks,
    documents,
    images,
    inputs,
    layouts,
    outputs,
    raw_lists,
    tables,
    training_states,
    videos,
)
from tests.hostile.case import Case
from tests.hostile.runner import fresh

FRESH_SHARE = 40
"""One case in so many runs in a process of its own as well."""

MODULES = (
    images,
    checkpoints,
    checkpoint_fields,
    training_states,
    documents,
    tables,
    layouts,
    raw_lists,
    videos,
    inputs,
    outputs,
    disks_and_locks,
)

QUICK_ITEMS = 1
"""Most cases of one item of the issue in one kind that run with the tests."""
QUICK_OTHERS = {"images": 4, "checkpoints": 6, "documents": 4, "layouts": 2, "videos": 1, "inputs": 2, "outputs": 1}
"""Further cases of each kind that do."""


def all_cases(repeats: int = 1, seed: int = 0) -> Iterator[Case]:
    """Yield the whole corpus.

    Args:
        repeats: how often random damage is done.
        seed: chooses the cases that also run in a process of their own.
    """
    rng = random.Random(seed)
    for module in MODULES:
        for case in module.cases(repeats):
            yield case
            if rng.randrange(FRESH_SHARE) == 0 and case.scenario is None and not case.is_slow:
                yield fresh(case)


def quick_cases(seed: int = 0) -> list[Case]:
    """Choose the part that runs with the tests: some cases of every item of the issue, and some of the rest."""
    rng = random.Random(seed)
    everything = [case for case in all_cases(1, seed) if not case.is_slow and not case.is_fresh]
    items: dict[tuple[str, str], list[Case]] = {}
    for case in everything:
        if case.is_named:
            item = re.match(r"[SM]\d+|small", case.name.partition("/")[2])
            items.setdefault((case.kind, item[0] if item else ""), []).append(case)
    chosen = [case for cases in items.values() for case in rng.sample(cases, min(QUICK_ITEMS, len(cases)))]
    for kind, count in QUICK_OTHERS.items():
        others = [case for case in everything if case.kind == kind and not case.is_named]
        chosen += rng.sample(others, min(count, len(others)))
    return chosen
