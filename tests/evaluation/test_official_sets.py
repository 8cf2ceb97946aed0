"""Accuracy over data sets' official images, on labels made of their published counts."""

import numpy as np
import pytest

from ampnet.errors import DataError
from ampnet.evaluation.official_sets import OFFICIAL, score_official
from ampnet.settings.labels import EXPRESSIONS, EXPRESSIONS_8

HAPPINESS = EXPRESSIONS.index("happiness")
RAFDB = np.repeat(np.arange(7), [329, 74, 160, 1185, 478, 162, 680])


@pytest.mark.parametrize("protocol", [name for name, rule in OFFICIAL.items() if rule.of_class])
def test_the_images_of_the_classes_are_those_of_the_set(protocol):
    rule = OFFICIAL[protocol]
    assert len(rule.of_class) == len(rule.class_names)
    assert sum(rule.of_class) == rule.images


def test_accuracy_is_over_all_official_images_and_none_is_an_error():
    answers = np.full(3068, HAPPINESS)
    answers[RAFDB == HAPPINESS] = np.where(np.arange(1185) < 185, -1, HAPPINESS)  # 185 without an answer
    scores = score_official("rafdb", RAFDB, answers, EXPRESSIONS)
    assert scores.accuracy.value == pytest.approx(1000 / 3068)
    assert (scores.images, scores.official, scores.deviations) == (3068, 3068, ())


def test_the_order_of_the_classes_does_not_matter():
    names = EXPRESSIONS[::-1]
    scores = score_official("rafdb", 6 - RAFDB, np.zeros(3068, int), names)  # all neutral
    assert scores.accuracy.value == pytest.approx(680 / 3068)
    assert scores.deviations == ()


@pytest.mark.parametrize(
    ("protocol", "labels", "deviations"),
    [
        ("rafdb", RAFDB[1:], ("328 of surprise (329)",)),
        (
            "rafdb",
            np.where(np.arange(3068) == 0, HAPPINESS, RAFDB),
            ("328 of surprise (329)", "1,186 of happiness (1,185)"),
        ),
        ("sfew", np.arange(431) % 7, ("431 (436)",)),
        ("fedro", np.arange(400) % 7, ()),
    ],
)
def test_images_that_are_not_the_official_ones_are_told(protocol, labels, deviations):
    assert score_official(protocol, labels, labels, EXPRESSIONS).deviations == deviations


@pytest.mark.parametrize(
    ("protocol", "names", "labels", "says"),
    [
        ("affectnet-8", EXPRESSIONS, np.arange(7), "missing: contempt"),
        ("affectnet-7", EXPRESSIONS_8, np.arange(8), "further ones: contempt"),
        ("rafdb", EXPRESSIONS, np.arange(6), "missing: neutral"),
    ],
)
def test_other_classes_are_refused(protocol, names, labels, says):
    with pytest.raises(DataError, match=f"--protocol {protocol} needs images and a network of .*; {says}$"):
        score_official(protocol, labels, labels, names)


def test_classes_without_images_are_no_further_ones():
    labels = np.repeat(np.arange(7), 500)
    assert score_official("affectnet-7", labels, labels, EXPRESSIONS_8).deviations == ()
