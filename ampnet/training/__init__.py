"""A training run: its parts, its loop, and how it is saved and resumed."""
