"""Forked children of a process whose libraries have started threads."""

import subprocess
import sys

PROGRAM = """
import os, signal, subprocess, sys
import cv2, numpy as np, torch
import ampnet.runtime.forks
cv2.setNumThreads(4)
torch.set_num_threads(2)
image = np.zeros((2000, 2000, 3), np.uint8)
cv2.resize(image, (1000, 1000), interpolation=cv2.INTER_AREA)  # starts OpenCV's pool
torch.ones(500, 500) @ torch.ones(500, 500)
done = subprocess.run([sys.executable, "-c", "print('started')"], preexec_fn=os.getpgrp, timeout=600)
assert done.returncode == 0
child = os.fork()
if child == 0:
    signal.alarm(30)
    assert cv2.resize(image, (1000, 1000), interpolation=cv2.INTER_AREA).shape == (1000, 1000, 3)
    assert float((torch.ones(500, 500) @ torch.ones(500, 500))[0, 0]) == 500
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert cv2.getNumThreads() == 4
print("answered")
"""


def test_programs_start_and_children_compute_after_opencv_and_torch_have_started_threads():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["started", "answered"]
