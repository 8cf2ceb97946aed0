"""Our numbers are those of scikit-learn and torchmetrics, where they have them."""

import numpy as np
import pytest
import torch

from ampnet.evaluation.metrics import confusion_matrix, confusion_of, score
from ampnet.evaluation.reliability import BINS, score_probabilities

CLASSES = tuple("abcdefg")
K = len(CLASSES)
RNG = np.random.default_rng(1)
LABELS = RNG.choice(K, 700, p=[0.3, 0.25, 0.2, 0.1, 0.08, 0.05, 0.02])
LOGITS = RNG.standard_normal((700, K)) + 2 * np.eye(K)[LABELS] * RNG.random((700, 1))
PROBABILITIES = torch.from_numpy(LOGITS).softmax(dim=1).numpy()
ANSWERS = PROBABILITIES.argmax(axis=1)
NO_FACE = K
"""To scikit-learn, no prediction is one more answer."""


@pytest.fixture(scope="module")
def sklearn_metrics():
    from sklearn import metrics  # takes seconds, of this file only

    return metrics


@pytest.fixture(params=["all answered", "some without a face"])
def answers(request):
    given = ANSWERS.copy()
    if request.param != "all answered":
        given[RNG.random(700) < 0.1] = -1
    return given


def test_the_confusion_matrix_is_sklearns(sklearn_metrics):
    theirs = sklearn_metrics.confusion_matrix(LABELS, ANSWERS, labels=range(K))
    assert np.array_equal(confusion_matrix(LABELS, ANSWERS, K), theirs)


def test_scores_over_all_classes_are_sklearns(answers, sklearn_metrics):
    ours = score(confusion_of(LABELS, answers, K), CLASSES)
    theirs = np.where(answers < 0, NO_FACE, answers)
    f1 = {
        mean: sklearn_metrics.f1_score(LABELS, theirs, labels=range(K), average=mean) for mean in ("macro", "weighted")
    }
    assert ours.accuracy.value == pytest.approx(sklearn_metrics.accuracy_score(LABELS, theirs))
    assert ours.mean_class_accuracy.value == pytest.approx(
        sklearn_metrics.recall_score(LABELS, theirs, labels=range(K), average="macro")
    )
    for found, mean in ((ours.macro_f1, "macro"), (ours.weighted_f1, "weighted")):
        f1 = sklearn_metrics.f1_score(LABELS, theirs, labels=range(K), average=mean)
        assert found.value == pytest.approx(f1)
    assert ours.kappa.value == pytest.approx(sklearn_metrics.cohen_kappa_score(LABELS, theirs))
    assert ours.matthews.value == pytest.approx(sklearn_metrics.matthews_corrcoef(LABELS, theirs))


def test_scores_of_each_class_are_sklearns(answers, sklearn_metrics):
    ours = score(confusion_of(LABELS, answers, K), CLASSES).classes
    theirs = np.where(answers < 0, NO_FACE, answers)
    precision, recall, f1, images = sklearn_metrics.precision_recall_fscore_support(LABELS, theirs, labels=range(K))
    assert [known.recall.value for known in ours] == pytest.approx(recall)
    assert [known.precision.value for known in ours] == pytest.approx(precision)
    assert [known.f1.value for known in ours] == pytest.approx(f1)
    assert [known.images for known in ours] == images.tolist()


def test_scores_of_the_probabilities_are_theirs(sklearn_metrics):
    from torchmetrics.classification import MulticlassCalibrationError

    ours = score_probabilities(PROBABILITIES, LABELS)
    assert ours.log_loss.value == pytest.approx(sklearn_metrics.log_loss(LABELS, PROBABILITIES))
    brier = sklearn_metrics.brier_score_loss(LABELS, PROBABILITIES, scale_by_half=False)
    assert ours.brier.value == pytest.approx(brier)
    top2 = sklearn_metrics.top_k_accuracy_score(LABELS, PROBABILITIES, k=2, labels=range(K))
    assert ours.top2.value == pytest.approx(top2)
    calibration = MulticlassCalibrationError(K, n_bins=BINS, norm="l1")
    theirs = calibration(torch.from_numpy(PROBABILITIES), torch.from_numpy(LABELS)).item()
    assert ours.calibration_error.value == pytest.approx(theirs, abs=1e-6)
