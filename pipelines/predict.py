"""`ampnet predict`: read photos and videos, find and classify their faces, write the results as they are found."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console

from ampnet.errors import TO_RESUME, TO_START_OVER, ConfigError, UsageError
from ampnet.files.printable import counted, one_line, printable
from ampnet.files.writing import make_folder, refuse_inputs, refuse_overwrite
from ampnet.reading.reader import CHUNK_IMAGES, NOTHING, WHOLE, Task, counted_ahead, notes_of_empty
from ampnet.reading.sources import STDIN, Source, expand_patterns, plan, read_list, read_stdin
from ampnet.recognition.loop import Answered, answer_tasks
from ampnet.results.columns import table_columns
from ampnet.results.drawings import Drawings, explained_places, timeline_places
from ampnet.results.results import Predictions, ResultSink
from ampnet.results.row_files import Recorded, RowFile, interrupted, open_row_files, partials_of
from ampnet.results.rows import CsvRows, JsonDocument, JsonLines
from ampnet.results.tracking import Tracking
from ampnet.results.video_writer import has_h264
from ampnet.runtime.memory import keep_freed_memory
from ampnet.runtime.threads import start_threads
from ampnet.settings import PredictConfig
from ampnet.summary.faces_file import settings_path
from pipelines.predictors import (
    ChosenPredictor,
    choose_predictor,
    face_settings,
    finish_files,
    run_settings,
    sampling_of,
)
from pipelines.progress import notices, progress_bar

INSTALL_VIDEO = "pip install 'ampnet[video]'"


def run(
    config: PredictConfig, quiet: bool = False, json_out: TextIO | None = None, sinks: Sequence[ResultSink] = ()
) -> Predictions:
    """Classify every face of the photos and videos.

    Results are passed on as they are found. What cannot be read or written is one of the result's problems, and the
    rest is done. Ctrl-C ends the run, and what was found until then is returned.

    Args:
        json_out: where to print the results as JSON; see :class:`ampnet.results.rows.JsonDocument`.

    Raises:
        UsageError: there is no such checkpoint, or an output file exists already.
        CheckpointError: the checkpoint cannot be used.
        LockedError: another command writes to an output file.
        DataError: the folders hold no image, or an output folder cannot be written to.
    """
    console = notices(quiet)
    sources = list_sources(config, console)
    explained = explained_places(sources) if config.explain else {}
    if config.explain and config.annotate and not (config.jsonl or json_out or sinks or explained):
        raise UsageError("--explain draws photos only, and there are none; add --jsonl FILE")
    timelines = timeline_places(sources) if config.track else {}
    csv, jsonl = _check_targets(config, sources, explained | timelines)
    if config.track and find_spec("scipy") is None:
        raise UsageError(f"--track needs SciPy: {INSTALL_VIDEO}")
    keep_freed_memory(is_shared=True)
    chosen = choose_predictor(config, console, is_single=len(sources) == 1 and not sources[0].is_video)
    if config.explain and not chosen.predictor.can_explain:
        raise ConfigError("--explain: this network has no local branches (lp, ap) to explain")
    predictor, file, class_names = chosen.predictor, chosen.model, chosen.predictor.class_names
    result = Predictions(class_names, file, str(predictor.model))
    row_files = _row_files(config, csv, jsonl, class_names, chosen.settings | _settings(config))
    with open_row_files(row_files, config.resume, config.force, CHUNK_IMAGES, config.track) as recorded:
        tasks = _open_tasks(sources, recorded, config, explained)
        document = JsonDocument(json_out, file, str(predictor.model), class_names) if json_out else None
        outputs = _Outputs(
            result,
            row_files,
            [*([document] if document else []), *sinks],
            Drawings(explained, timelines, config.hide),
            Tracking(config.smooth, config.people) if config.track else None,
        )
        try:
            _answer(config, chosen, tasks, outputs, console)
            has_video = any(source.is_video for source in sources)
            finish_files(row_files, csv, run_settings(config, predictor.model, has_video))
        except KeyboardInterrupt:
            result.is_interrupted = True
            result.advice = _advice(config, sources, row_files)
        if document:
            document.finish()
    for line in _last_lines(config, sources, outputs):
        console.print(line)
    _add_problems(outputs, recorded)
    return result


def _advice(config: PredictConfig, sources: Sequence[Source], row_files: Sequence[RowFile]) -> str:
    """Return which command continues after Ctrl-C, if the run has left anything."""
    is_drawn = any(source.drawn and source.drawn.exists() for source in sources)
    if not (is_drawn or any(file.results for file in row_files)):
        return ""
    is_over = any(source.is_archive for source in sources) or (config.hide and not row_files)
    return TO_START_OVER if is_over else TO_RESUME


@dataclass(frozen=True)
class _Outputs:
    """Where the results of a run go."""

    result: Predictions
    row_files: list[RowFile]
    elsewhere: list[ResultSink]
    drawings: Drawings
    tracking: Tracking | None

    @property
    def are_pointless(self) -> bool:
        """Whether what comes next would appear nowhere: no file takes it, and the table has no room."""
        is_failed = bool(self.row_files) and all(file.failure for file in self.row_files)
        return is_failed and not self.elsewhere and not self.result.is_all_listed


def _row_files(
    config: PredictConfig, csv: Path | None, jsonl: Path | None, class_names: Sequence[str], settings: dict[str, Any]
) -> list[RowFile]:
    files = [RowFile(csv, CsvRows(class_names, config.track, config.decimal), settings)] if csv else []
    return [*files, *([RowFile(jsonl, JsonLines(), settings)] if jsonl else [])]


def _answer(
    config: PredictConfig, chosen: ChosenPredictor, tasks: Sequence[Task], outputs: _Outputs, console: Console
) -> None:
    """Classify the requested photos and frames, and pass each result on."""
    sampling = sampling_of(config)
    with (
        progress_bar(console)("predict", len(tasks)) as advance,
        counted_ahead(tasks, sampling, None if console.quiet else advance),
        outputs.drawings,
        start_threads(chosen.cores, chosen.parallel) as threads,
    ):
        answered: set[int] = set()
        is_drawing, is_hiding = config.annotate is not None, config.hide is not None
        chunks = answer_tasks(chosen.predictor, tasks, sampling, threads, keeps_whole=is_drawing, finds_all=is_hiding)
        for chunk in chunks:
            _take(chunk, outputs, config.explain)
            advance(len(chunk))
            answered |= {id(queued.source) for queued, _ in chunk if queued.is_sampled}
            if outputs.are_pointless:
                outputs.result.problems.append("stopped: further results could not be written")
                return
    outputs.result.add_empty(list(notes_of_empty(tasks, answered)), is_all=not answered)


def _last_lines(config: PredictConfig, sources: Sequence[Source], outputs: _Outputs) -> Iterator[str]:
    """Describe what was drawn, what was left out, and which files there are."""
    for what, count in outputs.drawings.videos.items():
        hint = "" if has_h264() else "; most browsers do not play it: this PyAV was built without x264"
        yield f"annotated video{'s' * (count > 1)}: {count:,} as {what}{hint}"
    yield from outputs.result.notes
    if outputs.result.unlisted_notes:
        yield f"{counted(outputs.result.unlisted_notes, 'further photo')} with frames that were not read"
    if written := _written(config, sources, outputs.row_files):
        yield f"written: {', '.join(written)}"


def list_sources(config: PredictConfig, console: Console) -> list[Source]:
    """List the photos and videos of a run, and say what is left out.

    Raises:
        UsageError: the list cannot be read.
        DataError: the folders hold no image.
    """
    listed = [] if config.list_file is None else read_list(config.list_file)
    on_stdin = read_stdin(sys.stdin.buffer) if STDIN in config.images else None
    planned = plan(
        [*expand_patterns(config.images, config.annotate), *listed], config.annotate, config.videos, on_stdin
    )
    for note in planned.notes:
        console.print(note)
    return list(planned.sources)


def _written(config: PredictConfig, sources: Sequence[Source], row_files: Sequence[RowFile]) -> list[str]:
    """Name the outputs that exist, for the user."""
    files = [printable(file.path) for file in row_files if file.path.exists() and not file.failure]
    is_drawn = any(source.drawn and source.drawn.exists() for source in sources)
    return [*files, f"annotated copies in {printable(config.annotate)}"] if is_drawn else files


def _check_targets(
    config: PredictConfig, sources: Sequence[Source], explained: Mapping[Path, Path]
) -> tuple[Path | None, Path | None]:
    """Return the CSV and the JSON lines file to write; links are followed, so that they survive."""
    files = [path for path in (config.csv, config.jsonl) if path]
    drawn = [source.drawn for source in sources if source.drawn] + list(explained.values())
    read = (source.path for source in sources if source.problem is None)
    refuse_inputs((*files, *drawn), (config.list_file, *read))
    if config.resume and not config.force and files and all(path.exists() and not partials_of(path) for path in files):
        names = " with ".join(printable(path) for path in files)
        raise UsageError(
            f"nothing to resume: {names} is complete; write files that came later to another table, or start over "
            "with --force"
        )
    csv, jsonl = (path and refuse_overwrite(path, config.force) for path in (config.csv, config.jsonl))
    if csv:
        refuse_overwrite(settings_path(csv), config.force)
    if not config.resume:
        begun = [] if config.force else [partial for path in (csv, jsonl) if path for partial in partials_of(path)]
        for target in drawn:
            if begun and target.exists():
                raise interrupted(begun[0])
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
        **face_settings(config),
        "explain": config.explain,
        "hide": config.hide,  # else the copies of the rest would show faces
        "track": [config.track, config.smooth, config.people],
        "columns": [column.name for column in table_columns([])],  # rows of an earlier version had others
        "decimal": config.decimal,
    }


def _open_tasks(
    sources: Sequence[Source], recorded: Recorded, config: PredictConfig, explained: Mapping[Path, Path]
) -> list[Task]:
    """Leave out what an earlier run has recorded, unless its annotated copy is missing; without rows, that decides."""
    tasks: list[Task] = []
    has_rows = bool(config.csv or config.jsonl)
    if config.resume and (archive := next((source for source in sources if source.is_archive), None)):
        raise UsageError(f"--resume cannot continue within {printable(archive.name)}; use --engine ray --out DIR")
    for source in sources:
        name = one_line(source.name)
        last = recorded.take(name)
        is_drawn = source.drawn is None or source.drawn.exists()
        if is_drawn and (last == WHOLE or (config.resume and not has_rows)):
            continue
        if last > NOTHING:
            tasks.append((replace(source, drawn=None) if is_drawn else source, last))
            continue
        if config.resume and source.drawn and name not in recorded.dropped:
            for target in filter(None, (source.drawn, explained.get(source.drawn))):
                refuse_overwrite(target, config.force)
        tasks.append((source, last))
    return tasks


def _take(chunk: Iterable[Answered], outputs: _Outputs, explains: bool) -> None:
    sinks: list[ResultSink] = [outputs.result, *outputs.row_files, *outputs.elsewhere]
    for queued, result in chunk:
        explanation = None
        if result and explains:
            explanation = result.explain()
            result[:] = explanation.given_to(result)
        if result is not None and outputs.tracking is not None:
            outputs.tracking.take(queued.source, result)
        if result is not None and queued.is_result:
            for sink in sinks:
                sink.add(result)
        # What is drawn has rows, so that a resumed run knows it for its own.
        if not any(file.failure for file in outputs.row_files) or outputs.drawings.is_drawing(queued.source):
            outputs.drawings.add(queued, result, explanation)
        if result is not None:
            result.forget()  # also its framed faces, 150 kB each: the first results stay, to be listed
        queued.photo.forget()


def _add_problems(outputs: _Outputs, recorded: Recorded) -> None:
    result, drawings = outputs.result, outputs.drawings
    result.earlier = recorded.results
    if recorded.problems:
        result.problems.append(
            f"{counted(recorded.problems, 'input')} could not be read before the interruption; the rows say why"
        )
    result.problems += [problem for file in outputs.row_files if (problem := file.problem)]
    if drawings.problem:
        others = f" (and {drawings.failed - 1:,} more)" if drawings.failed > 1 else ""
        result.problems.append(drawings.problem + others)
