"""From answers to rows."""

import numpy as np
import pytest

from ampnet.faces.geometry import GENERIC_FACE
from ampnet.robustness.suite import SUITE, texture_of
from ampnet.robustness.suite_report import BASELINE
from ampnet.robustness.tally import Tally

FACES = 8
NAMES = [f"face {number}" for number in range(FACES)]


def head(yaw):
    """Project the generic face with its nose turned to the image's right."""
    x, y, z = GENERIC_FACE.T
    angle = np.radians(yaw)
    return np.stack([112 + np.cos(angle) * x - np.sin(angle) * z, 100 + y], axis=1)


@pytest.fixture(scope="module")
def tally():
    """Half of eight faces are the sample; under masks only the last of them is right, under shifts all are."""
    corrupted = np.ones((2, 2, 5, 4), dtype=bool)
    corrupted[0, 0, :, :3] = False
    return Tally(
        votes=("gp+lp+ap", BASELINE),
        labels=np.array([0, 0, 0, 0, 1, 1, 1, 1]),
        names=NAMES,
        landmarks=np.stack([head(yaw) for yaw in (0, 0, 50, 0, -35, 0, 20, -50)]),
        sample=np.array([0, 2, 4, 6]),
        corruptions=("mask", "shift"),
        clean=np.array([[True] * 7 + [False], [True] * 8]),
        corrupted=corrupted,
        seed=3,
    )


def rows_of(tally, kind, subsets=()):
    return [row for row in tally.rows(dict(subsets)) if row.kind == kind]


def accuracy(row, vote="gp+lp+ap"):
    return row.rates[vote].accuracy


def test_the_clean_row_is_measured_on_the_sample(tally):
    (clean,) = rows_of(tally, "clean")
    assert clean.rates["gp+lp+ap"].images == 4
    assert accuracy(clean) == 1


def test_each_corruption_has_a_row_for_each_severity_and_one_for_all_of_them(tally):
    rows = rows_of(tally, "corruption")
    assert [(row.name, row.severity) for row in rows] == [(n, s) for n in ("mask", "shift") for s in (1, 2, 3, 4, 5, 0)]
    assert [row.level for row in rows[:5]] == list(SUITE["mask"].levels)
    assert {accuracy(row) for row in rows[:6]} == {1 / 4}
    assert {accuracy(row, BASELINE) for row in rows} == {1.0}
    assert rows[5].rates["gp+lp+ap"].mean_recall == pytest.approx((0 + 1 / 2) / 2)


def test_groups_are_named_once_they_hold_several_corruptions(tally):
    (everything,) = rows_of(tally, "group")
    assert everything.name == "all corruptions"
    assert accuracy(everything) == pytest.approx((1 / 4 + 1) / 2)


def test_occlusions_are_split_by_the_texture_that_each_face_got(tally):
    drawn = [texture_of("mask", 3, NAMES[face]) for face in tally.sample]
    rows = {row.name: row.rates["gp+lp+ap"] for row in rows_of(tally, "texture")}
    assert {name: rate.images for name, rate in rows.items()} == {name: drawn.count(name) for name in set(drawn)}
    assert rows[drawn[3]].accuracy == pytest.approx(1 / drawn.count(drawn[3]))


def test_faces_are_sorted_into_bins_of_their_pose(tally):
    yaws = {row.name: row.rates["gp+lp+ap"].images for row in rows_of(tally, "pose") if row.group == "yaw"}
    assert yaws == {"0 to 15": 1, "15 to 30": 1, "30 to 45": 1, "45 and more": 1}
    pitches = [row.name for row in rows_of(tally, "pose") if row.group == "pitch"]
    assert pitches == ["-15 to 15"]


def test_lists_are_measured_uncorrupted_on_faces_outside_the_sample_too(tally):
    subsets = {("hard", "all"): np.array([5, 7]), ("hard", "type 1"): np.array([7])}
    every, first = rows_of(tally, "subset", subsets.items())
    assert (every.group, every.name, accuracy(every)) == ("hard", "all", 0.5)
    assert (first.name, accuracy(first)) == ("type 1", 0.0)


def test_errors_are_given_for_every_vote_with_the_baseline_as_the_divisor(tally):
    errors = tally.errors()
    assert errors["gp+lp+ap"].mean == pytest.approx(3 / 8)
    assert errors["gp+lp+ap"].clean == 0
    assert errors[BASELINE].mean == 0
    assert errors["gp+lp+ap"].mce is None  # the baseline makes no error to divide by
