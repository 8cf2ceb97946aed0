"""Photos per second of `predict` on a folder, a loop over single photos, and the two networks alone, side by side.

    python -m benchmarks.predict_rate PHOTOS [--count 200] [--rounds 3] [--sides loop folder networks folder-bf16 ...]

PHOTOS is a folder, which benchmarks/photos.py fills if it is empty. Each side runs in a process of its own, in
turn, round after round; starting it and loading the models is not counted. Peak memory is of the whole process. CPU
time, of all threads, is what a busy machine changes least.

| side | what |
|---|---|
| loop | ``Predictor().predict(path)``, photo after photo |
| list | ``Predictor().predict(paths)`` |
| stream | ``Predictor().predict(paths, stream=True)`` |
| folder | `ampnet predict PHOTOS --csv FILE` |
| folder-bf16, folder-onnx | the same with `--precision bf16`, with `--runtime onnx` |
| networks | the detector's and the classifier's networks on inputs that are already decoded, scaled and framed |
"""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from ampnet.detection.any_size import passes
from ampnet.detection.multiscale import Letterbox, letterbox
from ampnet.faces.alignment import AlignedFace
from ampnet.faces.framing import frame_face
from ampnet.media.images import Image
from ampnet.reading.photo import Photo
from ampnet.recognition.predictor import Predictor
from ampnet.runtime.memory import keep_freed_memory
from ampnet.runtime.threads import MAX_NETWORKS, in_order, start_threads
from ampnet.settings import PredictConfig
from benchmarks.measure import (
    Side,
    Spent,
    Tasks,
    median_ratio,
    median_seconds,
    options_of,
    print_table,
    rate,
    sides_in_turn,
)
from benchmarks.photos import make_photos
from pipelines.predict import run

SIDES = ("loop", "list", "stream", "folder", "networks", "folder-bf16", "folder-onnx")

Inputs = tuple[list[Letterbox], list[AlignedFace]]
"""What both networks see of a chunk of photos."""


def main() -> None:
    """Measure all sides alternately, and print a table."""
    parser = options_of(__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=SIDES)
    arguments = parser.parse_args()
    photos = make_photos(arguments.photos, arguments.count)
    sides = {side: Side(partial(tasks_of, side, photos)) for side in arguments.sides}
    times = sides_in_turn({side: (process, side) for side, process in sides.items()}, arguments.rounds, warm_ups=0)
    rows = [
        [
            side,
            rate(times, side, arguments.count),
            1000 * median_seconds(times, side, "cpu") / arguments.count,
            process.end(),
            *(median_ratio(times, other, side) if other in times else "" for other in ("loop", "networks")),
        ]
        for side, process in sides.items()
    ]
    cores = torch.get_num_threads()
    title = f"{arguments.count} photos of 1 to 12 megapixels, {cores} cores, medians over {arguments.rounds} rounds"
    head = ("side", "photos/s", "CPU ms a photo", "peak MB", "times the loop", "times the networks alone")
    print_table(title, head, rows)


def tasks_of(side: str, photos: list[Path]) -> Tasks:
    """Build the one task of a side."""
    sides = {"loop": loop, "list": at_once, "stream": stream, "networks": networks}
    return {side: partial(sides.get(side, folder(side)), photos)}


def in_python(predict: Callable[[Predictor, list[Path]], object]) -> Callable[[list[Path]], Spent]:
    """Measure what a Python program does with the photos, once the predictor has seen one."""

    def measure(photos: list[Path]) -> Spent:
        predictor = Predictor()
        predictor.predict(photos[0])
        start = Spent.now()
        predict(predictor, photos)
        return Spent.now().since(start)

    return measure


loop = in_python(lambda predictor, photos: [predictor.predict(photo) for photo in photos])
at_once = in_python(lambda predictor, photos: predictor.predict(photos))
stream = in_python(lambda predictor, photos: list(predictor.predict(photos, stream=True)))

FEW = 10


def folder(side: str) -> Callable[[list[Path]], Spent]:
    """Predict a folder; what a run over a few photos takes, which is mostly loading, is not counted."""

    def once(photos: list[Path]) -> Spent:
        with tempfile.TemporaryDirectory() as out:
            config = PredictConfig(
                images=tuple(photos),
                checkpoint=Path("bundled"),
                csv=Path(out) / "faces.csv",
                gpus=0,
                precision="bf16" if side.endswith("bf16") else "fp32",
                runtime="onnx" if side.endswith("onnx") else "torch",
            )
            start = Spent.now()
            run(config, quiet=True)
            return Spent.now().since(start)

    def measure(photos: list[Path]) -> Spent:
        once(photos[:FEW])
        few = once(photos[:FEW])
        scale = len(photos) / (len(photos) - FEW)
        return Spent(*(part * scale for part in once(photos).since(few)))

    return measure


def networks(photos: list[Path]) -> Spent:
    """Run the networks on inputs that are ready, as many chunks side by side as `predict` does."""
    keep_freed_memory()
    predictor, cores = Predictor(), torch.get_num_threads()
    threshold = predictor.detector.config.score_threshold

    def run_both(inputs: Inputs) -> None:
        for one in inputs[0]:
            predictor.detector.candidates([one], threshold)
        predictor.classify(inputs[1])

    total = Spent(0.0, 0.0)
    with start_threads(cores, min(cores, MAX_NETWORKS)) as threads:
        for start_at in range(0, len(photos), 32):
            few = [photos[at : at + 4] for at in range(start_at, min(start_at + 32, len(photos)), 4)]
            ready = [_inputs(predictor, [Photo.of_file(path).reduced for path in chunk]) for chunk in few]
            run_both(ready[0])
            start = Spent.now()
            for _ in in_order(run_both, ready, threads.networks, len(ready)):
                pass
            spent = Spent.now().since(start)
            total = Spent(total.wall + spent.wall, total.cpu + spent.cpu)
    return total


def _inputs(predictor: Predictor, images: list[Image]) -> Inputs:
    boxes, faces = [], []
    for image in images:
        boxes += [letterbox(view.image, view.long_side, view.larger) for view in passes(image)]
        faces += [
            frame_face(image, face.landmarks, predictor.framing) for face in predictor.detector.detect([image])[0]
        ]
    return boxes, faces


if __name__ == "__main__":
    main()
