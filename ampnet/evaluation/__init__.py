"""Numbers: predictions, metrics with intervals, agreement with annotators, comparisons."""
