"""Batches for a network: decoding, augmentation, sampling."""
