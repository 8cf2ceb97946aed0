"""Probabilities scored by hand."""

import numpy as np
import pytest

from ampnet.evaluation.reliability import calibration_error


def test_calibration_error_is_the_mean_gap_between_confidence_and_accuracy():
    # one bin at 0.9 with accuracy 0.5, one at 0.6 with accuracy 1: (2 x 0.4 + 1 x 0.4) / 3
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]])
    assert calibration_error(probabilities, np.array([0, 1, 1])) == pytest.approx(0.4)
    assert calibration_error(np.array([[1.0, 0.0]]), np.array([0])) == 0
