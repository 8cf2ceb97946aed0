"""`ampnet robustness`: occlusion, pose and corruption, and which modules of the network withstand them."""

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from rich.console import Console

from ampnet.checkpoints.checkpoint import Checkpoint, load_with_hash
from ampnet.checkpoints.model_files import model_path
from ampnet.dataset.index.face_index import FaceIndex
from ampnet.dataset.loading.dataset import FaceDataset
from ampnet.dataset.open_index import open_split
from ampnet.errors import DataError, resumable
from ampnet.evaluation.matching import ClassMatch, match_classes, selection_notes
from ampnet.files.journal import Journal
from ampnet.files.writing import write_text
from ampnet.inference.calibration import read_prior, ruled_out
from ampnet.inference.classifier import Classifier, faces_for
from ampnet.inference.contributions import votes_of
from ampnet.reports.figures import save_figures
from ampnet.robustness.corrupted_faces import CLEAN, ChunkKey, Condition, read_prepared
from ampnet.robustness.measured_faces import MeasuredFaces, choose_faces
from ampnet.robustness.measuring import (
    JOURNAL_FILE,
    ChunkHits,
    MeasuredModel,
    add_chunk,
    finished_chunks,
    measure_chunks,
)
from ampnet.robustness.pictures import CURVES, save_curves, save_sheet
from ampnet.robustness.scores import Hits
from ampnet.robustness.suite import SEVERITIES, SUITE_VERSION, read_corruptions
from ampnet.robustness.suite_report import (
    BASELINE,
    JSON_FILE,
    LATEX_FILE,
    RobustnessReport,
    robustness_latex,
    write_files,
)
from ampnet.robustness.tally import Tally
from ampnet.runtime.cores import usable_cores
from ampnet.runtime.devices import choose_device
from ampnet.runtime.memory import keep_freed_memory
from ampnet.settings import RobustnessConfig
from pipelines.model import find_model
from pipelines.progress import notices, progress_bar
from pipelines.provenance import versions
from pipelines.result_folder import is_writable, locked, refuse_others
from pipelines.split_images import changed_since, refuse_seen_faces


@dataclass(frozen=True)
class RobustnessResult:
    """The report, and where its files are."""

    report: RobustnessReport
    folder: Path


def run(config: RobustnessConfig, quiet: bool = False) -> RobustnessResult:
    """Measure a checkpoint on corrupted faces of one split and write the report.

    Raises:
        CheckpointError: a checkpoint cannot be used.
        ConfigError: the prior does not fit the checkpoint, or a corruption is unknown.
        DataError: the data cannot be used or share no classes with the checkpoint, the split is empty, a list names
            none of its faces, an unfinished run has other settings, or a file cannot be written.
        UsageError: there is no such checkpoint, it is the run of one fold of these data, or the folder holds other
            results.
        LockedError: another command is using the folder.
    """
    start = time.monotonic()
    console = notices(quiet)
    corruptions = read_corruptions(config.corruptions)
    file = find_model(config.checkpoint, console, "`ampnet robustness CHECKPOINT`")
    other = None if config.baseline is None else find_model(config.baseline, console, "--baseline")
    checkpoints, hashes = zip(*(load_with_hash(path) for path in (file, other) if path), strict=True)
    index = open_split(config.data, config.split)
    matches = [match_classes(index.class_names, checkpoint.class_names) for checkpoint in checkpoints]
    faces = _unseen_faces(index, matches, checkpoints, config)

    keep_freed_memory()
    device = choose_device(config.gpus)
    contenders = [
        _contender(number, checkpoint, match, faces.index, device, config)
        for number, (checkpoint, match) in enumerate(zip(checkpoints, matches, strict=True))
    ]
    plan = _plan(config, corruptions, faces, contenders, hashes)
    folder = config.out or _default_folder(file, config)
    if config.out is None and not is_writable(folder):
        raise DataError(f"cannot write to {folder}: it is read-only; name another folder with --out")
    refuse_others(folder, {} if config.force else {JSON_FILE: {"plan": plan}})
    record = Journal(folder / JOURNAL_FILE)
    with locked(folder, console), resumable(record.path.exists):
        record.begin(plan, config.resume, config.force)
        with record as journal:
            clean, corrupted = _measure(contenders, faces, corruptions, journal, config, device, console)
        votes = ("+".join(vote) for vote in contenders[0].votes)
        tally = Tally(
            votes=(*votes, *([BASELINE] if other else [])),
            labels=matches[0].codes[faces.index.labels],
            names=faces.index.names,
            landmarks=faces.index.landmarks,
            sample=faces.sample,
            corruptions=corruptions,
            clean=clean,
            corrupted=corrupted,
            seed=config.seed,
        )
        report = _report(config, tally, faces, checkpoints[0], matches, (file, other), plan, start)
        if corruptions:
            save_curves(folder, report)
        elif (folder / JSON_FILE).exists():
            save_figures(folder, {CURVES: None})
        _save_sheet(folder, contenders[0].faces, int(faces.sample[0]), config.seed)
        write_text(folder / LATEX_FILE, robustness_latex(report))
        write_files(folder, report)
        record.remove()
    return RobustnessResult(report, folder)


def _unseen_faces(
    index: FaceIndex, matches: Sequence[ClassMatch], checkpoints: Sequence[Checkpoint], config: RobustnessConfig
) -> MeasuredFaces:
    for checkpoint in checkpoints:
        refuse_seen_faces(checkpoint, index)
    faces = choose_faces(index, matches, checkpoints, config)
    changes = dict.fromkeys(note for checkpoint in checkpoints for note in changed_since(checkpoint, index))
    return replace(faces, notes=(*changes, *faces.notes))


def _contender(
    number: int,
    checkpoint: Checkpoint,
    match: ClassMatch,
    faces: FaceIndex,
    device: torch.device,
    config: RobustnessConfig,
) -> MeasuredModel:
    prior = None if config.prior is None or number else read_prior(config.prior)
    classifier = Classifier.from_checkpoint(checkpoint, device, config.mirror, prior)
    classifier.offsets = ruled_out(classifier.offsets, checkpoint.class_names, match.missing)
    votes = votes_of(checkpoint.architecture.modules)
    return MeasuredModel(classifier, faces_for(checkpoint, faces), match.codes, votes[:1] if number else votes)


def _plan(
    config: RobustnessConfig,
    corruptions: tuple[str, ...],
    faces: MeasuredFaces,
    contenders: Sequence[MeasuredModel],
    hashes: Sequence[str],
) -> dict[str, Any]:
    """Record what the numbers are of; hashes are those of the checkpoints that were read."""
    digest = hashlib.sha256("\n".join(faces.index.names).encode(errors="surrogateescape"))
    for values in (faces.index.labels, faces.index.landmarks, faces.sample):
        digest.update(np.ascontiguousarray(values).tobytes())
    return {
        "suite": SUITE_VERSION,
        "checkpoint": hashes[0],
        "baseline": hashes[1] if len(hashes) > 1 else None,
        "faces": digest.hexdigest(),
        "images": len(faces.sample),
        "split": config.split,
        "seed": config.seed,
        "corruptions": list(corruptions),
        "mirror": config.mirror,
        "offsets": [[str(round(v, 6)) for v in c.classifier.offsets.tolist()] for c in contenders],  # type: ignore[union-attr]
        "batch_size": config.batch_size,
        "numpy": np.__version__,
        "opencv": cv2.__version__,
    }


def _default_folder(file: Path, config: RobustnessConfig) -> Path:
    """Choose robustness/<split> beside the checkpoint, or in the data folder for a bundled model."""
    root = config.data if file.parent == model_path().parent else file.parent
    return root / "robustness" / (config.split if file.stem == "best" else f"{file.stem}-{config.split}")


def _measure(
    contenders: Sequence[MeasuredModel],
    faces: MeasuredFaces,
    corruptions: tuple[str, ...],
    journal: Journal,
    config: RobustnessConfig,
    device: torch.device,
    console: Console,
) -> tuple[Hits, Hits]:
    """Measure what the journal does not hold, and return the hits: ``(V, N)`` clean and ``(V, C, 5, M)`` corrupted."""
    votes = sum(len(contender.votes) for contender in contenders)
    clean = np.zeros((votes, len(faces.index)), dtype=bool)
    corrupted = np.zeros((votes, len(corruptions), len(SEVERITIES), len(faces.sample)), dtype=bool)

    def store(condition: Condition, start: int, hits: Hits) -> None:
        end = start + hits.shape[1]
        if condition == CLEAN:
            clean[:, start:end] = hits
        else:
            corrupted[:, corruptions.index(condition.corruption), condition.severity - 1, start:end] = hits

    todo = dict(_chunks(faces, corruptions, config.batch_size))
    for done in finished_chunks(journal):
        place = Condition(done.corruption, done.severity), done.start
        if place in todo and done.hits.shape == (votes, len(todo[place].positions)):
            store(*place, done.hits)
            del todo[place]
    workers = usable_cores() if config.workers is None else config.workers
    left = sum(len(key.positions) for key in todo.values())
    with progress_bar(console)(f"robustness {config.split}", left) as advance:
        measured = measure_chunks(contenders, list(todo.values()), config.seed, min(workers, len(todo)), device)
        for (condition, start), (key, hits) in zip(todo, measured, strict=True):
            store(condition, start, hits)
            add_chunk(journal, ChunkHits(condition.corruption, condition.severity, start, hits))
            advance(len(key.positions), str(condition))
    return clean, corrupted


def _chunks(
    faces: MeasuredFaces, corruptions: tuple[str, ...], size: int
) -> Iterator[tuple[tuple[Condition, int], ChunkKey]]:
    """List the work: all clean faces, then all corruptions of some faces, so that these are decoded once."""
    everything = range(len(faces.index))
    for start in range(0, len(everything), size):
        yield (CLEAN, start), ChunkKey(CLEAN, tuple(everything[start : start + size]))
    conditions = [Condition(name, severity) for name in corruptions for severity in SEVERITIES]
    sample = faces.sample.tolist()
    for start in range(0, len(sample), size):
        for condition in conditions:
            yield (condition, start), ChunkKey(condition, tuple(sample[start : start + size]))


def _save_sheet(folder: Path, faces: FaceDataset, position: int, seed: int) -> None:
    image, landmarks = read_prepared(faces, position), faces.index.landmarks[position]
    save_sheet(folder, image, landmarks, seed, faces.index.names[position])


def _report(
    config: RobustnessConfig,
    tally: Tally,
    faces: MeasuredFaces,
    checkpoint: Checkpoint,
    matches: Sequence[ClassMatch],
    files: tuple[Path, Path | None],
    plan: dict[str, Any],
    start: float,
) -> RobustnessReport:
    notes = (*selection_notes(config.split, checkpoint.selected_on), *matches[0].notes(), *faces.notes)
    return RobustnessReport(
        checkpoint=files[0],
        baseline=files[1],
        data=config.data,
        split=config.split,
        class_names=checkpoint.class_names,
        images=len(faces.sample),
        seed=config.seed,
        mirror=config.mirror,
        prior=config.prior,
        subsets=config.subsets,
        votes=tally.votes,
        rows=tally.rows(faces.parts()),
        errors=tally.errors(),
        plan=plan,
        notes=notes,
        seconds=time.monotonic() - start,
        versions=versions(),
    )
