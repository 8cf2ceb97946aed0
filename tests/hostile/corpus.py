"""All hostile cases, in a fixed order."""

import random
import re
from collections.abc import Iterator

from tests.hostile import checkpoints, documents, images, inputs, layouts, outputs, raw_lists, training_states, videos
from tests.hostile.case import Case
from tests.hostile.runner import fresh

FRESH_SHARE = 40
"""One case in so many runs in a process of its own as well."""

MODULES = (images, checkpoints, training_states, documents, layouts, raw_lists, videos, inputs, outputs)


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
    """Choose the part that runs with the tests: a case of every item of the issue, and one of the rest of each kind."""
    rng = random.Random(seed)
    groups: dict[tuple[str, str], list[Case]] = {}
    for case in all_cases(1, seed):
        if not case.is_slow and not case.is_fresh:
            item = re.match(r"[SM]\d+|small", case.name.partition("/")[2])
            groups.setdefault((case.kind, item[0] if item else ""), []).append(case)
    return [rng.choice(cases) for cases in groups.values()]
