"""Several runs: clusters of people, stacks of predictions, and the spread."""

import numpy as np
import pytest

from ampnet.evaluation.agreement import CrowdVotes, measure_agreement
from ampnet.evaluation.confusions import confused_pairs
from ampnet.evaluation.copies import score_without_copies
from ampnet.evaluation.ferplus import score_protocol
from ampnet.evaluation.fusion import score_heads
from ampnet.evaluation.intervals import bootstrap_means, bootstrap_weights
from ampnet.evaluation.metrics import confusion_of, resampled_clusters, score
from ampnet.evaluation.predictions import SplitImages, table_of
from ampnet.evaluation.reliability import reliability_bins, score_risk_coverage
from ampnet.evaluation.runs import clusters_of, score_run, score_runs, stack_tables
from ampnet.settings.labels import FERPLUS_ANSWERS

NAMES = ("fear", "anger")
PEOPLE = np.array([0, 1, 1, 1])
"""All answers about the first person are right, all about the other are wrong."""
LABELS, ANSWERS = np.array([0, 0, 1, 1]), np.array([0, 1, 0, -1])


def test_drawing_people_gives_only_what_whole_people_can_give():
    resampled = resampled_clusters(LABELS, ANSWERS, 2, PEOPLE, seed=0)
    drawn = resampled.matrices
    accuracies = np.diagonal(drawn[:, :, :2], axis1=1, axis2=2).sum(axis=1) / drawn.sum(axis=(1, 2))
    assert set(accuracies.tolist()) == {0.0, 0.25, 1.0}  # the second twice, each once, the first twice
    found = score(confusion_of(LABELS, ANSWERS, 2), NAMES, 0, resampled)
    assert (found.accuracy.value, found.accuracy.interval) == (0.25, (0.0, 1.0))
    assert found.classes[0].recall.interval == (0.0, 1.0)
    assert found.classes[1].recall.value == 0


def test_whatever_is_a_share_of_images_draws_people_where_they_are_known():
    """A quarter is right, all of it one person's: anything from none to all for other people."""
    copies = score_without_copies(LABELS, ANSWERS, np.full(4, ""), PEOPLE)
    votes = CrowdVotes(3.0 * np.eye(2)[LABELS], np.full(4, 3.0), np.zeros(4, bool))
    crowd = measure_agreement(ANSWERS, None, votes, NAMES, clusters=PEOPLE)
    logits = np.eye(2, dtype=np.float32)[[0, 1, 0, 0]]
    heads = score_heads(logits, logits, LABELS, 0.5, clusters=PEOPLE)
    p = np.where(logits > 0, 0.9, 0.1)
    emotions = np.zeros((4, 10))
    emotions[np.arange(4), [6, 6, 4, 4]] = 3  # of FERPLUS_ANSWERS: fear, anger
    protocol = score_protocol("ferplus-majority", ANSWERS, NAMES, FERPLUS_ANSWERS, emotions, PEOPLE)
    for found in (copies.all.accuracy, crowd.scores.accuracy, crowd.expected_agreement, heads.fused, protocol.accuracy):
        assert (found.value, found.interval) == (0.25, (0.0, 1.0))
    assert score_risk_coverage(p, LABELS, clusters=PEOPLE).curve[-1].risk.interval == (0.0, 1.0)
    assert reliability_bins(p, LABELS, PEOPLE)[13].interval == (0.0, 1.0)
    resampled = resampled_clusters(LABELS, ANSWERS, 2, PEOPLE, seed=0)
    (first, *_) = confused_pairs(confusion_of(LABELS, ANSWERS, 2), NAMES, resampled=resampled)
    assert (first.share.value, first.share.interval) == (0.5, (0.0, 1.0))


def test_means_over_people_weigh_each_by_its_images():
    means = bootstrap_means(np.array([[1.0], [0.0], [0.0], [0.0]]), PEOPLE)
    assert set(means[:, 0].tolist()) == {0.0, 0.25, 1.0}
    (weights,) = bootstrap_weights(4, clusters=PEOPLE)
    assert {tuple(row) for row in weights.tolist()} == {(2, 0, 0, 0), (1, 1, 1, 1), (0, 2, 2, 2)}


def test_who_is_drawn():
    assert clusters_of(["", "", ""]) is None
    assert clusters_of(["a", "a"]) is None  # one person tells nothing about others
    people = clusters_of(["b", "", "b", "", "a"])
    assert people[0] == people[2]
    assert len(set(people.tolist())) == 4
    assert clusters_of(["", ""], copies=2).tolist() == [0, 1, 0, 1]  # an image with its copies
    assert clusters_of(["a", "a"], copies=2).tolist() == [0, 1, 0, 1]


def a_table(answers):
    status = np.array(["scored"] * 2)
    images = SplitImages(NAMES, ("x", "y"), ("", ""), np.array([0, 1]), status)
    return table_of(images, np.array([0, 1]), np.eye(2)[answers])


def test_the_spread_is_the_sample_standard_deviation_and_a_stack_has_their_mean():
    tables = [a_table([0, 1]), a_table([0, 0])]
    scores = score_runs([score_run(f"seed{n}", "0" * 64, table) for n, table in enumerate(tables)], None)
    assert (scores.accuracy.mean, scores.accuracy.deviation) == (0.75, pytest.approx(0.5 / 2**0.5))
    stack = stack_tables(tables)
    assert (stack.answers == stack.labels).mean() == 0.75
    assert stack.images.names == ("x", "y", "x", "y")


def test_all_right_answers_of_a_few_people_leave_room_for_errors_of_others():
    labels, people = np.tile([0, 1], 24), np.repeat(np.arange(12), 4)
    found = score(confusion_of(labels, labels, 2), NAMES, 0, resampled_clusters(labels, labels, 2, people, seed=0))
    lowest = 12 / (12 + 1.959964**2)
    shares = [found.accuracy, found.mean_class_accuracy, found.macro_f1, found.weighted_f1, found.classes[0].recall]
    shares += [found.classes[1].precision, found.classes[0].f1]
    assert [one.interval for one in shares] == [pytest.approx((lowest, 1))] * 7
    assert found.kappa.interval == pytest.approx((2 * lowest - 1, 1))  # half agree by chance
    of_images = score(confusion_of(labels, labels, 2), NAMES, 0)
    assert of_images.macro_f1.interval == pytest.approx((48 / (48 + 1.959964**2), 1))


def test_a_class_counts_the_people_who_show_it_or_are_called_so():
    labels, people = np.array([0, 0, 1, 1]), np.array([0, 1, 2, 0])
    answers = np.array([0, 0, 0, 1])
    assert resampled_clusters(labels, answers, 2, None) is None
    found = score(confusion_of(labels, answers, 2), NAMES, 0, resampled_clusters(labels, answers, 2, people, seed=0))
    assert found.classes[0].recall.interval == pytest.approx((2 / (2 + 1.959964**2), 1))
    assert found.classes[1].precision.interval == pytest.approx((1 / (1 + 1.959964**2), 1))
    assert found.accuracy.interval[0] < 3 / 4
