"""All hostile cases, in a fixed order."""

import random
from collections.abc import Iterator

from tests.hostile import checkpoints, documents, images, layouts, outputs, training_states, videos
from tests.hostile.case import Case
from tests.hostile.runner import fresh

FRESH_SHARE = 40
"""One case in so many runs in a process of its own as well."""

QUICK = {"images": 25, "checkpoints": 45, "documents": 30, "layouts": 15, "videos": 4, "outputs": 4}
"""Cases of each kind that are drawn for the quick part, beside the issue's items."""


def all_cases(repeats: int = 1, seed: int = 0) -> Iterator[Case]:
    """Yield the whole corpus.

    Args:
        repeats: how often random damage is done.
        seed: chooses the cases that also run in a process of their own.
    """
    rng = random.Random(seed)
    for module in (images, checkpoints, training_states, documents, layouts, videos, outputs):
        for case in module.cases(repeats):
            yield case
            if rng.randrange(FRESH_SHARE) == 0 and case.scenario is None and not case.is_slow:
                yield fresh(case)


def quick_cases(seed: int = 0) -> list[Case]:
    """Choose the part that runs with the tests: every item of the issue that is not slow, and some of the rest."""
    rng = random.Random(seed)
    everything = [case for case in all_cases(1, seed) if not case.is_slow and not case.is_fresh]
    chosen = [case for case in everything if case.is_named]
    for kind, count in QUICK.items():
        others = [case for case in everything if case.kind == kind and not case.is_named]
        chosen += rng.sample(others, min(count, len(others)))
    return chosen
