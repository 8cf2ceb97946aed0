"""Checkpoints: ours, the bundled models, and the reference program's."""
