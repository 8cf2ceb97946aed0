"""Choosing corruptions on the command line."""

import pytest

from ampnet.errors import ConfigError
from ampnet.robustness.suite import CORRUPTIONS, read_corruptions


def test_groups_and_names_are_given_in_the_suites_order_each_once():
    assert read_corruptions("jpeg, blur,mask,motion-blur") == ("mask", "gaussian-blur", "motion-blur", "jpeg")


def test_all_means_every_corruption_and_none_means_none():
    assert read_corruptions("all") == tuple(name for names in CORRUPTIONS.values() for name in names)
    assert read_corruptions("none") == ()


@pytest.mark.parametrize("text", ["", " , ", "fog", "none,mask"])
def test_anything_else_is_refused_with_the_list_of_names(text):
    with pytest.raises(ConfigError, match="low-resolution"):
        read_corruptions(text)
