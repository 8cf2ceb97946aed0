"""The outside world's files: open safely, write atomically, lock, list, name."""
