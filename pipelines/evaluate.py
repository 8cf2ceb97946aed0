"""`ampnet eval`: measure a checkpoint, or any tool's predictions, on a split of a prepared data set."""

import hashlib
import re
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from ampnet.checkpoints.checkpoint import load_with_hash
from ampnet.checkpoints.model_files import Runs, find_runs, model_path
from ampnet.dataset.index.face_index import FaceIndex
from ampnet.dataset.loading.dataset import pictures
from ampnet.dataset.open_index import open_split, read_index
from ampnet.errors import DataError, UsageError
from ampnet.evaluation.official_sets import OFFICIAL
from ampnet.evaluation.predictions import PredictionTable
from ampnet.evaluation.predictions_file import read_predictions
from ampnet.evaluation.report import EvalReport, Fusion, Provenance, measure
from ampnet.evaluation.submission import SUBMISSION_FILE, Rules, submission
from ampnet.files.documents import read_json
from ampnet.files.printable import shortened
from ampnet.files.writing import refuse_inputs, sha256_of, write_json
from ampnet.inference.calibration import STRENGTHS, ruled_out, strength_offsets
from ampnet.media.images import encode_jpeg
from ampnet.models.regions import REGION_NAMES, STRIDE, quadrant_boxes, salient_boxes
from ampnet.reports.metrics_file import METRICS_FILE
from ampnet.reports.report_page import FORMER_FILE, FRAME, PREDICTIONS_FILE, Mistake, write_page, write_report
from ampnet.settings import EvalConfig, TrainConfig
from pipelines.evaluate_runs import predict_runs, runs_sha256, spread_note
from pipelines.model import find_model
from pipelines.predict_split import SplitPredictions, empty_notes, predict_split
from pipelines.progress import notices
from pipelines.provenance import command_of, describe, provenance_of
from pipelines.read_groups import read_groups
from pipelines.result_folder import ResultFolder, Subjects, free_folder
from pipelines.split_images import people_note, people_of, read_split, refuse_seen_faces


@dataclass(frozen=True)
class EvalResult:
    """The report, and where it is."""

    report: EvalReport
    folder: Path | None
    """Holds the report's files; None if it is read-only and was not requested."""
    problem: str | None = None
    """Why a file of the report could not be written."""


def run(config: EvalConfig, quiet: bool = False) -> EvalResult:
    """Measure a checkpoint or a file of predictions on one split and write the report.

    Raises:
        CheckpointError: the checkpoint cannot be used.
        ConfigError: the prior does not fit the checkpoint.
        DataError: the data or the predictions cannot be used, the data share no classes with the checkpoint, the
            split is empty, or --out cannot be written to.
        UsageError: there is no such checkpoint, or the folder holds a report on another evaluation.
        LockedError: another command is using the report's folder.
    """
    start = time.monotonic()
    config, rules = _by_protocol(config)
    runs = find_runs(config.checkpoint) if config.checkpoint else None
    if runs and runs.are_folds and config.protocol in OFFICIAL:
        raise UsageError(f"--protocol {config.protocol} scores one split, but {config.checkpoint} holds folds")
    if runs and runs.are_folds and config.split != "test":
        raise UsageError(f"{config.checkpoint} holds folds: every image is predicted by one of them; omit --split")
    file = config.predictions or (
        runs.folder if runs else find_model(config.checkpoint, notices(quiet), "`ampnet eval CHECKPOINT`")
    )
    split = "all" if runs and runs.are_folds else config.split
    subjects = _subjects(file, config.data, split)
    folder = config.out or _default_folder(file, config, split, subjects)
    refuse_inputs([folder / PREDICTIONS_FILE], [config.predictions])
    side = ResultFolder(folder, config.out is not None, "report and predictions", subjects, config.force)
    with ExitStack() as held:
        reserve = partial(side.reserve, held, notices(quiet))
        if config.predictions:
            done, about, fusion = _of_predictions(config, file, reserve)
        elif runs:
            done, about, fusion = _of_runs(config, runs, reserve, quiet)
        else:
            done, about, fusion = _of_checkpoint(config, file, reserve, quiet)
        report = measure(
            done.table,
            about,
            fusion=fusion,
            groups=done.groups,
            notes=done.notes,
            unassigned=done.split.unassigned,
            seconds=time.monotonic() - start,
            protocol=config.protocol,
            runs=done.scores,
        )
        if rules is not None:
            result = submission(rules, report)
            side.write(lambda folder: write_json(folder / SUBMISSION_FILE, result))
        side.write(lambda folder: write_page(folder, report, confident_mistakes(report.table, done.split.faces)))
        side.write(lambda folder: write_report(folder, report))
    return EvalResult(report, side.folder, side.problem)


def _by_protocol(config: EvalConfig) -> tuple[EvalConfig, Rules | None]:
    """Take split and rule from the protocol or its file, if there is one."""
    rules, protocol, split = None, config.protocol, None
    if config.protocol_file is not None:
        rules = read_json(config.protocol_file, Rules, "docs/evaluation.md, section Submissions, describes the file")
        protocol, split = None if rules.rule == "labels" or rules.rule == "crowd" else rules.rule, rules.split
    if protocol in OFFICIAL:
        if split not in (None, OFFICIAL[protocol].split):
            raise DataError(f"{config.protocol_file}: {protocol} scores the split {OFFICIAL[protocol].split}")
        split = OFFICIAL[protocol].split
    if split is None:
        return config, None
    if config.split not in (EvalConfig.split, split):
        raise UsageError(f"the protocol scores the split {split}; leave out --split {config.split}")
    return replace(config, split=split, protocol=protocol, protocol_file=None), rules


Measured = tuple[SplitPredictions, Provenance, Fusion | None]
"""Predictions, what they are of, and how the answers follow from the logits, if there are any."""


def _of_checkpoint(config: EvalConfig, file: Path, reserve: Callable[[], None], quiet: bool) -> Measured:
    checkpoint, sha256 = load_with_hash(file)
    index = open_split(config.data, config.split)
    refuse_seen_faces(checkpoint, index)
    done = predict_split(config, checkpoint, index, reserve, quiet)
    config = replace(config, precision=done.precision)
    shares, names = np.array(checkpoint.class_shares), checkpoint.class_names
    strengths = [
        (strength, ruled_out(strength_offsets(shares, strength), names, done.split.match.missing).numpy())
        for strength in STRENGTHS
        if checkpoint.class_shares
    ]
    fusion = Fusion(
        beta=checkpoint.branch_weight,
        offsets=done.offsets,
        priors=tuple(strengths),
        rejection_threshold=checkpoint.rejection_threshold,
    )
    done = replace(done, notes=(*done.notes, *people_note(people_of(done.split))))
    return done, provenance_of(config, file, sha256, index, describe(checkpoint, config, done.offsets)), fusion


def _of_runs(config: EvalConfig, runs: Runs, reserve: Callable[[], None], quiet: bool) -> Measured:
    done, scores = predict_runs(config, runs, reserve, quiet)
    about = replace(
        provenance_of(config, runs.finished[0], runs_sha256(scores), done.split.faces, {}),
        kind="runs",
        path=runs.folder,
        split="all" if runs.are_folds else config.split,
        command=command_of(config, runs.folder),
    )
    return replace(done, scores=scores, notes=(spread_note(scores), *done.notes)), about, None


def _of_predictions(config: EvalConfig, file: Path, reserve: Callable[[], None]) -> Measured:
    index = read_index(config.data)
    names = index.class_names
    split = read_split(index, config.split, names, TrainConfig.seed)
    groups = read_groups(split, config.by, config.groups)
    read = read_predictions(file, split.images, split.elsewhere)
    reserve()
    empty = empty_notes(read.table, config.split, read.table.class_names[len(names) :])
    notes = (*read.notes, *empty, *people_note(people_of(split)))
    return (
        SplitPredictions(read.table, split, notes, groups),
        provenance_of(config, file, sha256_of(file), index, {}),
        None,
    )


def _subjects(file: Path, data: Path, split: str) -> Subjects:
    """Describe the subject of a report, which only replaces one of the same subject."""
    about = {"data": str(data.resolve()), "split": split}
    source = str(file.resolve())
    return {METRICS_FILE: {"about": {"path": source, **about}}, FORMER_FILE: {"checkpoint": source, **about}}


def _default_folder(file: Path, config: EvalConfig, split: str, subjects: Subjects) -> Path:
    """Choose eval/<split> beside the checkpoint or the predictions, in the data folder for a bundled model.

    All but a run's best checkpoint add their name, a prior, --mirror, a protocol and groups theirs, and so does a
    second data set: a report does not replace one that says more.

    Raises:
        DataError: a link in a folder of someone else's leads to the report's.
    """
    root = config.data if file.parent == model_path().parent else file if file.is_dir() else file.parent
    is_best = (file.stem == "best" or file.is_dir()) and config.predictions is None
    name = split if is_best else f"{file.stem}-{split}"
    name += f"-prior-{Path(config.prior).stem}" if config.prior else ""
    name += "-mirror" if config.mirror else ""
    name += f"-{config.protocol}" if config.protocol else ""
    columns = "-".join(re.sub(r"[^\w.]+", "_", column) for column in config.by)
    name += shortened(f"-by-{columns}", 60) if columns else ""
    data = config.data.resolve()
    with_data = f"{name}-{data.name}"
    unique = f"{with_data}-{hashlib.sha256(str(data).encode(errors='surrogateescape')).hexdigest()[:8]}"
    return free_folder(root / "eval", (name, with_data, unique), subjects)


SHOWN = 12


def confident_mistakes(table: PredictionTable, faces: FaceIndex) -> list[Mistake]:
    """Pick at most :data:`SHOWN` wrong answers with the highest probabilities, most confident first.

    Args:
        table: the predictions; its first rows are the faces.
        faces: the usable faces of the split, as prepared.
    """
    if table.probabilities is None:
        return []
    count = len(faces)
    wrong = np.flatnonzero((table.answers[:count] >= 0) & (table.answers[:count] != table.labels[:count]))
    confidence = table.probabilities[wrong, table.answers[wrong]]
    found, grid = [], FRAME // STRIDE
    for row, picture in pictures(faces, wrong[np.argsort(-confidence, kind="stable")][:SHOWN]):
        points = torch.from_numpy(faces.landmarks[row : row + 1].clip(0, FRAME))
        boxes = torch.cat([quadrant_boxes(points, grid), salient_boxes(points, grid)], dim=1)[0]
        found.append(
            Mistake(
                name=table.images.names[row],
                picture=encode_jpeg(picture, quality=95),
                true=table.class_names[table.labels[row]],
                predicted=table.class_names[table.answers[row]],
                probability=float(table.probabilities[row, table.answers[row]]),
                boxes=(boxes * STRIDE).numpy(),
                region_names=REGION_NAMES,
            )
        )
    return found
