"""A photo in, an answer out, with `fer` (PyPI) as its own page shows: python benchmarks/cold_start_fer.py PHOTO."""

import sys

import cv2
from fer.fer import FER

if __name__ == "__main__":
    print(FER().detect_emotions(cv2.imread(sys.argv[1])))
