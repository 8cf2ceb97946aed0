"""The best epoch is the most accurate one; of equally accurate ones, the one with the lowest loss."""

import numpy as np
import pytest

from ampnet.training.history import History


@pytest.mark.parametrize(
    ("epochs", "best"),
    [
        ([(0.5, 1.0), (0.6, 1.2), (0.55, 0.5)], 2),
        ([(0.5, 1.0), (0.5, 0.9), (0.5, 0.95)], 2),
        ([(0.5, 1.0), (0.5, 1.0)], 1),
    ],
    ids=["accuracy", "loss", "neither is better"],
)
def test_the_best_epoch(epochs, best):
    history = History()
    answers = [
        history.add({"epoch": number}, accuracy, loss, np.full((2, 2), number))
        for number, (accuracy, loss) in enumerate(epochs, start=1)
    ]
    assert history.best_epoch == best
    assert history.best_confusion == [[best, best], [best, best]]
    assert answers.index(True, best - 1) == best - 1
    assert not any(answers[best:])
    assert history.epochs_without_better() == len(epochs) - best
    assert history.to_dict()["best"]["loss"] == epochs[best - 1][1]
