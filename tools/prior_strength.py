"""How much of the training set's class prior to remove from a bundled model's logits, on held-out faces."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ampnet.evaluation.metrics import accuracy, confusion_matrix, mean_recall
from ampnet.inference.calibration import strength_offsets

STRENGTHS_TRIED = np.linspace(0, 1, 21)

MAX_ACCURACY_LOSS = 0.01
"""Maximum loss of accuracy, in [0, 1], accepted for better recall of rare classes."""


def choose_prior_strength(
    logits: Tensor,
    labels: NDArray[np.int64],
    class_shares: NDArray[np.floating],
    max_accuracy_loss: float = MAX_ACCURACY_LOSS,
) -> float:
    """Choose how much of the training set's class prior to remove from the logits.

    Among the strengths within ``max_accuracy_loss`` of the best accuracy, the one with the best mean recall is chosen,
    the smallest if there is a tie: accuracy alone neglects rare classes, and mean recall alone lets a dozen faces of
    disgust outweigh a thousand neutral ones.

    Args:
        logits: ``(N, K)`` fused logits of faces that the network was not trained on.
        labels: ``(N,)``.
        class_shares: ``(K,)`` of the training targets.
        max_accuracy_loss: fraction of the faces that may be given up; 0 asks for the best accuracy alone.

    Returns:
        A strength in [0, 1], in steps of 0.05.
    """
    results = [_accuracy_and_recall(logits, labels, class_shares, strength) for strength in STRENGTHS_TRIED]
    enough = max(accuracy for accuracy, _ in results) - max_accuracy_loss
    recalls = [recall if accuracy >= enough else -1.0 for accuracy, recall in results]
    return float(STRENGTHS_TRIED[int(np.argmax(recalls))].round(2))


def _accuracy_and_recall(
    logits: Tensor, labels: NDArray[np.int64], class_shares: NDArray[np.floating], strength: float
) -> tuple[float, float]:
    answers = (logits + strength_offsets(class_shares, strength)).argmax(dim=1).numpy()
    matrix = confusion_matrix(labels, answers, logits.shape[1])
    return accuracy(matrix), mean_recall(matrix)
