"""`ampnet predict --camera`: classify the faces in front of a camera, and show them in a window."""

from collections.abc import Iterable
from typing import Protocol

from ampnet.errors import UsageError
from ampnet.files.printable import printable
from ampnet.files.writing import make_folder, refuse_overwrite
from ampnet.media.images import Image
from ampnet.reading.camera import Window, open_camera, require_display
from ampnet.reading.contents import PixelContent
from ampnet.reading.photo import Photo
from ampnet.reading.video import Frame
from ampnet.recognition.recognizer import Recognizer
from ampnet.results.results import Predictions, ResultSink
from ampnet.results.row_files import RowFile, open_row_files, partials_of
from ampnet.results.rows import CsvRows
from ampnet.settings import PredictConfig
from ampnet.summary.faces_file import settings_path
from pipelines.predictors import choose_predictor, finish_files, run_settings
from pipelines.progress import notices


class Screen(Protocol):
    """Shows pictures."""

    def show(self, image: Image) -> bool:
        """Show ``(H, W, 3)`` RGB uint8; return whether to go on."""


def run(config: PredictConfig, quiet: bool = False) -> Predictions:
    """Show what a camera sees until its user ends it with q, Esc, the window's close button or Ctrl-C.

    Raises:
        DataError: there is no display, or the camera does not answer.
        UsageError: there is no such checkpoint, or the CSV exists already.
        CheckpointError: the checkpoint cannot be used.
    """
    assert config.camera is not None
    require_display()
    csv = config.csv and refuse_overwrite(config.csv, config.force)
    if csv:
        refuse_overwrite(settings_path(csv), config.force)
        if not config.force and (left := partials_of(csv)):  # nothing continues what a camera has shown
            raise UsageError(f"{printable(left[0])} is what a run that was killed left: rename it, or use --force")
        make_folder(csv.parent)
    console = notices(quiet)
    with open_camera(config.camera) as frames:
        chosen = choose_predictor(config, console, is_single=True)
        class_names = chosen.predictor.class_names
        result = Predictions(class_names, chosen.model, str(chosen.predictor.model))
        rows, settings = CsvRows(class_names, decimal=config.decimal), chosen.settings | {"camera": config.camera}
        row_files = [RowFile(csv, rows, settings)] if csv else []
        with open_row_files(row_files, resume=False, force=config.force):
            window = Window(f"ampnet: camera {config.camera} (q ends)")
            try:
                is_ended_by_user = watch(
                    chosen.predictor, frames, window, [result, *row_files], f"camera {config.camera}"
                )
            except KeyboardInterrupt:
                is_ended_by_user = True
            finally:
                window.close()
            finish_files(row_files, csv, run_settings(config, chosen.predictor.model, has_video=False))
            result.problems += [problem for row_file in row_files if (problem := row_file.problem)]
    if not is_ended_by_user:
        result.problems.append(f"camera {config.camera} has stopped; check that it is still connected")
    return result


def watch(
    recognizer: Recognizer, frames: Iterable[Frame], screen: Screen, sinks: Iterable[ResultSink], name: str
) -> bool:
    """Classify frame after frame, and show each with its faces.

    Args:
        frames: an iterable whose next item is always the latest frame.

    Returns:
        Whether the screen ended it; False if there are no more frames.
    """
    outputs = list(sinks)
    for frame in frames:
        photo = Photo(name, PixelContent(frame.image), frame=frame.number, seconds=frame.seconds)
        (result,) = recognizer.answer([photo])
        picture = result.plot()
        result.forget()
        for output in outputs:
            output.add(result)
        if not screen.show(picture):
            return True
    return False
