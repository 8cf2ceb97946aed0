"""Checks of a data set: duplicates, leaks, altered images."""
