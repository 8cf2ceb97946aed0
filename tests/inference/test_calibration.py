"""Temperatures and rejection thresholds worked out by hand."""

import math

import numpy as np
import pytest
import torch

from ampnet.checkpoints.checkpoint import Checkpoint
from ampnet.errors import ConfigError, DataError
from ampnet.faces.framing import Framing
from ampnet.inference.calibration import (
    MAX_TEMPERATURE,
    MIN_TEMPERATURE,
    fit_temperature,
    prior_offsets,
    read_prior,
    strength_offsets,
    threshold_for_coverage,
    threshold_for_precision,
    threshold_notes,
)
from ampnet.models.ampnet import AMPNet


def test_a_network_that_is_right_three_times_in_four_gets_the_temperature_that_says_so():
    # two classes, a logit gap of 2, 75% right: log(0.75 / 0.25) = gap / T, so T = 2 / log 3
    logits = torch.tensor([[2.0, 0.0]]).repeat(8, 1)
    labels = torch.tensor([0, 0, 0, 0, 0, 0, 1, 1])
    assert fit_temperature(logits, labels) == pytest.approx(2 / math.log(3), rel=1e-4)


def test_dividing_the_logits_beforehand_divides_the_temperature():
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(500, 7, generator=generator)
    labels = torch.multinomial((logits / 2).softmax(dim=1), 1, generator=generator).squeeze(1)
    whole = fit_temperature(logits, labels)
    assert whole == pytest.approx(2, rel=0.15)
    assert fit_temperature(logits / 4, labels) == pytest.approx(whole / 4, rel=1e-3)


def test_faces_that_are_all_right_or_all_wrong_give_a_bound_and_not_infinity():
    logits, right = torch.tensor([[3.0, 0.0], [0.0, 5.0]]), torch.tensor([0, 1])
    assert fit_temperature(logits, right) == pytest.approx(MIN_TEMPERATURE)
    assert fit_temperature(logits, 1 - right) == pytest.approx(MAX_TEMPERATURE)


def test_logits_that_no_temperature_changes_keep_1():
    assert fit_temperature(torch.ones(4, 3), torch.tensor([0, 1, 2, 0])) == 1


CONFIDENCE = np.array([0.6, 0.9, 0.8, 0.7])


def test_a_coverage_is_reached_by_a_threshold_between_two_faces():
    assert threshold_for_coverage(CONFIDENCE, 0.5) == pytest.approx(0.75)
    assert threshold_for_coverage(CONFIDENCE, 0.51) == pytest.approx(0.65)  # at least so many
    assert threshold_for_coverage(CONFIDENCE, 1.0) == 0
    assert threshold_for_coverage(np.full(4, 0.7), 0.5) == 0  # equal faces are answered together


def test_a_precision_is_reached_with_as_many_answers_as_can_be():
    # the most probable is wrong, the next three are right: 0, 1/2, 2/3, 3/4
    is_right = np.array([True, False, True, True])
    assert threshold_for_precision(CONFIDENCE, is_right, 0.75) == 0
    # right, right, wrong, wrong: 1, 1, 2/3, 1/2
    is_right = np.array([False, True, True, False])
    assert threshold_for_precision(CONFIDENCE, is_right, 0.6) == pytest.approx(0.65)
    assert threshold_for_precision(CONFIDENCE, is_right, 1.0) == pytest.approx(0.75)


def test_a_precision_out_of_reach_is_refused_with_the_best_there_is():
    is_right = np.array([True, False, True, True])
    with pytest.raises(DataError, match=r"90.0% of the answers right: the best one reaches 75.0%"):
        threshold_for_precision(CONFIDENCE, is_right, 0.9)


def checkpoint(**fields):
    return Checkpoint(AMPNet(2, 0.05, 48), ("anger", "fear"), Framing(), **fields)


@pytest.mark.parametrize(
    ("threshold", "mirror", "prior", "without"),
    [
        (0.43, False, None, None),
        (0.0, True, "balanced", None),
        (0.43, False, "balanced", "without --prior:"),
        (0.43, True, "training", "without --prior and --mirror:"),
    ],
)
def test_a_threshold_that_meets_other_probabilities_is_told(threshold, mirror, prior, without):
    notes = threshold_notes(checkpoint(rejection_threshold=threshold), mirror, prior)
    assert [without in note and "0.43" in note for note in notes] == [True] * (without is not None)


def test_a_balanced_prior_takes_the_learned_shares_out():
    learned = checkpoint(class_shares=(0.8, 0.2))
    logits = torch.tensor([0.8, 0.2]).log()  # a network that knows nothing but the shares
    assert (logits + prior_offsets(learned, "balanced")).softmax(0).tolist() == pytest.approx([0.5, 0.5])


def test_the_training_prior_changes_nothing():
    assert prior_offsets(checkpoint(class_shares=(0.8, 0.2), prior_strength=0.5), "training") is None
    assert prior_offsets(checkpoint(), None) is None


def test_without_a_choice_the_checkpoints_own_strength_holds():
    offsets = prior_offsets(checkpoint(class_shares=(0.8, 0.2), prior_strength=0.5), None)
    assert (offsets[1] - offsets[0]).item() == pytest.approx(0.5 * math.log(4))


def test_given_shares_become_the_shares_of_a_network_that_knows_nothing_else():
    learned = checkpoint(class_shares=(0.8, 0.2))
    logits = torch.tensor([0.8, 0.2]).log()
    offsets = prior_offsets(learned, {"fear": 3.0, "anger": 1.0})
    assert (logits + offsets).softmax(0).tolist() == pytest.approx([0.25, 0.75])


def test_a_class_without_training_faces_is_not_lifted_above_those_that_were_learned():
    assert strength_offsets(np.array([0.5, 0.5, 0.0]), 1.0).tolist() == pytest.approx([math.log(2), math.log(2), 0])
    learned = checkpoint(class_shares=(1.0, 0.0))
    assert prior_offsets(learned, {"anger": 1, "fear": 3}).tolist() == pytest.approx([math.log(1 / 4), math.log(3 / 4)])


def test_a_class_that_is_not_expected_keeps_a_finite_offset():
    offsets = prior_offsets(checkpoint(class_shares=(0.5, 0.5)), {"anger": 1, "fear": 0})
    assert offsets.tolist() == pytest.approx([math.log(2), math.log(2) + math.log(1e-4)])


def test_a_checkpoint_without_shares_has_no_other_prior():
    with pytest.raises(ConfigError, match="--prior training"):
        prior_offsets(checkpoint(), "balanced")


def test_a_prior_of_other_classes_is_refused_by_name():
    with pytest.raises(ConfigError, match="unknown: joy; missing: fear"):
        prior_offsets(checkpoint(class_shares=(0.8, 0.2)), {"anger": 1.0, "joy": 1.0})
    with pytest.raises(ConfigError, match="is 0 for every class"):
        prior_offsets(checkpoint(class_shares=(0.8, 0.2)), {"anger": 0.0, "fear": 0.0})
    for wrong in (-0.5, float("nan"), float("inf")):  # of a program; files are checked when they are read
        with pytest.raises(ConfigError, match="must be a number of at least 0"):
            prior_offsets(checkpoint(class_shares=(0.8, 0.2)), {"anger": 1.0, "fear": wrong})


@pytest.mark.parametrize(
    "text",
    [
        *("[]", "{}", '{"anger": -1}', '{"anger": "much"}', '{"anger": NaN}', '{"anger": true}', "no json", ""),
        *('{"anger": 1e999}', '{"anger": %s}' % ("9" * 400), '{"anger": 1e300}', "[" * 100_000, '{"a":' * 100_000),
        *('{"anger": ', '{"\\u001b[31m": "x"}', "7", "null"),
    ],
    ids=range(17),
)
def test_a_file_that_holds_no_shares_is_refused(tmp_path, text):
    path = tmp_path / "prior.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"prior\.json") as caught:
        read_prior(str(path))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


def test_a_file_of_shares_is_read(tmp_path):
    (tmp_path / "prior.json").write_text('{"anger": 3, "fear": 0.5}')
    assert read_prior(str(tmp_path / "prior.json")) == {"anger": 3.0, "fear": 0.5}


@pytest.mark.parametrize("name", ["/dev/zero", "x" * 300, "a\0b", "."])
def test_what_is_no_file_is_refused(name):
    with pytest.raises(ConfigError, match="give training, balanced"):
        read_prior(name)


def test_the_two_words_are_read_before_any_file():
    assert (read_prior("training"), read_prior("balanced")) == ("training", "balanced")
    with pytest.raises(ConfigError, match="give training, balanced"):
        read_prior("even")
