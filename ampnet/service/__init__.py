"""The HTTP service of `ampnet serve`: requests in, answers of a predictor out; nothing is kept."""
