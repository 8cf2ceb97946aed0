"""`ampnet robustness --photos`: whether answers to photos stay as they are when the photos change slightly."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console, RenderableType
from rich.markup import escape

from ampnet.checkpoints.model_files import display_name
from ampnet.errors import DataError
from ampnet.faces.framing import frame_face
from ampnet.files.printable import counted, first_of, printable
from ampnet.media.images import Image
from ampnet.reading.photo import Photo
from ampnet.reading.python_inputs import photo_of
from ampnet.reading.sources import plan
from ampnet.recognition.recognizer import Recognizer
from ampnet.results.photo_result import PhotoResult
from ampnet.robustness.steadiness import Answer, Steadiness, measure_steadiness
from ampnet.settings import PredictConfig, RobustnessConfig
from pipelines.predictors import choose_predictor
from pipelines.progress import notices, progress_bar
from pipelines.show import fitting_table

JPEG_SIDE = 65_500
"""Longest side of a JPEG file, as libjpeg writes it."""


@dataclass(frozen=True)
class SteadinessResult:
    """The rates, and what they belong to."""

    checkpoint: Path
    folder: Path
    steadiness: Steadiness
    problem: str | None
    """The photos that cannot be read, in one line."""


def run(config: RobustnessConfig, folder: Path, quiet: bool = False) -> SteadinessResult:
    """Measure how steady a checkpoint's answers to photos are.

    Args:
        config: checkpoint, sample size, seed, prior, mirror averaging and device.
        folder: the photos, in any folders below it. Of each, the largest face counts.

    Raises:
        CheckpointError: the checkpoint cannot be used.
        ConfigError: the prior does not fit the checkpoint.
        DataError: the folder holds no images, or no photo shows a face.
        UsageError: there is no such checkpoint.
    """
    console = notices(quiet)
    wanted = PredictConfig(
        checkpoint=config.checkpoint, face="largest", mirror=config.mirror, prior=config.prior, gpus=config.gpus
    )
    chosen = choose_predictor(wanted, console, is_single=True)
    sources = plan([folder], None).sources
    files = [source.path for source in sources if source.problem is None]
    random.Random(config.seed).shuffle(files)
    files = files[: config.images]
    photos = _Photos(files, [source.problem for source in sources if source.problem is not None])
    measured = _measure(chosen.predictor, photos, len(files), config.seed, console)
    if not measured.photos:
        hint = f" ({first_of(photos.problems)})" if photos.problems else ""
        raise DataError(f"no face was found in any of the {counted(len(files), 'photo')} in {folder}{hint}")
    return SteadinessResult(chosen.model, folder, measured, first_of(photos.problems))


class _Photos:
    """The pixels of photos one by one, without those that cannot be read."""

    def __init__(self, files: Sequence[Path], problems: Sequence[str] = ()) -> None:
        self.files = files
        self.problems = [*problems]

    def __iter__(self) -> Iterator[Image]:
        for file in self.files:
            photo = Photo.of_file(file)
            if photo.problem is not None:
                self.problems.append(photo.problem)
            elif max(photo.reduced.shape) > JPEG_SIDE:
                self.problems.append(f"{printable(file)} is too long to be saved as JPEG ({JPEG_SIDE:,} pixels)")
            else:
                yield photo.reduced


def _measure(predictor: Recognizer, photos: _Photos, count: int, seed: int, console: Console) -> Steadiness:
    def answers(images: Sequence[Image]) -> list[Answer | None]:
        return [_answer(result) for result in predictor.answer([photo_of(image) for image in images])]

    def at_landmarks(image: Image, landmarks: NDArray[np.floating]) -> NDArray[np.floating]:
        return np.asarray(predictor.classify([frame_face(image, landmarks, predictor.framing)])[0])

    with progress_bar(console)("photos", count) as advance:
        return measure_steadiness(photos, answers, at_landmarks, seed, advance)


def _answer(result: PhotoResult) -> Answer | None:
    if not len(result):
        return None
    face = result[0]
    return Answer(np.array(list(face.scores.values())), face.landmarks, float(max(face.box[2:] - face.box[:2])))


def steadiness_tables(result: SteadinessResult) -> Iterator[RenderableType]:
    """Show the rates of each change and their means."""
    found = result.steadiness
    photos = f"{display_name(result.checkpoint)} on {counted(found.photos, 'photo')} of {result.folder.resolve()}"
    yield escape(f"{photos}, {found.without_face:,} without a face; the largest face of each")
    rows = [[row.about, f"{100 * row.changed:.1f}", f"{row.moved:.3f}", f"{row.lost:,}"] for row in found.rows]
    changed, moved = found.mean_of_slight()
    rows.append(["mean of the first six", f"{100 * changed:.2f}", f"{moved:.3f}", ""])
    yield fitting_table(["change of the photo", "labels changed, %", "probability, 95% below", "faces lost"], rows)
