"""From framed faces to probabilities: classifier, prior, calibration, precision."""
