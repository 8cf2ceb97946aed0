"""Networks in float32 and bfloat16, in one thread, alternately: python -m benchmarks.bfloat16 [--rounds 15]."""

import argparse
from collections.abc import Callable
from functools import partial

import torch

from ampnet.checkpoints.bundled import model_path
from ampnet.checkpoints.checkpoint import load_checkpoint
from ampnet.detection.detector import FaceDetector
from ampnet.inference.optimize import optimize_for_inference
from ampnet.models.ampnet import AMPNet
from ampnet.runtime.memory import keep_freed_memory
from benchmarks.eval_rate import DTYPES
from benchmarks.measure import in_turn, median_ratio, print_table, rate
from benchmarks.network import faces

CLASSIFIER_BATCH, WIDE_BATCH = 32, 8
SIZE = 112
"""Side of the classifiers' faces in pixels."""
PHOTO = (1, 3, 960, 1280)

Forms = dict[str, Callable[[], object]]
"""One network's forward pass in each precision."""


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    networks = {
        f"bundled network, batch {CLASSIFIER_BATCH}, ms a face": (
            classifier(load_checkpoint(model_path()).model, CLASSIFIER_BATCH),
            CLASSIFIER_BATCH,
        ),
        f"width 1.0 at {SIZE} px, batch {WIDE_BATCH}, ms a face": (
            classifier(AMPNet(image_size=SIZE).eval(), WIDE_BATCH),
            WIDE_BATCH,
        ),
        f"detector, a photo at {PHOTO[-1]} px, ms": (detector(), 1),
    }
    rows: list[list[object]] = []
    with torch.inference_mode():
        for name, (forms, count) in networks.items():
            times = in_turn(forms, arguments.rounds)
            milliseconds = [1000 / rate(times, form, count) for form in forms]
            rows.append([name, *milliseconds, median_ratio(times, *forms)])
    print_table("One thread", ["", *DTYPES, "times as fast"], rows)


def classifier(network: AMPNet, batch: int) -> Forms:
    """Prepare a classifier's forward pass on noise."""
    images, landmarks, _ = faces(batch, SIZE)
    return {name: partial(optimize_for_inference(network, dtype), images, landmarks) for name, dtype in DTYPES.items()}


def detector() -> Forms:
    """Prepare the detector's forward pass on noise."""
    photo = torch.rand(PHOTO).contiguous(memory_format=torch.channels_last)
    return {name: partial(FaceDetector(dtype=dtype).network, photo.to(dtype)) for name, dtype in DTYPES.items()}


if __name__ == "__main__":
    main()
