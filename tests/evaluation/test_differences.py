"""Which images are shown of those that one contender gets right and the other wrong."""

import numpy as np
import pytest

from ampnet.errors import DataError
from ampnet.evaluation.agreement import CrowdVotes
from ampnet.evaluation.differences import choose_differences, same_images
from ampnet.evaluation.predictions import PredictionTable, SplitImages

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


DATA = ("joy", "fear", "contempt")


def images_of(class_names, true, votes=None):
    count = len(true)
    return SplitImages(
        class_names=tuple(class_names),
        names=tuple(f"{number}-{name}.jpg" for number, name in true),
        sources=("",) * count,
        labels=np.array([class_names.index(name) for _, name in true]),
        status=np.array(["scored"] * count, dtype="<U10"),
        votes=votes,
    )


def table(class_names, true, answers):
    images = images_of(class_names, true)
    codes = np.array([class_names.index(answer) if answer else -1 for answer in answers])
    return PredictionTable(images, images.status, codes)


TRUE = [(0, "joy"), (1, "contempt"), (2, "fear"), (3, "joy")]


def test_classes_in_another_order_are_matched_by_name():
    split = images_of(DATA, TRUE)
    a = table(DATA, TRUE, ["joy", "contempt", "fear", ""])
    b = table(DATA[::-1], TRUE, ["fear", "contempt", "fear", "joy"])
    same = same_images(split, {"A": a, "B": b})
    assert same.images.class_names == DATA
    assert same.answers["A"].tolist() == [0, 2, 1, -1]
    assert same.answers["B"].tolist() == [1, 2, 1, 0]
    assert same.left_out == ()


def test_images_of_a_class_that_one_table_lacks_are_left_out_and_its_name_as_an_answer_is_kept():
    split = images_of(DATA, TRUE)
    a = table(DATA, TRUE, ["contempt", "contempt", "fear", "joy"])
    b = table(DATA[:2], [one for one in TRUE if one[1] != "contempt"], ["joy", "joy", "joy"])
    same = same_images(split, {"A": a, "B": b})
    assert same.left_out == ("contempt",)
    assert same.rows.tolist() == [0, 2, 3]
    assert same.images.class_names == ("joy", "fear", "contempt")
    assert same.answers["A"].tolist() == [2, 1, 0]
    assert same.answers["B"].tolist() == [0, 0, 0]


def test_an_image_whose_majority_is_a_class_that_is_left_out_has_none():
    true = [(0, "joy"), (1, "joy")]
    votes = CrowdVotes(np.array([[1, 0, 9], [9, 0, 1]]), np.array([10, 10]), np.zeros(2, bool))
    split = images_of(DATA, true, votes)
    short = table(DATA[:2], true, ["joy", "joy"])
    same = same_images(split, {"A": table(DATA, true, ["joy", "joy"]), "B": short})
    assert same.images.votes.majority().tolist() == [-1, 0]


def test_tables_of_other_images_are_refused():
    split = images_of(DATA, TRUE)
    with pytest.raises(DataError, match="B was given other images than the rest"):
        same_images(split, {"A": table(DATA, TRUE, ["joy"] * 4), "B": table(DATA, TRUE[:3], ["joy"] * 3)})


def test_tables_that_share_one_class_are_refused():
    split = images_of(DATA, TRUE)
    a = table(("joy", "fear"), [TRUE[0]], ["joy"])
    b = table(("joy", "contempt"), [TRUE[0]], ["joy"])
    with pytest.raises(DataError, match="A and B and the data share fewer than two classes"):
        same_images(split, {"A": a, "B": b})
