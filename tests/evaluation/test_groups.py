"""Groups: their numbers are Fairlearn's, a planted gap is found, and an absent one is not."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from ampnet.evaluation.group_measures import p_value_of
from ampnet.evaluation.groups import SMALL, bin_numbers, score_groups
from ampnet.evaluation.predictions import PredictionTable, SplitImages, table_of
from ampnet.evaluation.reliability import calibration_error

NAMES = ("anger", "fear", "joy")
IMAGES = 600


def make_table(right: np.ndarray, labels: np.ndarray, seed: int = 0, lost: np.ndarray | None = None) -> PredictionTable:
    """Answer with probability ``right`` of being right; the rows of ``lost`` have no prediction."""
    rng = np.random.default_rng(seed)
    hit = rng.random(len(labels)) < right
    answers = np.where(hit, labels, (labels + 1) % 3)
    confidence = rng.uniform(0.5, 1.0, len(labels))
    probabilities = np.full((len(labels), 3), ((1 - confidence) / 2)[:, None])
    probabilities[np.arange(len(labels)), answers] = confidence
    kept = np.ones(len(labels), bool) if lost is None else ~lost
    names = tuple(f"{number}.jpg" for number in range(len(labels)))
    images = SplitImages(NAMES, names, names, labels, np.where(kept, "scored", "undetected"))
    return table_of(images, np.flatnonzero(kept), probabilities[kept])


@pytest.fixture
def labels():
    return np.random.default_rng(5).integers(0, 3, IMAGES)


@pytest.fixture
def gender():
    return np.array(["f", "m"])[np.random.default_rng(6).integers(0, 2, IMAGES)]


def gaps_of(table, **columns):
    return {(one.column, gap.measure): gap for one in score_groups(table, columns) for gap in one.gaps}


def test_accuracy_recall_and_their_gaps_are_those_of_fairlearn(labels, gender):
    from fairlearn.metrics import MetricFrame  # these take seconds, of this test only
    from sklearn.metrics import accuracy_score, balanced_accuracy_score

    age = np.array(["young", "middle", "old"])[np.random.default_rng(7).integers(0, 3, IMAGES)]
    table = make_table(np.where(gender == "f", 0.6, 0.8), labels)
    metrics = {"accuracy": accuracy_score, "mean_recall": balanced_accuracy_score}
    for column, values in {"gender": gender, "age": age}.items():
        theirs = MetricFrame(metrics=metrics, y_true=labels, y_pred=table.answers, sensitive_features=values)
        (ours,) = score_groups(table, {column: values})
        assert [one.name for one in ours.groups] == theirs.by_group.index.tolist()
        for measure in metrics:
            values_of = [getattr(one, measure).value for one in ours.groups]
            assert values_of == pytest.approx(theirs.by_group[measure].tolist())
            (gap,) = (gap for gap in ours.gaps if gap.measure == measure)
            assert gap.difference.value == pytest.approx(theirs.difference()[measure])


def test_the_calibration_error_of_a_group_is_that_of_its_images_alone(labels, gender):
    table = make_table(np.full(IMAGES, 0.7), labels, lost=np.arange(IMAGES) % 10 == 0)
    (found,) = score_groups(table, {"gender": gender})
    for one in found.groups:
        rows = (gender == one.name) & table.scored
        expected = calibration_error(table.probabilities[rows], labels[rows])
        assert one.calibration_error.value == pytest.approx(expected, abs=1e-6)
        low, high = one.calibration_error.interval
        assert low < high


def test_a_planted_gap_is_found_and_named(labels, gender):
    gap = gaps_of(make_table(np.where(gender == "f", 0.55, 0.85), labels), gender=gender)["gender", "accuracy"]
    assert (gap.highest, gap.lowest) == ("m", "f")
    low, high = gap.difference.interval
    assert 0.15 < low < gap.difference.value < high < 0.45
    assert gap.p_value < gap.adjusted_p < 0.01  # four gaps


def test_planted_misses_of_the_detector_are_found(labels, gender):
    lost = (gender == "f") & (np.random.default_rng(1).random(IMAGES) < 0.3)
    found = gaps_of(make_table(np.full(IMAGES, 0.8), labels, lost=lost), gender=gender)
    missed = found["gender", "missed"]
    assert (missed.highest, missed.lowest) == ("f", "m")
    assert missed.adjusted_p < 0.01
    assert missed.difference.value == pytest.approx(lost.sum() / (gender == "f").sum())


def test_planted_overconfidence_is_found(labels, gender):
    table = make_table(np.full(IMAGES, 0.75), labels)
    stretched = table.probabilities.copy()
    rows = gender == "f"
    stretched[rows] = np.where(np.arange(3) == table.answers[rows][:, None], 0.999, 0.0005)
    stretched[~rows] = np.where(np.arange(3) == table.answers[~rows][:, None], 0.75, 0.125)
    gap = gaps_of(replace(table, probabilities=stretched), gender=gender)["gender", "calibration_error"]
    assert (gap.highest, gap.adjusted_p < 0.01) == ("f", True)


def test_an_absent_gap_is_not_found_in_more_than_its_share_of_trials(labels):
    """Of 40 sets without a gap, at a level of 5% for all four gaps together, 2 are expected; 7 would be 0.4%."""
    found = 0
    for trial in range(40):
        rng = np.random.default_rng(100 + trial)
        groups = np.array(["a", "b", "c"])[rng.integers(0, 3, IMAGES)]
        table = make_table(np.full(IMAGES, 0.7), labels, seed=trial, lost=rng.random(IMAGES) < 0.1)
        found += any(gap.adjusted_p < 0.05 for gap in gaps_of(table, group=groups).values())
    assert found < 7


def test_a_gap_that_only_follows_from_the_classes_of_a_group_is_chance(labels):
    """Joy is always right and fear seldom; one group has more joy."""
    right = np.array([0.7, 0.4, 1.0])[labels]
    mostly_joy = np.random.default_rng(3).random(IMAGES) < np.where(labels == 2, 0.8, 0.3)
    gap = gaps_of(make_table(right, labels), who=np.where(mostly_joy, "a", "b"))["who", "accuracy"]
    assert gap.difference.value > 0.15
    assert gap.p_value > 0.05


def test_small_groups_are_marked_and_make_no_gap_while_two_others_remain(labels, gender):
    few = gender.astype(object)
    few[:5] = "x"
    table = make_table(np.where(np.arange(IMAGES) < 5, 0.0, 0.8), labels)
    (found,) = score_groups(table, {"gender": few.astype(str)})
    assert [(one.name, one.is_small) for one in found.groups] == [("f", False), ("m", False), ("x", True)]
    assert all("x" not in (gap.highest, gap.lowest) for gap in found.gaps)
    assert SMALL == 30


def test_images_without_a_value_are_in_no_group_and_one_group_has_no_gap(labels):
    values = np.where(np.arange(IMAGES) < 100, "", "all")
    (found,) = score_groups(make_table(np.full(IMAGES, 0.7), labels), {"column": values})
    assert (found.unknown, [one.images for one in found.groups], found.gaps) == (100, [500], ())


def test_many_numbers_become_quarters_and_everything_else_stays():
    binned = bin_numbers(np.array([str(number) for number in range(100)] + [""]))
    assert sorted(set(binned.tolist())) == [
        "",
        "1: 0 to 24",
        "2: 25 to 49",
        "3: 50 to 74",
        "4: 75 to 99",
    ]
    assert (binned == "1: 0 to 24").sum() == 25
    ages = np.arange(20, 57, 3)  # of 13 people: the first quartile, 29, is in one group only
    assert sorted(set(bin_numbers(ages.astype(str)).tolist()))[:2] == ["1: 20 to 26", "2: 29 to 35"]
    for same in (["1", "2", "1"], ["a", "2", ""], ["1.0", "nan"]):
        assert bin_numbers(np.array(same)).tolist() == same
    assert bin_numbers(np.array(["20", "20.0", "", "3e1"])).tolist() == ["20", "20", "", "30"]


def test_long_numbers_stay_apart():
    """Dates of recordings: two days are two groups."""
    days = ["20240115", "20240116", "0.1", "-0.0"]
    assert bin_numbers(np.array(days)).tolist() == ["20240115", "20240116", "0.1", "0"]
    months = bin_numbers(np.array([f"20240{month}01" for month in range(1, 10)]))
    assert months[0] == "1: 20240101 to 20240201"


def of_people(right: np.ndarray, photos: int) -> PredictionTable:
    """Return so many photos of each person, all of them right or all wrong."""
    labels = np.tile(np.arange(photos) % 3, len(right))
    table = make_table(np.repeat(right, photos).astype(float), labels)
    return replace(table, images=replace(table.images, clusters=np.repeat(np.arange(len(right)), photos)))


def test_intervals_draw_people_where_people_are_known():
    right = np.array([1, 0] * 10)  # of ten people in each group, five are always right: 0.5, deviation 0.5 / 10**0.5
    group = np.repeat(["f", "m"], 10 * 30)
    (ours,) = score_groups(of_people(right, 30), {"gender": group})
    for one in ours.groups:
        assert one.accuracy.value == 0.5
        low, high = one.accuracy.interval
        assert 0.1 <= low <= 0.3  # of 300 single images, Wilson's would be 0.44 to 0.56
        assert 0.7 <= high <= 0.9
    (gap,) = (gap for gap in ours.gaps if gap.measure == "accuracy")
    assert gap.p_value > 0.9


def test_a_difference_between_a_few_people_is_not_one_between_groups():
    """Each person is always right or always wrong, by chance: image by image, nearly every trial would show a gap."""
    group = np.repeat(["f", "m"], 8 * 12)
    found = 0
    for trial in range(20):
        right = np.random.default_rng(trial).integers(0, 2, 16)
        found += gaps_of(of_people(right, 12), gender=group)["gender", "accuracy"].p_value < 0.05
    assert found <= 4  # of 20 at 5%, more than 4 come with a probability of 0.3%


def test_someone_in_two_groups_is_drawn_for_both_and_a_single_person_for_none():
    right = np.array([1, 1, 1, 0, 0, 0])
    table = of_people(right, 60)
    light = np.tile(["dim", "bright"], 180)  # each person half and half, with the same answers: no gap in any draw
    (gap,) = (gap for gap in score_groups(table, {"light": light})[0].gaps if gap.measure == "accuracy")
    assert gap.difference.interval == pytest.approx((0, 0), abs=1e-12)
    alone = np.repeat([f"person {number}" for number in range(6)], 60)
    (ours,) = score_groups(table, {"subject": alone})
    assert ours.groups[0].accuracy.interval == pytest.approx((1 / (1 + 1.959964**2 / 60), 1))  # Wilson's of 60 of 60


def test_a_group_of_a_single_person_leaves_the_intervals_and_p_of_the_others_to_people():
    """As of one participant who is neither f nor m: before, all groups were then drawn image by image."""
    right = np.array([1, 0] * 10 + [1])
    group = np.repeat([*["f"] * 10, *["m"] * 10, "x"], 20)
    (with_x,) = score_groups(of_people(right, 20), {"gender": group})
    (without,) = score_groups(of_people(right[:-1], 20), {"gender": group[:-20]})
    for one, alone in zip(with_x.groups, without.groups, strict=False):
        assert one.accuracy.interval == pytest.approx(alone.accuracy.interval, abs=0.02)  # of images: 0.43 to 0.57
    assert with_x.gaps[0].measure == "accuracy"
    assert with_x.gaps[0].p_value == without.gaps[0].p_value == 1  # x is small: not compared
    assert with_x.groups[2].accuracy.interval == pytest.approx((1 / (1 + 1.959964**2 / 20), 1))  # Wilson's of 20 of 20


def test_dealing_out_many_people_takes_little_memory():
    """People of whom nothing is known stand alone, so there may be as many as images."""
    people = np.arange(10_000)
    table = make_table(np.full(len(people), 0.5), people % 3)
    tracemalloc.start()
    try:
        p_value_of(table, [people[people % 2 == 0], people[people % 2 == 1]], "accuracy", 0.01, people)
        assert tracemalloc.get_traced_memory()[1] < 150e6  # 2,000 permutations of all of them: 160 MB, and as numbers
    finally:
        tracemalloc.stop()
