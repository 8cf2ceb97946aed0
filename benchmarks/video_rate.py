"""Frames of a video with two faces that predict classifies a second, and with --fast: python -m benchmarks.video_rate.

Renders a clip of 30 frames a second at each size (two people of the samples who move, come nearer and change their
expression), classifies every frame in both ways, one after the other, and compares the answers. Clips are kept in the
folder that is given, and made once. ``--cores N`` limits everything to N cores. The processor time is that of all
processes, decoding among them: on two idle cores, 66 ms a frame are real time at 30 frames a second.

    python -m benchmarks.video_rate [--heights 1080] [--rival "NAME=COMMAND" ...]

A rival's command gets the clip as its last argument, and prints frames a second and faces a frame.
"""

import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import gettempdir

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from ampnet.results.photo_result import PhotoResult
from benchmarks.measure import Spent, add_rivals, options_of, print_table
from tests.people_clips import portrait

HEIGHTS = (360, 720, 1080, 2160)
RATE = 30
PEOPLE = (("id14", 0.27), ("id21", 0.73))


def main() -> None:
    """Measure, and print a table."""
    parser = options_of(__doc__)
    parser.add_argument("--folder", type=Path, default=Path(gettempdir()) / "ampnet-video-rate")
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--heights", type=int, nargs="+", default=HEIGHTS)
    parser.add_argument("--model", default=None)
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    add_rivals(parser)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    torch.set_num_threads(arguments.cores)
    rivals = dict(arguments.rival)

    from ampnet import Predictor

    predictor = Predictor(arguments.model)
    rows = []
    for height in arguments.heights:
        clip = _clip(arguments.folder, arguments.frames, height)
        answers, costs = [], []
        for predictor.fast in (False, True):
            predictor.predict_many(clip, every=30)
            begun = Spent.now()
            answers.append(predictor.predict_many(clip, every=1))
            costs.append(Spent.now().since(begun))
        speeds, cpu = [arguments.frames / cost.wall for cost in costs], 1000 * costs[1].cpu / arguments.frames
        theirs = [_rival_rate(command, clip) for command in rivals.values()]
        rows.append((f"{height}p", *speeds, cpu, *compared(*answers), *theirs))
    head = ("video", "frames/s", "with --fast", "its CPU ms/frame", "faces", "in both", "same label", "within, 99%")
    print_table(f"every frame, {arguments.cores} cores, {predictor.model}", (*head, *rivals), rows)


def _clip(folder: Path, frames: int, height: int) -> Path:
    """Return the clip of a height, which is rendered if it is not there."""
    from tests.clips import write_timed  # loads PyAV

    clip = folder / f"{height}-{frames}.mp4"
    if not clip.exists():
        folder.mkdir(parents=True, exist_ok=True)
        times = [number / RATE for number in range(frames)]
        unfinished = write_timed(folder / f"new-{clip.name}", times, render(frames, height))
        unfinished.replace(clip)
    return clip


def _rival_rate(command: str, clip: Path) -> str:
    """Run a rival; returns its frames a second, and the faces that it finds in a frame."""
    run = subprocess.run([*shlex.split(command), str(clip)], capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(f"{command} ended with {run.returncode}:\n{run.stderr[-1000:]}")
    rate, faces = map(float, run.stdout.split()[-2:])
    return f"{rate:.3g}; {faces:.2g} faces"


def compared(full: list[PhotoResult], fast: list[PhotoResult]) -> tuple[int, str, str, float]:
    """Return how many faces full detection finds, how many of these --fast has, and how far their answers agree."""
    shifts, same, count = [], 0, 0
    for expected, found in zip(full, fast, strict=True):
        for face in expected:
            count += 1
            near = min(found, key=lambda other: float(np.abs(other.box - face.box).max()), default=None)
            if near is not None and np.abs(near.box - face.box).max() < 0.2 * (face.box[2] - face.box[0]):
                same += near.label == face.label
                shifts.append(max(abs(near.scores[name] - face.scores[name]) for name in face.scores))
    return count, f"{len(shifts) / count:.1%}", f"{same / len(shifts):.1%}", float(np.quantile(shifts, 0.99))


def render(frames: int, height: int) -> Iterator[NDArray[np.uint8]]:
    """Render the frames of a clip of 16 by 9."""
    width = height * 16 // 9
    pictures = {(person, mood): portrait(person, mood)[0] for person, _ in PEOPLE for mood in ("neutral", "happiness")}
    random = np.random.default_rng(0)
    ground = cv2.resize(random.integers(60, 190, (3, 5, 3)).astype(np.uint8), (width, height), None, 0, 0, 2)
    noise = random.integers(-4, 5, (8, height, width)).astype(np.int16)
    for number in range(frames):
        now = number / RATE
        image = ground.copy()
        for order, (person, column) in enumerate(PEOPLE):
            mood = 0.5 - 0.5 * np.cos(2 * np.pi * (now / 4 + 0.3 * order))
            mixed = cv2.addWeighted(pictures[person, "neutral"], 1 - mood, pictures[person, "happiness"], mood, 0)
            side = height * (0.55 + 0.06 * np.sin(1.3 * now + order))
            place = (column * width + 0.05 * height * np.sin(2.1 * now + order), 0.5 * height)
            scale = side / mixed.shape[0]
            matrix = cv2.getRotationMatrix2D((mixed.shape[1] / 2, mixed.shape[0] / 2), 5 * np.sin(now + order), scale)
            matrix[:, 2] = matrix[:, 2] + np.array(place) - np.array(mixed.shape[1::-1]) / 2
            warped = cv2.warpAffine(mixed, matrix, (width, height), flags=cv2.INTER_CUBIC)
            inside = cv2.warpAffine(np.full(mixed.shape[:2], 255, np.uint8), matrix, (width, height))
            cv2.copyTo(warped, inside // 128, image)
        yield np.asarray(cv2.add(image, cv2.merge([noise[number % 8]] * 3), dtype=cv2.CV_8U), dtype=np.uint8)


if __name__ == "__main__":
    main()
