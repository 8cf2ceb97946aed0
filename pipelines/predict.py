"""`ampnet predict`: read photos and videos, find and classify their faces, write the results."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ampnet.checkpoints.checkpoint import load_checkpoint
from ampnet.config import PredictConfig
from ampnet.detection import FaceDetector
from ampnet.errors import ImageError, UsageError
from ampnet.inference.prior import read_prior
from ampnet.media.drawing import Mark, annotate
from ampnet.media.files import atomic_write, make_folder, refuse_overwrite
from ampnet.media.images import list_images, read_reduced
from ampnet.media.video import VideoWriter, is_video, read_frames, video_info, writing_video
from ampnet.prediction.predictor import FacePrediction, Predictor
from ampnet.prediction.results import ImagePredictions, Predictions
from ampnet.runtime.devices import choose_device
from ampnet.runtime.memory import keep_freed_memory
from pipelines.model import find_model
from pipelines.progress import notices, progress_bar

CHUNK_IMAGES = 32
CHUNK_PIXELS = 50_000_000
"""A chunk of images in memory ends at this many images or this many pixels, whichever comes first."""

DRAWN_FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG"}


@dataclass(frozen=True)
class Source:
    """One input file, and where its annotated copy goes."""

    path: Path
    drawn: Path | None

    @property
    def is_video(self) -> bool:
        """Whether it is a video."""
        return is_video(self.path)


@dataclass(frozen=True, eq=False)
class Shot:
    """One photo or frame, or the reason why it cannot be read."""

    source: Source
    image: NDArray[np.uint8] | None
    problem: str | None = None
    frame: int | None = None
    seconds: float | None = None
    is_asked: bool = True
    """False for the frames between two that are classified."""
    photo_hw: tuple[int, int] | None = None
    """Size of a photo, which may be larger than the image: very large ones are reduced while they are decoded."""

    def result(self, faces: list[FacePrediction]) -> ImagePredictions:
        """Combine it with the faces found in it."""
        size_hw = None if self.image is None else (self.image.shape[0], self.image.shape[1])
        if size_hw is not None and self.photo_hw is not None and size_hw != self.photo_hw:
            faces, size_hw = [face.enlarged(size_hw, self.photo_hw) for face in faces], self.photo_hw
        return ImagePredictions(self.source.path, size_hw, faces, self.problem, self.frame, self.seconds)


def run(config: PredictConfig, quiet: bool = False) -> Predictions:
    """Classify every face of the photos and videos.

    Raises:
        UsageError: there is no such checkpoint, a folder holds no image, or an output file exists already.
        CheckpointError: the checkpoint cannot be used.
        DataError: a result cannot be written.
    """
    console = notices(quiet)
    sources = plan(config.images, config.annotate)
    _check_targets(config, sources)
    file = find_model(config.checkpoint, console, "--checkpoint")
    checkpoint = load_checkpoint(file)
    prior = None if config.prior is None else read_prior(config.prior)
    keep_freed_memory()
    device = choose_device(config.gpus)
    predictor = Predictor(
        checkpoint, FaceDetector(config.detector, device), device, config.batch_size, config.mirror, prior
    )

    results: list[ImagePredictions] = []
    with progress_bar(console)("predict", _count(sources, config.every)) as advance, Drawings() as drawings:
        for chunk in _in_chunks(_shots(sources, config.every)):
            asked = [shot.image for shot in chunk if shot.image is not None and shot.is_asked]
            found = iter(predictor.predict(asked))
            for shot in chunk:
                faces = next(found) if shot.image is not None and shot.is_asked else None
                drawings.add(shot, faces)
                if shot.is_asked:
                    results.append(shot.result(faces or []))
            advance(len(chunk))

    predictions = Predictions(results, checkpoint.class_names, file)
    if config.csv:
        with atomic_write(config.csv) as aside:
            predictions.to_table().to_csv(aside, index=False, lineterminator="\n")
    return predictions


def plan(inputs: Sequence[Path], annotate_dir: Path | None) -> list[Source]:
    """List the input files, with folders expanded to all images below them, and name their annotated copies.

    Annotated JPEG and PNG files keep their format, other pictures become JPEG, videos MP4. Files from a folder
    keep their place below it; where names clash, the later ones get a number.

    Raises:
        UsageError: a folder holds no image.
    """
    sources: list[Source] = []
    taken: set[Path] = set()
    for given in inputs:
        files = list_images(given) if given.is_dir() else [given]
        if not files:
            raise UsageError(f"{given} holds no images")
        for file in files:
            if annotate_dir is None:
                sources.append(Source(file, None))
                continue
            relative = file.relative_to(given) if given.is_dir() else Path(file.name)
            if is_video(file):
                relative = relative.with_suffix(".mp4")
            elif relative.suffix.lower() not in DRAWN_FORMATS:
                relative = relative.with_suffix(".jpg")
            name, number = relative, 2
            while name in taken:
                name, number = relative.with_stem(f"{relative.stem}-{number}"), number + 1
            taken.add(name)
            sources.append(Source(file, annotate_dir / name))
    return sources


class Drawings:
    """Writes the annotated pictures and videos; between two classified frames the last faces stay drawn."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._writer: VideoWriter | None = None
        self._video: Source | None = None
        self._marks: list[Mark] = []

    def __enter__(self) -> "Drawings":
        return self

    def __exit__(self, *error: Any) -> None:
        self._open.__exit__(*error)

    def add(self, shot: Shot, faces: list[FacePrediction] | None) -> None:
        """Draw one shot, if its source has a place for that.

        Raises:
            DataError: the picture cannot be written.
        """
        if shot.source.drawn is None or shot.image is None:
            return
        if faces is not None:
            self._marks = [Mark(f.face.box, f.face.landmarks, f.label, f"{f.label} {f.probability:.0%}") for f in faces]
        drawn = annotate(shot.image, self._marks)
        if shot.source.is_video:
            self._writer_of(shot.source, shot.source.drawn).add(drawn)
            return
        with atomic_write(shot.source.drawn) as aside:
            Image.fromarray(drawn).save(aside, format=DRAWN_FORMATS[shot.source.drawn.suffix.lower()], quality=92)

    def _writer_of(self, source: Source, path: Path) -> VideoWriter:
        if self._writer is None or self._video is not source:
            self._open.close()  # the previous video is complete
            self._writer = self._open.enter_context(writing_video(path, video_info(source.path).rate))
            self._video = source
        return self._writer


def _check_targets(config: PredictConfig, sources: Sequence[Source]) -> None:
    targets = [source.drawn for source in sources if source.drawn] + ([config.csv] if config.csv else [])
    read = {source.path.resolve() for source in sources}
    for target in targets:
        if target.resolve() in read:
            raise UsageError(f"{target} is itself one of the inputs; write the results somewhere else")
        refuse_overwrite(target, config.force)
    for folder in {target.parent for target in targets}:
        make_folder(folder)


def _count(sources: Sequence[Source], every: int) -> int:
    """Count photos and the frames that will be used, for the progress bar."""
    total = 0
    for source in sources:
        try:
            step = 1 if source.drawn else every
            total += -(-video_info(source.path).frames // step) if source.is_video else 1
        except ImageError:
            total += 1  # reported when its turn comes
    return total


def _shots(sources: Sequence[Source], every: int) -> Iterator[Shot]:
    for source in sources:
        try:
            if not source.is_video:
                image, photo_hw = read_reduced(source.path)
                yield Shot(source, image, photo_hw=photo_hw)
                continue
            for frame in read_frames(source.path):
                is_asked = frame.number % every == 0
                if is_asked or source.drawn:
                    yield Shot(source, frame.image, None, frame.number, frame.seconds, is_asked)
        except ImageError as error:
            yield Shot(source, None, str(error))


def _in_chunks(shots: Iterator[Shot]) -> Iterator[list[Shot]]:
    chunk: list[Shot] = []
    pixels = 0
    for shot in shots:
        chunk.append(shot)
        pixels += 0 if shot.image is None else shot.image.shape[0] * shot.image.shape[1]
        if len(chunk) == CHUNK_IMAGES or pixels >= CHUNK_PIXELS:
            yield chunk
            chunk, pixels = [], 0
    if chunk:
        yield chunk
