"""One file for each command: check, compute, write."""
