"""What is taken for what, in order and in words."""

import numpy as np

from ampnet.evaluation.confusions import confused_pairs, in_words
from ampnet.evaluation.metrics import score

NAMES = ("anger", "fear", "joy")
MATRIX = np.array([[70, 20, 0, 10], [5, 35, 10, 0], [0, 0, 50, 0]])


def test_the_most_frequent_confusions_come_first_with_their_share_of_the_class():
    pairs = confused_pairs(MATRIX, NAMES)
    assert [(p.true, p.predicted, p.images, p.share.value) for p in pairs] == [
        ("anger", "fear", 20, 0.2),
        ("fear", "joy", 10, 0.2),
        ("fear", "anger", 5, 0.1),
    ]
    assert len(confused_pairs(MATRIX, NAMES, most=1)) == 1


def sentence(matrix, undetected=0):
    matrix = np.array(matrix)
    return in_words(score(matrix, NAMES[: len(matrix)]), confused_pairs(matrix, NAMES[: len(matrix)]), undetected)


def test_the_result_in_words():
    assert sentence(MATRIX, undetected=10) == (
        "Right about 8 times out of 10; best at joy (F1 91%), worst at fear (67%); most often takes anger for "
        "fear (20 images); of 200 images, 10 without a prediction count as errors."
    )


def test_the_extremes_in_words():
    assert sentence([[3, 0], [0, 2]]) == "Always right."
    assert sentence([[0, 3], [2, 0]]) == "Never right; most often takes anger for fear (3 images)."
    assert sentence([[99, 1], [0, 99]]).startswith("Right about 99 times out of 100; most")
    assert sentence([[3, 97], [0, 0]]).startswith("Right about 3 times out of 100")
    assert sentence([[13, 87], [0, 0]]).startswith("Right about once out of 10;")
    assert sentence([[1, 19], [0, 0]]).startswith("Right about 5 times out of 100;")
