"""Data sets: raw layouts, preparation, the index, shards, checks, batches."""
