"""Strangers' files do no harm: the quick part of the hostile corpus. `make fuzz` runs all of it."""

from collections.abc import Iterator

import pytest

from tests.hostile.case import Case
from tests.hostile.corpus import quick_cases
from tests.hostile.runner import Runner

pytestmark = pytest.mark.slow

SEED = 0


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    with Runner(SEED, draws=False) as runner:
        yield runner


@pytest.mark.parametrize("case", quick_cases(SEED), ids=lambda case: case.name)
def test_a_hostile_file_is_refused_in_one_line_or_read_and_spoils_nothing(case: Case, runner: Runner) -> None:
    assert runner.run(case).faults == ()
