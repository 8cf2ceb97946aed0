"""Untrusted files and outputs: open safely, write atomically, lock, list, name."""
