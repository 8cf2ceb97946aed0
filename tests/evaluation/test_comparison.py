"""Paired comparison: the intervals against what is known, the tables by hand."""

from dataclasses import replace

import numpy as np
import pytest

from ampnet.evaluation.agreement import CrowdVotes
from ampnet.evaluation.comparison import (
    ALL,
    CROWD,
    WITHOUT_COPIES,
    Change,
    changes,
    class_outcomes,
    compare,
    difference,
    image_sets,
)
from ampnet.evaluation.intervals import holm
from ampnet.evaluation.predictions import SplitImages

NAMES = ("joy", "fear", "anger")


def noisy(labels, share_right, seed):
    """Answer right with this probability, else one of the next classes or nothing."""
    rng = np.random.default_rng(seed)
    wrong = np.where(rng.random(len(labels)) < 0.1, -1, (labels + 1) % 3)
    return np.where(rng.random(len(labels)) < share_right, labels, wrong)[None]


def split_images(labels, copies=None, votes=None):
    count = len(labels)
    return SplitImages(
        class_names=NAMES,
        names=tuple(f"test_{number}.jpg" for number in range(count)),
        sources=("",) * count,
        labels=np.array(labels),
        status=np.array(["scored"] * count, dtype="<U10"),
        copies=copies,
        votes=votes,
    )


def test_differences_are_those_of_scikit_learns_scores():
    from sklearn.metrics import accuracy_score, f1_score  # takes seconds, of this test only

    labels = np.random.default_rng(0).integers(0, 3, 300)
    first, second = noisy(labels, 0.6, 1), noisy(labels, 0.7, 2)
    found = difference(labels, first, second, 3)
    expected = accuracy_score(labels, second[0]) - accuracy_score(labels, first[0])
    assert found.accuracy.value == pytest.approx(expected)
    a, b = (f1_score(labels, answers[0], labels=range(3), average="macro") for answers in (first, second))
    assert found.macro_f1.value == pytest.approx(b - a)
    assert found.accuracy.interval[0] < expected < found.accuracy.interval[1]


def test_the_interval_is_the_normal_approximations_of_paired_proportions():
    labels = np.random.default_rng(0).integers(0, 3, 2000)
    first, second = noisy(labels, 0.6, 1), noisy(labels, 0.65, 2)
    change = (second[0] == labels).astype(float) - (first[0] == labels)
    half = 1.96 * change.std() / np.sqrt(len(labels))
    low, high = difference(labels, first, second, 3).accuracy.interval
    assert low == pytest.approx(change.mean() - half, abs=0.1 * half)
    assert high == pytest.approx(change.mean() + half, abs=0.1 * half)


def test_the_same_answers_differ_by_exactly_nothing():
    labels = np.arange(30) % 3
    found = difference(labels, noisy(labels, 0.5, 1), noisy(labels, 0.5, 1), 3)
    assert (found.accuracy.value, *found.accuracy.interval) == (0, 0, 0)
    assert (found.mcnemar.only_first, found.mcnemar.only_second, found.mcnemar.p_value) == (0, 0, 1)


def test_the_same_seed_gives_the_same_intervals():
    labels = np.arange(90) % 3
    sides = noisy(labels, 0.5, 1), noisy(labels, 0.7, 2)
    assert difference(labels, *sides, 3, seed=5) == difference(labels, *sides, 3, seed=5)
    assert difference(labels, *sides, 3, seed=5) != difference(labels, *sides, 3, seed=6)


def test_several_seeds_are_means_whose_interval_covers_the_seeds():
    labels = np.zeros(1000, dtype=np.int64)
    runs = []
    for right in (500, 600, 700):  # the same images but for the seed
        runs.append(np.where(np.arange(1000) < right, 0, 1))
    one = np.where(np.arange(1000) < 400, 0, 1)[None]
    several = difference(labels, one, np.stack(runs), 3)
    single = difference(labels, one, runs[1][None], 3)
    assert several.accuracy.value == pytest.approx(0.2)
    assert several.mcnemar is None
    width, narrow = (found.accuracy.interval[1] - found.accuracy.interval[0] for found in (several, single))
    assert width > 2 * narrow  # 0.2 between seeds against a standard error of 0.013


def test_each_run_is_scored_and_their_spread_is_the_sample_deviation():
    labels = np.array([0, 0, 1, 1])
    runs = np.array([[0, 0, 1, 1], [0, 0, 1, -1]])
    scores = compare("all", labels, [runs, runs[:1]], NAMES).contenders
    assert [run.accuracy.value for run in scores[0].runs] == [1.0, 0.75]
    assert scores[0].accuracy.mean == pytest.approx(0.875)
    assert scores[0].accuracy.deviation == pytest.approx(0.25 / np.sqrt(2))
    assert scores[1].accuracy.deviation is None


def test_three_contenders_are_three_pairs_with_adjusted_p_values():
    labels = np.arange(60) % 3
    found = compare("all", labels, [noisy(labels, share, 1) for share in (0.2, 0.5, 0.9)], NAMES)
    assert [(pair.first, pair.second) for pair in found.pairs] == [(0, 1), (0, 2), (1, 2)]
    tests = [pair.difference.mcnemar for pair in found.pairs]
    assert [test.adjusted_p for test in tests] == pytest.approx(holm([test.p_value for test in tests]))


def test_the_classes_tell_who_is_right_and_sum_to_all_images():
    labels = np.array([0, 0, 0, 0, 1])
    first, second = np.array([[0, 0, 1, -1, 1]]), np.array([[0, 2, 0, 1, 2]])
    (joy, fear) = class_outcomes(labels, first, second, NAMES)
    assert (joy.name, joy.images, joy.both, joy.only_first, joy.only_second, joy.neither) == ("joy", 4, 1, 1, 1, 1)
    assert (fear.images, fear.both, fear.only_first) == (1, 0, 1)


def test_the_changes_are_answers_of_which_one_is_right_most_frequent_first():
    labels = np.array([0, 0, 0, 1, 1])
    first, second = np.array([[0, 0, 1, -1, 2]]), np.array([[1, 1, 0, 1, 0]])
    assert changes(labels, first, second, NAMES) == (
        Change("joy", "joy", "fear", 2.0),
        Change("joy", "fear", "joy", 1.0),
        Change("fear", "no prediction", "fear", 1.0),
    )
    assert len(changes(labels, first, second, NAMES, most=1)) == 1


def test_of_several_seeds_the_tables_are_means_over_pairs_of_runs():
    labels = np.array([0])
    first, second = np.array([[0], [1]]), np.array([[0]])
    (joy,) = class_outcomes(labels, first, second, NAMES)
    assert (joy.both, joy.only_second) == (0.5, 0.5)
    assert changes(labels, first, second, NAMES) == (Change("joy", "fear", "joy", 0.5),)


def test_copies_and_the_crowd_are_sets_of_their_own():
    copies = np.array(["exact", "near", "", ""])
    # majorities: joy, fear, none, fear; the labels are all joy
    votes = CrowdVotes(
        counts=np.array([[8, 2, 0], [1, 9, 0], [5, 5, 0], [0, 6, 4]]), totals=np.full(4, 10), no_face=np.zeros(4, bool)
    )
    images = split_images([0, 0, 0, 0], copies, votes)
    joyful, fearful = np.array([[0, 0, 0, 0]]), np.array([[1, 1, 1, 1]])
    every, without, crowd = image_sets(images, [joyful, fearful])
    assert (every.name, without.name, crowd.name) == (ALL, WITHOUT_COPIES, CROWD)
    assert (every.images, without.images, crowd.images) == (4, 2, 3)
    assert every.pairs[0].difference.accuracy.value == pytest.approx(-1)
    assert crowd.pairs[0].difference.accuracy.value == pytest.approx(1 / 3)


def test_without_copies_and_votes_there_are_only_all_images():
    assert len(image_sets(split_images([0, 1]), [np.array([[0, 1]]), np.array([[0, 0]])])) == 1


def test_differences_draw_people_where_people_are_known():
    """Of four people, the second is right about one more: the difference is that of Binomial(4, 1/4), divided by 4."""
    labels = np.tile([0, 1, 2, 0], 100)
    people = np.repeat(np.arange(4), 100)
    second = np.where(people == 2, labels, -1)[None]
    images = replace(split_images(labels), clusters=people)
    (found,) = image_sets(images, [np.full((1, 400), -1), second])
    assert found.pairs[0].difference.accuracy.value == 0.25
    assert found.pairs[0].difference.accuracy.interval == (0, 0.75)
    assert found.pairs[0].difference.mcnemar is None
    assert found.contenders[1].runs[0].accuracy.interval == (0, 0.75)
