"""A data set's classes are matched with a network's by name."""

import pytest

from ampnet.errors import DataError
from ampnet.evaluation.matching import match_all_classes, match_classes, selection_notes


def test_classes_are_matched_by_name_whatever_their_order():
    assert match_classes(["fear", "anger", "joy"], ["anger", "joy", "fear"]).codes.tolist() == [2, 0, 1]


def test_classes_without_names_count_like_the_checkpoint():
    assert match_classes(["class_0", "class_1"], ["anger", "fear"]).codes.tolist() == [0, 1]


def test_of_other_classes_the_shared_ones_are_matched_and_the_rest_is_named():
    match = match_classes(["anger", "contempt", "fear"], ["fear", "anger", "joy"])
    assert match.codes.tolist() == [1, -1, 0]
    left_out, impossible = match.notes()
    assert "contempt" in left_out
    assert "joy" in impossible


def test_a_set_that_shares_less_than_two_classes_is_refused():
    with pytest.raises(DataError, match="fewer than two classes"):
        match_classes(["anger", "contempt"], ["anger", "joy"])
    with pytest.raises(DataError, match="fewer than two classes"):
        match_classes(["class_0", "class_1", "class_2"], ["anger", "fear"])


def test_where_all_classes_must_be_the_same_both_differences_are_named():
    assert match_all_classes(["fear", "anger"], ["anger", "fear"]).tolist() == [1, 0]
    with pytest.raises(DataError, match=r"only in the data: contempt; only in the checkpoint: joy"):
        match_all_classes(["anger", "fear", "contempt"], ["anger", "fear", "joy"])


def test_numbers_on_the_split_that_chose_the_epoch_are_marked():
    assert selection_notes("test", "val") == ()
    assert "inflated" in selection_notes("test", "test")[0]
