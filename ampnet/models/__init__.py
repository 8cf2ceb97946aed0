"""The network, one file for each part of the paper's figure."""
