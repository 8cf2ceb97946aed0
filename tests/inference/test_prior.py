"""Class priors: what is added to the logits, and what is refused."""

import math

import numpy as np
import pytest
import torch

from ampnet.checkpoints.checkpoint import Checkpoint
from ampnet.errors import ConfigError
from ampnet.faces.framing import Framing
from ampnet.inference.prior import prior_offsets, read_prior, strength_offsets
from ampnet.models.ampnet import AMPNet


def checkpoint(**fields):
    return Checkpoint(AMPNet(2, 0.05, 48), ("anger", "fear"), Framing(), **fields)


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


def test_a_class_that_never_occurs_keeps_a_finite_offset():
    assert torch.isfinite(strength_offsets(np.array([1.0, 0.0]), 1.0)).all()


def test_a_checkpoint_without_shares_has_no_other_prior():
    with pytest.raises(ConfigError, match="--prior training"):
        prior_offsets(checkpoint(), "balanced")


def test_a_prior_of_other_classes_is_refused_by_name():
    with pytest.raises(ConfigError, match="unknown: joy; missing: fear"):
        prior_offsets(checkpoint(class_shares=(0.8, 0.2)), {"anger": 1.0, "joy": 1.0})
    with pytest.raises(ConfigError, match="is 0 for every class"):
        prior_offsets(checkpoint(class_shares=(0.8, 0.2)), {"anger": 0.0, "fear": 0.0})


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
