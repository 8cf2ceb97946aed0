"""Frames of a video a second with `fer` (PyPI), as its page shows: python benchmarks/video_rate_fer.py VIDEO."""

import itertools
import sys
import time

import cv2
from fer.fer import FER

FRAMES = 30

if __name__ == "__main__":
    detector, video = FER(), cv2.VideoCapture(sys.argv[1])
    detector.detect_emotions(video.read()[1])  # the first call builds its graph
    begun, faces = time.monotonic(), 0
    for count in itertools.count():
        is_read, frame = video.read()
        if not is_read or count == FRAMES:
            break
        faces += len(detector.detect_emotions(frame))
    print(count / (time.monotonic() - begun), faces / count)
