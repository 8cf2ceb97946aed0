"""Which images are shown of those that one contender gets right and the other wrong."""

import numpy as np

from ampnet.evaluation.differences import choose_differences

NAMES = ("joy", "fear")
LABELS = np.zeros(100, dtype=np.int64)


def answers(right):
    """Right about these images, silent about the others."""
    return np.where(np.isin(np.arange(100), list(right)), 0, 1)[None]


def choose(first, second, candidates=range(100), **options):
    return choose_differences(LABELS, first, second, NAMES, np.array(list(candidates)), **options)


def test_half_of_the_sheet_is_for_each_side_and_the_same_seed_draws_the_same():
    first, second = answers(range(50)), answers(range(50, 100))
    shown = choose(first, second, seed=1)
    assert len(shown) == 24
    assert [one.first_is_right for one in shown] == [True] * 12 + [False] * 12
    assert all((one.row < 50) == one.first_is_right for one in shown)
    assert shown == choose(first, second, seed=1)
    assert shown != choose(first, second, seed=2)


def test_what_one_side_does_not_fill_the_other_does():
    shown = choose(answers(range(3)), answers(range(50, 100)))
    assert [one.first_is_right for one in shown] == [True] * 3 + [False] * 21


def test_only_images_that_differ_and_can_be_pictured_are_drawn():
    shown = choose(answers(range(10)), answers(range(5)), candidates=(0, 1, 6, 7))
    assert sorted(one.row for one in shown) == [6, 7]
    assert (shown[0].true, shown[0].first, shown[0].second) == ("joy", "joy", "fear")


def test_of_several_seeds_those_come_first_on_which_most_runs_differ():
    first = np.concatenate([answers([0, 1]), answers([0])])
    shown = choose(first, answers([]), most=1)
    assert [(one.row, one.first, one.second) for one in shown] == [(0, "joy (2/2)", "fear")]
