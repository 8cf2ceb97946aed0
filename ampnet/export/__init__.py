"""Models that run without ampnet, or without torch."""
