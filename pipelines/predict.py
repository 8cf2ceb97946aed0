"""`ampnet predict`: read photos and videos, find and classify their faces, write the results as they are found."""

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from ampnet.config import PredictConfig
from ampnet.errors import UsageError
from ampnet.media.files import make_folder, refuse_overwrite
from ampnet.media.printable import one_line, printable
from ampnet.prediction.drawings import Drawings
from ampnet.prediction.face_prediction import FacePrediction
from ampnet.prediction.inputs import CHUNK_IMAGES
from ampnet.prediction.json_document import JsonDocument
from ampnet.prediction.named_inputs import STDIN, expand_patterns, read_list, read_stdin
from ampnet.prediction.photos import PhotoPredictor
from ampnet.prediction.recorded import NOTHING, WHOLE, Recorded
from ampnet.prediction.results import Predictions, ResultSink
from ampnet.prediction.row_files import RowFile, open_row_files
from ampnet.prediction.rows import CsvRows, JsonLines
from ampnet.prediction.shots import Shot, Task, in_chunks, read_ahead
from ampnet.prediction.sources import Source, plan
from ampnet.runtime.memory import keep_freed_memory
from ampnet.runtime.threads import in_order, start_threads
from pipelines.predictors import choose_predictor
from pipelines.progress import notices, progress_bar


def run(
    config: PredictConfig, quiet: bool = False, json_out: TextIO | None = None, sinks: Sequence[ResultSink] = ()
) -> Predictions:
    """Classify every face of the photos and videos.

    Results are passed on as they are found. What cannot be read or written is one of the result's problems, and the
    rest is done. Ctrl-C ends the run, and what was found until then is returned.

    Args:
        config: the settings.
        quiet: show no progress and no notices.
        json_out: where to print the results as JSON; see :class:`ampnet.prediction.json_document.JsonDocument`.
        sinks: get each result, too.

    Raises:
        UsageError: there is no such checkpoint, the folders hold no image, or an output file exists already.
        CheckpointError: the checkpoint cannot be used.
        LockedError: another command writes to an output file.
        DataError: an output folder cannot be written to.
    """
    console = notices(quiet)
    listed = [] if config.list_file is None else read_list(config.list_file)
    on_stdin = read_stdin(sys.stdin.buffer) if STDIN in config.images else None
    planned = plan([*expand_patterns(config.images), *listed], config.annotate, config.videos, on_stdin)
    for note in planned.notes:
        console.print(note, markup=False)
    csv, jsonl = _check_targets(config, planned.sources)
    keep_freed_memory()
    is_single = len(planned.sources) == 1 and not planned.sources[0].is_video
    chosen = choose_predictor(config, console, is_single)
    predictor, file, class_names = chosen.predictor, chosen.model, chosen.predictor.class_names

    result = Predictions(class_names, file)
    settings = chosen.settings | _settings(config)
    row_files = [RowFile(csv, CsvRows(class_names), settings)] if csv else []
    row_files += [RowFile(jsonl, JsonLines(), settings)] if jsonl else []
    with open_row_files(row_files, config.resume, config.force, CHUNK_IMAGES) as recorded:
        tasks = _open_tasks(planned.sources, recorded, config)
        document = JsonDocument(json_out, file, class_names) if json_out else None
        elsewhere: list[ResultSink] = [*([document] if document else []), *sinks]
        drawings = Drawings()
        try:
            with (
                progress_bar(console)("predict", len(tasks)) as advance,
                drawings,
                start_threads(chosen.cores, chosen.parallel) as threads,
            ):
                shots = read_ahead(
                    tasks, config.every, lambda count: advance(0, more=count - 1), threads.reading, threads.readers + 2
                )
                chunks = in_chunks(shots)
                for chunk, found in in_order(
                    partial(_classify, predictor), chunks, threads.networks, threads.parallel + 1
                ):
                    _take(chunk, found, [result, *row_files, *elsewhere], drawings)
                    advance(len(chunk))
                    if not elsewhere and not config.annotate and _is_pointless(row_files, result):
                        result.problems.append("stopped: what comes next would be written nowhere")
                        break
        except KeyboardInterrupt:
            result.is_interrupted = True
        else:
            for row_file in row_files:
                row_file.finish()
        if document:
            document.finish()
    _add_problems(result, row_files, drawings, recorded)
    return result


def _check_targets(config: PredictConfig, sources: Sequence[Source]) -> tuple[Path | None, Path | None]:
    """Return the CSV and the JSON lines file to write; links are followed, so that they survive."""
    files = [path for path in (config.csv, config.jsonl) if path]
    drawn = [source.drawn for source in sources if source.drawn]
    read = {os.path.realpath(source.path) for source in sources}
    for target in (*files, *drawn):
        if os.path.realpath(target) in read:
            raise UsageError(f"{printable(target)} is itself one of the inputs; write the results somewhere else")
    csv, jsonl = (path and refuse_overwrite(path, config.force) for path in (config.csv, config.jsonl))
    if not config.resume:
        for target in drawn:
            refuse_overwrite(target, config.force)
    for folder in {target.parent for target in (csv, jsonl, *drawn) if target}:
        make_folder(folder)
    return csv, jsonl


def _settings(config: PredictConfig) -> dict[str, Any]:
    """Return what else the rows depend on, so that a file is only continued with the same."""
    return {
        "inputs": [one_line(path) for path in config.images],
        **({} if config.list_file is None else {"list": one_line(config.list_file)}),
        "videos": config.videos,
        "every": config.every,
        "face": config.face,
        "detector": {name: str(value) for name, value in asdict(config.detector).items()},
    }


def _open_tasks(sources: Sequence[Source], recorded: Recorded, config: PredictConfig) -> list[Task]:
    """Leave out what an earlier run has recorded, unless its annotated copy is missing."""
    tasks: list[Task] = []
    for source in sources:
        name = one_line(source.path)
        last = recorded.take(name)
        is_drawn = source.drawn is None or source.drawn.exists()
        if last == WHOLE and is_drawn:
            continue
        if last > NOTHING:
            tasks.append((replace(source, drawn=None) if is_drawn else source, last))
            continue
        if config.resume and source.drawn and name not in recorded.dropped:
            refuse_overwrite(source.drawn, config.force)
        tasks.append((source, last))
    return tasks


def _classify(predictor: PhotoPredictor, chunk: Sequence[Shot]) -> list[list[FacePrediction] | None]:
    """Return the faces of each shot; None for one that is not asked for or has no image."""
    asked = [shot for shot in chunk if shot.image is not None and shot.is_asked]
    images = [shot.image for shot in asked if shot.image is not None]
    found = dict(zip(asked, predictor.find_faces(images, [shot.whole for shot in asked]), strict=True))
    return [found.get(shot) for shot in chunk]


def _take(
    chunk: Sequence[Shot],
    found: Sequence[list[FacePrediction] | None],
    outputs: Sequence[ResultSink],
    drawings: Drawings,
) -> None:
    for shot, faces in zip(chunk, found, strict=True):
        if shot.is_asked and not shot.is_recorded:
            one = shot.result(faces or [])
            for output in outputs:
                output.add(one)
        drawings.add(shot, faces)


def _is_pointless(row_files: Sequence[RowFile], result: Predictions) -> bool:
    """Return whether what comes next would appear nowhere: no file takes it, and the table has no room."""
    return bool(row_files) and all(file.failure for file in row_files) and not result.is_all_listed


def _add_problems(result: Predictions, row_files: Sequence[RowFile], drawings: Drawings, recorded: Recorded) -> None:
    result.earlier = recorded.results
    if recorded.problems:
        inputs = f"{recorded.problems:,} input{'s' * (recorded.problems > 1)}"
        result.problems.append(f"{inputs} could not be read before the interruption; the rows say why")
    for problem in (file.problem for file in row_files):
        if problem:
            result.problems.append(problem)
    if drawings.problem:
        others = f" (and {drawings.failed - 1:,} more)" if drawings.failed > 1 else ""
        result.problems.append(drawings.problem + others)
