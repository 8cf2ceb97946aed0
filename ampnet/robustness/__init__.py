"""Corruption, occlusion and pose: the suite, its scores and its sheets."""
