"""Pixels: decode, encode, resize, draw."""
