"""`ampnet audit`: which labels are probably wrong, or which photos to label next."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ampnet.checkpoints.checkpoint import load_checkpoint
from ampnet.checkpoints.model_files import display_name, find_runs
from ampnet.dataset.index.face_index import FaceIndex
from ampnet.dataset.loading.dataset import pictures
from ampnet.dataset.loading.unreadable import describe_unreadable
from ampnet.dataset.open_index import read_index
from ampnet.errors import DataError, UsageError
from ampnet.evaluation.label_errors import Found, check_doubts, doubt_labels
from ampnet.evaluation.predictions import PredictionTable
from ampnet.evaluation.predictions_file import read_predictions
from ampnet.files.printable import counted, first_of, printable
from ampnet.files.writing import make_folder, refuse_overwrite
from ampnet.media.images import Image, resize
from ampnet.reports.label_lists import (
    CSV_FILE,
    SHEET_FILE,
    SHOWN,
    TASKS_FILE,
    Doubt,
    write_csv,
    write_doubts_sheet,
    write_tasks,
)
from ampnet.settings import AuditConfig, EvalConfig, PredictConfig, TrainConfig
from pipelines.evaluate_runs import about_folds, open_runs, predict_seeds, stopped_early
from pipelines.model import find_model
from pipelines.predict_split import predict_split
from pipelines.predictors import choose_predictor
from pipelines.progress import notices, progress_bar
from pipelines.result_folder import is_writable
from pipelines.split_images import changed_since, read_split, refuse_seen_faces

NAMES = (100, 500, 2000)
"""Lengths of the list at which it is compared with annotators' votes."""

THUMBNAIL = 144


@dataclass(frozen=True)
class AuditResult:
    """The list, and how far it agrees with annotators."""

    folder: Path
    images: int
    suspects: int
    """Labels that are probably wrong; 0 without labels."""
    first: tuple[Doubt, ...]
    """The head of the list."""
    crowd: tuple[Found, ...]
    """How many of the first names annotators call wrong; empty without votes."""
    notes: tuple[str, ...]
    agreement: float | None = None
    """Share of the labels that are the network's answer: one that knows little doubts much; None without labels."""
    problem: str | None = None
    """The images that cannot be read, in one line."""

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values for JSON."""
        crowd = [asdict(one) | {"precision": one.precision, "recall": one.recall} for one in self.crowd]
        first = [{name: value for name, value in asdict(one).items() if name != "image"} for one in self.first]
        about = {"folder": str(self.folder), "images": self.images, "suspects": self.suspects}
        about |= {"agreement": self.agreement}
        return about | {"first": first, "crowd": crowd, "notes": list(self.notes)}

    def lines(self) -> list[str]:
        """Describe it in a few lines."""
        lines = [f"{self.images:,} faces, those to label first at the top"]
        if self.agreement is not None:
            doubted = (
                f"{self.suspects:,} of {self.images:,} labels are probably wrong ({self.suspects / self.images:.1%})"
            )
            lines = [f"{doubted}, by a network that agrees with {self.agreement:.1%} of all labels"]
        for one in self.crowd:
            lines.append(
                f"annotators: {one.wrong:,} of the first {one.names:,} are wrong ({one.precision:.1%}), "
                f"which is {one.recall:.1%} of all {one.all_wrong:,} wrong labels"
            )
        files = ", ".join((CSV_FILE, TASKS_FILE, SHEET_FILE))
        return [*lines, *(f"note: {note}" for note in self.notes), f"lists: {self.folder} ({files})"]


def run(config: AuditConfig, quiet: bool = False) -> AuditResult:
    """Rank labels by how probably they are wrong, or photos by how little a network knows about them.

    Raises:
        UsageError: there is no such checkpoint, the folder holds another audit, or the runs are not folds.
        CheckpointError: the checkpoint cannot be used.
        DataError: the data, the predictions or the photos cannot be used, or a list cannot be written.
    """
    refuse_overwrite(config.out / CSV_FILE, config.force)
    if not is_writable(config.out):
        raise DataError(f"cannot write to {printable(config.out)}; choose another place with --out")
    return _unlabelled(config, quiet) if config.unlabelled else _labelled(config, quiet)


@dataclass(frozen=True, eq=False)
class _Judged:
    """Images of one split with probabilities by a network that has not seen them."""

    split: str
    table: PredictionTable

    def rows(self) -> list[int]:
        """Return those with a prediction, without what prepare rejected: others may know a face there, we have none."""
        is_prepared = np.array([bool(name) for name in self.table.images.names], dtype=bool)
        return np.flatnonzero(self.table.scored & is_prepared).tolist()

    def probabilities(self) -> NDArray[np.floating]:
        if self.table.probabilities is None:
            raise DataError("the file has no probabilities (p_<class>) to judge labels by")
        return self.table.probabilities[self.rows()]

    def majority(self) -> NDArray[np.int64]:
        votes = self.table.images.votes
        return (np.full(len(self.table.labels), -1) if votes is None else votes.majority())[self.rows()]


def _labelled(config: AuditConfig, quiet: bool) -> AuditResult:
    index = read_index(config.data)
    judged, model, notes = _judge(config, index, quiet)
    places = [(one, row) for one in judged for row in one.rows()]
    if not places:
        raise DataError(f"{config.data} has no face with a prediction")
    p = np.concatenate([one.probabilities() for one in judged])
    labels = np.concatenate([one.table.labels[one.rows()] for one in judged])
    names, found = judged[0].table.class_names, doubt_labels(p, labels)
    position = {name: place for place, name in enumerate(index.names)}
    doubts = []
    for place in found.order.tolist():
        (one, row), suggested = places[place], found.suggested[place]
        images = one.table.images
        doubts.append(
            Doubt(
                name=images.names[row],
                source=images.sources[row],
                split=one.split,
                label=names[labels[place]],
                suggested=names[suggested],
                is_suspect=bool(found.is_suspect[place]),
                margin=float(found.margins[place]),
                p_label=float(p[place, labels[place]]),
                p_suggested=float(p[place, suggested]),
                image=f"dataset/{index.files[position[images.names[row]]]}",
            )
        )
    right, guessed = float((p.argmax(axis=1) == labels).mean()), float(np.bincount(labels).max() / len(labels))
    if right < guessed + 2 * np.sqrt(guessed * (1 - guessed) / len(labels)):
        notes.append(
            f"the network agrees with {right:.1%} of the labels, not clearly better than always naming the most "
            f"frequent class ({guessed:.1%}): it has not learned enough to doubt labels"
        )
    if index.shards is not None:
        notes.append(
            "Label Studio cannot show pictures in shards; convert the set to files (ampnet convert) to use its tasks"
        )
    crowd = check_doubts(found.order, labels, np.concatenate([one.majority() for one in judged]), NAMES)
    images = dict(pictures(index, [position[one.name] for one in doubts[:SHOWN]]))
    shown = [(one, images[place]) for one in doubts[:SHOWN] if (place := position[one.name]) in images]
    _write(config.out, doubts, shown, model, "labels that are probably wrong (red), most doubtful first")
    suspects, first = int(found.is_suspect.sum()), tuple(doubts[:10])
    lost = {name: reason for one in judged for name, reason in one.table.unreadable.items()}
    problem = f"{describe_unreadable(lost)}; run prepare again" if lost else None
    return AuditResult(config.out, len(places), suspects, first, crowd, tuple(notes), right, problem)


def _judge(config: AuditConfig, index: FaceIndex, quiet: bool) -> tuple[list[_Judged], str, list[str]]:
    """Collect the predictions of all images, the name of what they are from, and notes."""
    names = index.class_names
    settings = EvalConfig(data=config.data, batch_size=config.batch_size, workers=config.workers, gpus=config.gpus)
    if config.predictions:
        split = read_split(index, None, names, TrainConfig.seed)
        read = read_predictions(config.predictions, split.images)
        given = _Judged("", read.table)
        left_out = int(read.table.scored.sum()) - len(given.rows())
        notes = [f"left out: {counted(left_out, 'image')} without a prepared face"] if left_out else []
        return [given], printable(config.predictions.name), [*read.notes, *notes]
    if runs := config.checkpoint and find_runs(config.checkpoint):
        if not runs.are_folds:
            raise UsageError(
                f"{printable(runs.folder)} holds runs over seeds; give one run, or a folder of train --folds"
            )
        if config.splits != AuditConfig.splits:
            raise UsageError(f"{printable(runs.folder)} holds folds, which judge every image; leave out --split")
        of_seeds, _scores = predict_seeds(settings, open_runs(settings, runs), quiet)
        table = of_seeds[0].table
        p = np.mean([np.asarray(one.table.probabilities) for one in of_seeds], axis=0)  # of all seeds: each label once
        notes = [about_folds(runs), *stopped_early(runs)]
        return [_Judged("all", replace(table, probabilities=p))], printable(runs.folder.name), notes
    file = find_model(config.checkpoint, notices(quiet), "`ampnet audit CHECKPOINT`")
    checkpoint = load_checkpoint(file)
    refuse_seen_faces(checkpoint, index)
    judged = []
    for part in config.splits:
        done_part = predict_split(replace(settings, split=part), checkpoint, index, lambda: None, quiet)
        judged.append(_Judged(part, done_part.table))
    seen = ["a network agrees with the labels it was trained on; to judge those, use ampnet train --folds"]
    return judged, display_name(file), [*(seen if "train" in config.splits else []), *changed_since(checkpoint, index)]


def _unlabelled(config: AuditConfig, quiet: bool) -> AuditResult:
    """Rank photos by the gap between the two most probable classes of each face: the smallest first."""
    assert config.unlabelled is not None
    console = notices(quiet)
    predict_config = PredictConfig(images=(config.unlabelled,), checkpoint=config.checkpoint, gpus=config.gpus)
    chosen = choose_predictor(predict_config, console)
    doubts: list[Doubt] = []
    shown: list[tuple[Doubt, Image]] = []
    skipped = 0
    problems: list[str] = []
    with progress_bar(console)("audit", 0) as advance:
        for result in chosen.predictor.predict_many(config.unlabelled, stream=True):
            advance(1, more=1)
            if os.path.realpath(result.name) == os.path.realpath(config.out / SHEET_FILE):
                continue  # the faces that an earlier audit has shown
            if result.problem:
                problems.append(result.problem)
            skipped += not result and not result.problem
            for number, face in enumerate(result):
                ranked = np.sort(list(face.scores.values()))[::-1]
                margin, top = float(ranked[0] - ranked[1]), float(ranked[0])
                doubts.append(Doubt("", result.name, "", "", face.label, False, margin, None, top, result.name))
                if result.framed is not None:
                    shown.append((doubts[-1], resize(result.framed[number].image, (THUMBNAIL, THUMBNAIL))))
            if len(shown) > 2 * SHOWN:
                shown = sorted(shown, key=lambda pair: pair[0].margin)[:SHOWN]
    if not doubts:
        hint = f" ({first_of(problems)})" if problems else ""
        raise DataError(f"no face was found in the photos of {config.unlabelled}{hint}")
    doubts.sort(key=lambda one: one.margin)
    shown = sorted(shown, key=lambda pair: pair[0].margin)[:SHOWN]
    _write(config.out, doubts, shown, display_name(chosen.model), "photos to label next, most doubtful first")
    notes = (f"left out: {counted(skipped, 'photo')} without a face",) if skipped else ()
    problem = first_of(problems)
    return AuditResult(config.out, len(doubts), 0, tuple(doubts[:10]), (), notes, problem=problem)


def _write(folder: Path, doubts: Sequence[Doubt], shown: Sequence[tuple[Doubt, Image]], model: str, title: str) -> None:
    make_folder(folder)
    write_doubts_sheet(folder / SHEET_FILE, shown, title)
    write_tasks(folder / TASKS_FILE, doubts, model)
    write_csv(folder / CSV_FILE, doubts)
