"""`ampnet compare`: two or more checkpoints, or any tools' predictions, paired on the same images."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ampnet.checkpoints.checkpoint import load_with_hash, read_header
from ampnet.checkpoints.header import run_settings
from ampnet.checkpoints.model_files import display_name
from ampnet.dataset.index.face_index import FaceIndex
from ampnet.dataset.loading.dataset import pictures
from ampnet.dataset.open_index import read_index
from ampnet.errors import DataError, UsageError
from ampnet.evaluation.comparison import Answers, Change, ClassOutcomes, ImageSet, changes, class_outcomes, image_sets
from ampnet.evaluation.differences import SameImages, choose_differences, same_images
from ampnet.evaluation.matching import UNNAMED, match_classes
from ampnet.evaluation.predictions import PredictionTable
from ampnet.evaluation.predictions_file import read_predictions
from ampnet.evaluation.runs import clusters_of
from ampnet.files.picture_files import save_picture
from ampnet.files.printable import one_line, printable
from ampnet.files.writing import sha256_of, write_json, write_text
from ampnet.reports.contact_sheet import difference_sheet
from ampnet.reports.latex import comparison_latex
from ampnet.settings import CompareConfig, EvalConfig, TrainConfig
from pipelines.contenders import (
    ANSWERS_FILE,
    JSON_FILE,
    LATEX_FILE,
    Contender,
    about_of,
    default_folder,
    find_contenders,
    split_of,
    subjects_of,
    write_answers,
)
from pipelines.evaluate_runs import OpenRuns, open_runs, predict_seeds
from pipelines.predict_split import predict_split
from pipelines.progress import notices
from pipelines.result_folder import ResultFolder
from pipelines.split_images import EvaluatedSplit, people_note, people_of, read_split, refuse_seen_faces


@dataclass(frozen=True)
class PairTables:
    """Where two contenders differ."""

    first: str
    """Letter of the first contender."""
    second: str
    classes: tuple[ClassOutcomes, ...]
    changes: tuple[Change, ...]
    """The most frequent ones."""
    sheet: str
    """File with images that only one of them gets right; empty if there is none."""
    shown: tuple[str, ...]
    """Names of the images on it."""


@dataclass(frozen=True)
class Comparison:
    """All that `ampnet compare` found."""

    contenders: tuple[Contender, ...]
    data: Path
    split: str
    """A split, or all: folds hold out all images in turn."""
    sets: tuple[ImageSet, ...]
    """All images; then without copies and against the crowd's majority, where these are known."""
    pairs: tuple[PairTables, ...]
    notes: tuple[str, ...]
    unreadable: Mapping[str, str]
    """Name -> reason of each image that a checkpoint could not read."""
    about: Mapping[str, Any]
    folder: Path | None
    """Holds the files; None if it is read-only and was not requested."""
    problem: str | None = None
    """Why one of the files could not be written."""

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as plain values for JSON."""
        return {
            "about": dict(self.about),
            "notes": list(self.notes),
            "sets": [asdict(one) for one in self.sets],
            "pairs": [asdict(one) for one in self.pairs],
        }


def run(config: CompareConfig, quiet: bool = False) -> Comparison:
    """Compare contenders on the same images of one split, and write tables and pictures.

    Raises:
        CheckpointError: a checkpoint cannot be used.
        DataError: the data or a file of predictions cannot be used, the contenders share fewer than two classes with
            the data and each other or were given different images, or a file cannot be written.
        UsageError: a contender does not exist, or the folder holds another comparison.
        LockedError: another command is using the output folder.
    """
    contenders = find_contenders(config.contenders, config.mirror)
    if (of := split_of(config, contenders)) == "all" and config.split != "test":
        raise UsageError("folds predict every image once, whatever split it is in; omit --split")
    subjects = subjects_of(config, contenders)
    folder = config.out or default_folder(config, contenders, subjects)
    side = ResultFolder(folder, config.out is not None, "results", subjects, config.force)
    with ExitStack() as held:
        reserve = partial(side.reserve, held, notices(quiet))
        predicted = _predict(config, contenders, reserve, quiet)
        split, tables, notes = predicted.split, predicted.tables, predicted.notes
        same = same_images(split.images, tables)
        if same.left_out:
            notes.append(f"images of {', '.join(same.left_out)} are left out: not all contenders have these classes")
        answers = [np.stack([same.answers[name] for name in contender.answer_names]) for contender in contenders]
        sets = image_sets(same.images, answers, config.seed)
        pairs = tuple(_pairs(config, side, contenders, answers, same, split.faces))
        side.write(lambda folder: _remove_others(folder, {pair.sheet for pair in pairs}))
        unreadable = {name: why for table in tables.values() for name, why in table.unreadable.items()}
        about = about_of(config, contenders, predicted.hashes, subjects, split.faces.root)
        result = Comparison(contenders, config.data, of, sets, pairs, tuple(notes), unreadable, about, side.folder)
        side.write(lambda folder: write_answers(folder / ANSWERS_FILE, same.images, contenders, answers))
        side.write(lambda folder: _write_tables(folder, result))
    return replace(result, problem=side.problem)


def _remove_others(folder: Path, sheets: set[str]) -> None:
    """Remove the pictures of pairs that an earlier comparison left."""
    for path in folder.glob("differences-[A-Z]-[A-Z].png"):
        if path.name not in sheets:
            with suppress(OSError):  # where nothing can be removed, writing fails, too, and says so
                path.unlink()


def _write_tables(folder: Path, result: Comparison) -> None:
    write_text(folder / LATEX_FILE, comparison_table(result))
    write_json(folder / JSON_FILE, result.to_dict(), indent=2)  # last: its presence marks a complete comparison


def comparison_table(result: Comparison) -> str:
    """Return a comparison as LaTeX for a paper."""
    names = {contender.letter: contender.short_name for contender in result.contenders}
    return comparison_latex(result.sets, names, result.about)


@dataclass(frozen=True, eq=False)
class _Predicted:
    """What all contenders say about the images of one split."""

    split: EvaluatedSplit
    tables: dict[str, PredictionTable]
    """By the names of the contenders' answers."""
    hashes: dict[Path, str]
    """SHA-256 of each file, of what was read of it."""
    notes: list[str]


def _predict(
    config: CompareConfig, contenders: Sequence[Contender], reserve: Callable[[], None], quiet: bool
) -> _Predicted:
    settings = EvalConfig(
        **{name: getattr(config, name) for name in ("data", "split", "batch_size", "workers", "gpus", "mirror")}
    )
    folds = {one.letter: open_runs(settings, one.folds) for one in contenders if one.folds}
    index, split = _read_split(config, contenders, list(folds.values()))
    files = {contender.files[0] for contender in contenders if contender.is_predictions}
    read = {file: read_predictions(file, split.images, split.elsewhere) for file in files}  # before the long work
    hashes = {file: sha256_of(file) for file in files}
    reserve()
    tables: dict[str, PredictionTable] = {}
    of_note: dict[str, list[str]] = {}
    for contender in contenders:
        for note in contender.notes:
            of_note.setdefault(note, []).append(contender.letter)
        if contender.folds:
            notices(quiet).print(f"{contender.letter}: {printable(contender.name)}")
            of_seeds, scores = predict_seeds(settings, folds[contender.letter], quiet)
            hashes |= {file: one.sha256 for file, one in zip(contender.files, scores, strict=True)}
            for name, done in zip(contender.answer_names, of_seeds, strict=True):
                tables[name] = replace(done.table, probabilities=None, local=None, global_=None)
            continue
        for name, file in zip(contender.answer_names, contender.files, strict=True):
            if contender.is_predictions:
                table, found = read[file].table, read[file].notes
            else:
                notices(quiet).print(f"{contender.letter}: {printable(display_name(file))}")
                checkpoint, hashes[file] = load_with_hash(file)
                refuse_seen_faces(checkpoint, index)
                done = predict_split(settings, checkpoint, index, lambda: None, quiet)
                table, found = done.table, done.notes
            tables[name] = replace(table, probabilities=None, local=None, global_=None)
            for note in found:
                of_note.setdefault(note, []).append(contender.letter)
    for table in tables.values() if folds else ():  # a copy for one of them is one for all
        copies = table.images.copies
        if copies is not None and split.images.copies is not None:
            copies = np.where(copies == "", split.images.copies, copies)
        if copies is not None:
            split = replace(split, images=replace(split.images, copies=copies))
    everyone = [contender.letter for contender in contenders]
    notes = people_note(next((one.people for one in folds.values()), people_of(split)))
    for note, letters in of_note.items():
        of = sorted(set(letters))
        notes.append(note if of == everyone else f"{', '.join(of)}: {note}")
    return _Predicted(split, tables, hashes, notes)


def _read_split(
    config: CompareConfig, contenders: Sequence[Contender], folds: Sequence[OpenRuns]
) -> tuple[FaceIndex, EvaluatedSplit]:
    """Read the data set and its split, and check that all checkpoints fit them before any is put to work."""
    index, split, first_seed = read_index(config.data), None, TrainConfig.seed
    if folds:
        split = read_split(index, None, index.class_names, first_seed)
        return index, replace(split, images=replace(split.images, clusters=clusters_of(folds[0].people)))
    for file in (file for contender in contenders if not contender.is_predictions for file in contender.files):
        checkpoint = read_header(file)
        seed = run_settings(checkpoint.config).seed
        if split is None:
            index, first_seed = _named(index, checkpoint.class_names), seed
            split = _all_images(config, index, seed)
        match_classes(index.class_names, checkpoint.class_names)
        if seed != first_seed and _all_images(config, index, seed).faces.names != split.faces.names:
            raise DataError(
                f"{printable(file)} was trained with seed {seed}, which holds out other images as {config.split} than "
                f"seed {first_seed}; compare on --split test, or runs of one seed"
            )
    return index, split or _all_images(config, index, first_seed)


def _all_images(config: CompareConfig, index: FaceIndex, seed: int) -> EvaluatedSplit:
    """Read the images of all classes of the data; without official splits, the seed decides what is held out."""
    return read_split(index, config.split, index.class_names, seed)


def _named(index: FaceIndex, names: Sequence[str]) -> FaceIndex:
    """Give classes without names those of the first checkpoint, as evaluations do."""
    if len(index.class_names) == len(names) and all(UNNAMED.fullmatch(name) for name in index.class_names):
        return replace(index, class_names=tuple(names))
    return index


def _pairs(
    config: CompareConfig,
    side: ResultFolder,
    contenders: Sequence[Contender],
    answers: Sequence[Answers],
    same: SameImages,
    faces: FaceIndex,
) -> Iterator[PairTables]:
    labels, names = same.images.labels, same.images.class_names
    with_picture = np.flatnonzero(same.rows < len(faces))  # the split's images begin with the usable faces
    for a, one in enumerate(contenders):
        for b, other in enumerate(contenders[a + 1 :], start=a + 1):
            chosen = choose_differences(labels, answers[a], answers[b], names, with_picture, config.seed)
            found = dict(pictures(faces, (same.rows[item.row] for item in chosen)))
            shown = [item for item in chosen if same.rows[item.row] in found]
            sheet = f"differences-{one.letter}-{other.letter}.png"
            if shown:
                title = f"{one.letter}: {printable(one.name, 60)}    {other.letter}: {printable(other.name, 60)}"
                images = [found[same.rows[item.row]] for item in shown]
                drawn = difference_sheet(images, shown, (one.letter, other.letter), title)
                side.write(lambda folder: save_picture(drawn, folder / sheet))  # noqa: B023  (called at once)
            yield PairTables(
                first=one.letter,
                second=other.letter,
                classes=class_outcomes(labels, answers[a], answers[b], names),
                changes=changes(labels, answers[a], answers[b], names),
                sheet=sheet if shown and side.folder else "",
                shown=tuple(one_line(same.images.names[item.row]) for item in shown),
            )
