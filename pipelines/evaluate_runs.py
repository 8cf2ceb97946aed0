"""`ampnet eval RUN` of a folder of runs over folds or seeds: all predictions together, and the spread over the runs."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ampnet.checkpoints.checkpoint import Checkpoint, load_with_hash, read_header
from ampnet.checkpoints.header import run_settings
from ampnet.checkpoints.model_files import LAST, Runs, seed_of
from ampnet.dataset.index.face_index import FaceIndex
from ampnet.dataset.index.folds import FOLDS_FILE, Folds, in_fold, read_folds
from ampnet.dataset.index.splits import split_indices
from ampnet.dataset.open_index import read_index
from ampnet.errors import CheckpointError, DataError, UsageError
from ampnet.evaluation.predictions import table_of
from ampnet.evaluation.runs import RunScore, RunsScores, clusters_of, score_run, score_runs, stack_tables
from ampnet.files.printable import printable
from ampnet.files.writing import sha256_of
from ampnet.reports.numbers import written_spread
from ampnet.settings import EvalConfig, TrainConfig
from pipelines.predict_split import SplitPredictions, empty_notes, predict_split, unreadable_notes
from pipelines.read_groups import read_groups
from pipelines.split_images import EvaluatedSplit, people_note, people_of, read_split


@dataclass(frozen=True, eq=False)
class OpenRuns:
    """Runs over folds or seeds, and the images that they predict."""

    runs: Runs
    index: FaceIndex
    folds: Folds | None
    split: EvaluatedSplit
    """All images for folds, else those of the split."""
    copies: int
    """Number of seeds."""
    people: list[str]
    """The person in each image; empty where unknown."""


def open_runs(config: EvalConfig, runs: Runs) -> OpenRuns:
    """Read the data set of several runs.

    Args:
        config: data and split; the split matters to runs over seeds only.

    Raises:
        UsageError: some runs are not finished.
        DataError: the data are not those of the folds, the seeds hold out different images, or the data cannot be used.
    """
    if runs.unfinished:
        raise UsageError(
            f"{printable(runs.folder)}: {', '.join(runs.unfinished)} are not trained; finish them with ampnet train "
            f"--resume --name {printable(runs.folder.name)}"
        )
    index = read_index(config.data)
    folds = read_folds(runs.folder / FOLDS_FILE, index) if runs.are_folds else None
    seeds = {seed_of(file.parent.name) for file in runs.finished}
    if not folds and len({split_indices(index, int(seed[4:]))[config.split].tobytes() for seed in seeds}) > 1:
        raise DataError(
            f"each seed of {printable(runs.folder)} drew its own {config.split}; measure --split test, or one run, "
            f"such as {printable(runs.finished[0].parent)}"
        )
    names = read_header(runs.finished[0]).class_names
    split = read_split(index, None if folds else config.split, names, TrainConfig.seed)
    people = people_of(split)
    if folds:
        people[: len(split.faces)] = folds.subjects
    return OpenRuns(runs, index, folds, split, len(seeds), people)


def predict_seeds(config: EvalConfig, opened: OpenRuns, quiet: bool) -> tuple[list[SplitPredictions], list[RunScore]]:
    """Predict with several runs: what each seed says of the split, or its folds of all images; and each run's scores.

    Raises:
        DataError: the runs have different classes, or an image cannot be used.
    """
    of_seed, scores, finished = defaultdict[str, list[SplitPredictions]](list), [], opened.runs.finished
    for file in finished:
        checkpoint, sha256 = load_with_hash(file)
        if checkpoint.class_names != opened.split.images.class_names:
            raise DataError(f"{printable(file)} has other classes than {printable(finished[0])}")
        done = _predict(config, checkpoint, opened.index, opened.folds, quiet)
        of_seed[seed_of(file.parent.name)].append(done)
        scores.append(score_run(file.parent.name, sha256, done.table, is_fold=opened.folds is not None))
    return [_pool(opened.split, parts) if opened.folds else parts[0] for parts in of_seed.values()], scores


def predict_runs(
    config: EvalConfig, runs: Runs, reserve: Callable[[], None], quiet: bool
) -> tuple[SplitPredictions, RunsScores]:
    """Predict with several runs: each image with each seed, and with the fold that has not seen it.

    Args:
        config: data and machine; the split matters to runs over seeds only.
        reserve: called once it is clear that there will be predictions.

    Raises:
        UsageError: some runs are not finished; or an option does not go with several runs.
        DataError: the data are not those of the folds, or cannot be used.
    """
    opened = open_runs(config, runs)
    split, folds, copies = opened.split, opened.folds, opened.copies
    if config.by and copies > 1:
        raise UsageError(f"--by measures a single seed; give one run, such as {printable(runs.finished[0].parent)}")
    groups = read_groups(split, config.by, config.groups)
    reserve()
    of_seeds, scores = predict_seeds(config, opened, quiet)
    table = stack_tables([done.table for done in of_seeds]) if copies > 1 else of_seeds[0].table
    told = dict.fromkeys(note for done in of_seeds for note in done.notes)
    notes = (*told, *_about(runs, copies), *people_note(opened.people))
    table = replace(table, images=replace(table.images, clusters=clusters_of(opened.people, copies)))
    of_runs = score_runs(scores, sha256_of(runs.folder / FOLDS_FILE) if folds else None)
    return SplitPredictions(table, split, notes, groups), of_runs


def _predict(
    config: EvalConfig, checkpoint: Checkpoint, index: FaceIndex, folds: Folds | None, quiet: bool
) -> SplitPredictions:
    if folds:
        index = in_fold(index, folds, run_settings(checkpoint.config).fold)
        config = replace(config, split="test", by=(), groups=None)
    return predict_split(config, checkpoint, index, lambda: None, quiet)


def _pool(split: EvaluatedSplit, folds: Sequence[SplitPredictions]) -> SplitPredictions:
    """Collect the predictions of all folds, in the order of all images."""
    parts = [fold.table for fold in folds]
    position = {name: row for row, name in enumerate(split.images.names) if name}
    kept = [[row for row, name in enumerate(part.images.names) if name and part.answers[row] >= 0] for part in parts]
    rows = [position[part.images.names[row]] for part, chosen in zip(parts, kept, strict=True) for row in chosen]

    def pooled(name: str) -> NDArray[np.float32]:
        return np.concatenate([getattr(part, name)[chosen] for part, chosen in zip(parts, kept, strict=True)])

    unreadable = {name: why for part in parts for name, why in part.unreadable.items()}
    heads = pooled("local"), pooled("global_")
    copies = None  # of faces that the image's own run was trained on
    if all(part.images.copies is not None for part in parts):
        copies = np.full(len(split.images), "", dtype="<U5")
        for part in parts:
            for name, copy in zip(part.images.names, np.asarray(part.images.copies), strict=True):
                if name:
                    copies[position[name]] = copy
    images = replace(split.images, copies=copies)
    table = table_of(images, np.array(rows), pooled("probabilities"), *heads, unreadable=unreadable)
    notes = (*split.match.notes(), *empty_notes(table, "all", split.match.missing), *unreadable_notes(table))
    return SplitPredictions(table, split, notes, {})


def runs_sha256(scores: RunsScores) -> str:
    """Return the SHA-256 of the list of the checkpoints' own."""
    return hashlib.sha256("\n".join(one.sha256 for one in scores.runs).encode()).hexdigest()


def spread_note(scores: RunsScores) -> str:
    """State the spread over the runs."""
    kinds = "folds" if scores.folds_sha256 else "seeds"
    both = f"accuracy {written_spread(scores.accuracy)}, macro F1 {written_spread(scores.macro_f1)}"
    each = ", ".join(f"{one.name} {100 * one.accuracy:.1f}" for one in scores.runs[:20])
    more = ", ..." if len(scores.runs) > 20 else ""
    return f"spread over {len(scores.runs)} {kinds}, in % with standard deviation: {both} ({each}{more})"


def about_folds(runs: Runs) -> str:
    """Say which run predicts which image, and what else the runs have learned from."""
    config = read_header(runs.finished[0]).config
    teachers = config.get("teachers")  # of someone else's file, so of any kind
    learned = [config.get("pretrained"), *(teachers if isinstance(teachers, list) else ())]
    others = ", ".join(printable(path, 100) for path in learned if path)
    may = f", though {others}, which the runs learned from, may have" if others else ""
    return f"each image is predicted by the run that has not seen it ({len(runs.finished)} runs){may}"


def stopped_early(runs: Runs) -> list[str]:
    """Note the runs that have not trained all of their epochs, by the saves that --resume would continue."""
    stopped = []
    for best in runs.finished:
        with suppress(CheckpointError):  # a run of which only the best is left, or a damaged save
            last, kept = read_header(best.with_name(LAST)), read_header(best)
            recipe, patience = last.config.get("recipe"), last.config.get("patience")
            epochs = recipe.get("epochs") if isinstance(recipe, dict) else None
            is_stuck = isinstance(patience, int) and 0 < patience <= last.epoch - kept.epoch
            if isinstance(epochs, int) and last.epoch < epochs and not is_stuck:
                stopped.append(f"{best.parent.name} ({last.epoch} of {epochs} epochs)")
    return [f"not trained to the end: {', '.join(stopped)}"] if stopped else []


def _about(runs: Runs, copies: int) -> list[str]:
    notes = [*([about_folds(runs)] if runs.are_folds else []), *stopped_early(runs)]
    if copies > 1:
        notes.append(f"each image counts once for each of the {copies} seeds; intervals draw images, not answers")
    return notes
