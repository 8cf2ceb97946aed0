"""FER+'s published rules, on votes worked out by hand."""

import numpy as np
import pytest

from ampnet.errors import DataError
from ampnet.evaluation.ferplus import OTHER, UNDECIDED, label_of, score_protocol
from ampnet.settings.labels import FERPLUS_ANSWERS, FERPLUS_COLUMNS

COLUMNS = FERPLUS_ANSWERS
NEUTRAL, HAPPINESS, SURPRISE, SADNESS = range(4)


def votes(**given):
    return np.array([given.get(name, 0.0) for name in COLUMNS])


@pytest.mark.parametrize(
    ("given", "majority", "plurality", "probability"),
    [
        ({"happiness": 10}, HAPPINESS, HAPPINESS, HAPPINESS),
        # Four single votes are outliers: six of six remain.
        ({"happiness": 6, "neutral": 1, "fear": 1, "anger": 1, "unknown": 1}, HAPPINESS, HAPPINESS, HAPPINESS),
        # Half of the votes is no majority; three quarters are reached with both.
        ({"neutral": 5, "sadness": 5}, UNDECIDED, NEUTRAL, NEUTRAL),
        ({"neutral": 4, "sadness": 6}, SADNESS, SADNESS, SADNESS),
        # 3 + 3 + 2 + 2: after the first two, 6 of 10; the next two come together and are more than three.
        ({"neutral": 3, "sadness": 3, "fear": 2, "anger": 2}, UNDECIDED, NEUTRAL, UNDECIDED),
        ({"unknown": 6, "neutral": 4}, OTHER, OTHER, OTHER),
        ({"no_face": 10}, OTHER, OTHER, OTHER),
        # Emotions before unknown: 4 of 10 is no more than half.
        ({"surprise": 4, "unknown": 3, "no_face": 3}, UNDECIDED, SURPRISE, UNDECIDED),
        ({"neutral": 1, "sadness": 1}, UNDECIDED, UNDECIDED, UNDECIDED),
        ({"contempt": 10}, 7, 7, 7),
    ],
)
def test_each_rule_decides_as_published(given, majority, plurality, probability):
    assert label_of(votes(**given), "ferplus-majority") == majority
    assert label_of(votes(**given), "ferplus-plurality") == plurality
    assert label_of(votes(**given), "ferplus-probability") == probability


def test_what_is_left_out_is_counted_and_a_class_that_the_network_lacks_is_an_error():
    counts = np.array(
        [
            votes(happiness=10),  # right
            votes(neutral=10),  # wrong
            votes(contempt=9),  # the network has no contempt
            votes(sadness=10),  # no prediction
            votes(neutral=5, sadness=5),
            votes(no_face=10),
            votes(),
        ]
    )
    names = ("surprise", "happiness", "neutral", "sadness")
    answers = np.array([1, 1, 2, -1, 2, 2, 2])
    found = score_protocol("ferplus-majority", answers, names, COLUMNS, counts)
    assert (found.images, found.impossible, found.undecided, found.other, found.unvoted) == (4, 1, 1, 1, 1)
    assert found.accuracy.value == 0.25


def test_columns_may_stand_in_any_order():
    order = np.random.default_rng(0).permutation(len(COLUMNS))
    counts = np.array([votes(happiness=10), votes(fear=10)])
    found = score_protocol(
        "ferplus-majority", np.array([0, 1]), ("happiness", "fear"), [COLUMNS[i] for i in order], counts[:, order]
    )
    assert found.accuracy.value == 1


def test_votes_of_another_kind_are_refused():
    with pytest.raises(DataError, match="no column unknown"):
        score_protocol("ferplus-majority", np.array([0]), ("happiness",), FERPLUS_COLUMNS, np.ones((1, 8)))
