"""Checkpoints of the reference program, converted both ways."""
