"""`ampnet prepare`: find the face in every raw image, frame it, and write the index that training reads."""

import shlex
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from ampnet.dataset.index.face_names import unique_names
from ampnet.dataset.index.index_files import PREVIEW_FILE
from ampnet.dataset.index.raw_images import RawDataSet, SourceImage
from ampnet.dataset.open_index import read_index
from ampnet.dataset.preparation.chunks import (
    FramePolicy,
    PreparationThreads,
    PrepareJob,
    prepare_chunks,
    start_preparation_threads,
)
from ampnet.dataset.preparation.croissant import refuse_other_description, write_croissant
from ampnet.dataset.preparation.frames import PreparedFace
from ampnet.dataset.preparation.image_stores import ImageFiles, ImagePacks
from ampnet.dataset.preparation.prepare_journal import PrepareJournal
from ampnet.dataset.preparation.removal import refuse_linked_output
from ampnet.dataset.preparation.write_index import FinishedFaces, IndexCounts, build_index
from ampnet.dataset.prepared_shards import build_shards
from ampnet.dataset.shards.parquet_tables import require_pyarrow
from ampnet.dataset.sources import open_source
from ampnet.detection.detector import FaceDetector
from ampnet.errors import DataError, UsageError, resumable
from ampnet.faces.framing import Crop
from ampnet.files.lock import LOCK_FILE
from ampnet.files.opening import exists
from ampnet.files.printable import printable
from ampnet.files.writing import make_folder, remove_leftovers
from ampnet.reports.preview import write_preview
from ampnet.runtime.devices import choose_device
from ampnet.runtime.memory import keep_freed_memory
from ampnet.runtime.progress import ProgressBar
from ampnet.settings import DataForm, PrepareConfig
from pipelines.check import CheckResult, check
from pipelines.prepare_plan import FORM, earlier_plan, make_plan
from pipelines.progress import notices, progress_bar
from pipelines.result_folder import ResultFolder, locked


@dataclass(frozen=True)
class PrepareResult:
    """What prepare wrote."""

    root: Path
    layout: str
    class_names: tuple[str, ...]
    crop: Crop
    counts: IndexCounts
    seconds: float
    images_per_second: float
    """Rate of this run alone; 0 when nothing was left to do."""
    check: CheckResult | None
    """What looks wrong with the finished set; None with --no-check, and of shards."""
    notes: list[str] = field(default_factory=list)
    form: DataForm = "files"

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values for JSON."""
        return {
            "root": str(self.root),
            "form": self.form,
            "layout": self.layout,
            "class_names": list(self.class_names),
            "crop": self.crop,
            "faces": self.counts.faces,
            "counts": self.counts.table,
            "votes": None if self.counts.votes is None else self.counts.votes.to_dict(),
            "seconds": round(self.seconds, 1),
            "images_per_second": round(self.images_per_second, 1),
            "check": None if self.check is None else self.check.report.to_dict(),
            "notes": self.notes,
        }


def run(config: PrepareConfig, quiet: bool = False) -> PrepareResult:
    """Prepare a raw data set for training.

    With ``engine`` ray, the chunks are done by a cluster's processes, and recorded and joined here.

    Args:
        quiet: show no progress and no notices (licence, decisions, skipped files).

    Raises:
        UsageError: the output lies inside the raw folder, or would replace something.
        DataError: the folder holds no data set, or the output cannot be written.
        LockedError: another command is using the output folder.
    """
    console = notices(quiet)
    started = time.monotonic()
    if config.form == "shards":
        require_pyarrow()
    source = open_source(config.raw_dir, config.layout, config.fold, config.votes, config.classes or None)
    _require_images(source)
    _announce(source, console)
    names = unique_names(source.items)
    _refuse_own_images(config, source.items)
    refuse_other_description(config.out)
    with _locked_output(config, console), resumable(PrepareJournal(config.out / "index").path.exists):
        return _prepare(config, source, names, console, started)


def _refuse_own_images(config: PrepareConfig, items: Sequence[SourceImage]) -> None:
    """Keep prepared images out of the raw folder, and raw ones out of the folders that are written to."""
    out, raw = config.out.resolve(), config.raw_dir.resolve()
    if out == raw or raw in out.parents:
        raise UsageError(f"the output {config.out} lies inside the raw folder {config.raw_dir}; choose another --out")
    folders = {(item.root, item.relative.rpartition("/")[0]) for item in items}
    places = [(root / folder).resolve() for root, folder in folders]
    for written in (out / "index", out / "dataset"):
        if any(written in (place, *place.parents) for place in places):
            raise UsageError(f"prepare writes to {written}, which holds raw images; choose another --out")


@contextmanager
def _locked_output(config: PrepareConfig, console: Console) -> Iterator[None]:
    index = config.out / "index"
    if config.force:
        refuse_linked_output(config.out)
    if not (index / LOCK_FILE).exists():  # a folder of other things is refused before anything is created in it
        earlier_plan(config, PrepareJournal(index))
    with locked(index, console):
        make_folder(config.out / "dataset")
        yield


def _prepare(
    config: PrepareConfig, source: RawDataSet, names: Sequence[str], console: Console, started: float
) -> PrepareResult:
    journal = PrepareJournal(config.out / "index")
    keep_freed_memory(is_shared=True)
    device = choose_device(0 if config.engine == "ray" else config.gpus)
    with start_preparation_threads(config.workers, device) as threads:
        detector = FaceDetector(config.detector, device)
        plan = make_plan(config, source, names, detector, threads, journal)
        console.print(f"crop {plan['crop']}: {plan['crop_reason']}")
        frame_policy = FramePolicy(plan["crop"], plan["face"], plan["no_face"])
        files, packs = ImageFiles(config.out / "dataset"), ImagePacks(journal.folder)
        work = PrepareJob(source.items, names, frame_policy, packs if config.form == "shards" else files)
        with _preparer(config, detector, threads) as prepare:
            done = _prepare_open(work, prepare, journal, progress_bar(console))
        remove_leftovers(files.folder)  # of actors that died
        seconds = time.monotonic() - started
        meta = {name: value for name, value in plan.items() if name not in FORM}
        finished = FinishedFaces(source, journal, frame_policy)
        if config.form == "files":
            counts = build_index(config.out, finished, meta, seconds)
            write_croissant(config.out)
        else:
            counts = build_shards(config.out, finished, packs, meta, seconds, config.faces_per_shard)
    found = _inspect(config, console) if config.form == "files" else None
    notes = list(source.notes)
    if unusable := counts.unusable():
        notes.append(f"no training image of {', '.join(unusable)} could be used: such a class cannot be learned")
        console.print(f"note: {notes[-1]}")
    if config.form == "shards" and config.check:
        notes.append("a set in shards is not searched for duplicates and leaks; ampnet check reads files only")
        console.print(f"note: {notes[-1]}")
    journal.remove()
    return PrepareResult(
        root=config.out,
        form=config.form,
        layout=source.layout,
        class_names=source.class_names,
        crop=frame_policy.crop,
        counts=counts,
        seconds=seconds,
        images_per_second=done / seconds,
        check=found,
        notes=notes,
    )


def _inspect(config: PrepareConfig, console: Console) -> CheckResult | None:
    """Draw the preview, and search for duplicates and leaks unless switched off."""
    index = read_index(config.out)
    write_preview(config.out / "index" / PREVIEW_FILE, index)
    side = ResultFolder(config.out / "index", True, "lists of duplicates")
    if not config.check:
        return None
    found = check(index, config.workers, console, side)
    if found.problem is None:
        return found
    advice = f"the data set is whole; for the lists, run `ampnet check --data {shlex.quote(str(config.out))}`"
    return replace(found, problem=f"{found.problem}; {advice}")


def _require_images(source: RawDataSet) -> None:
    """Refuse a data set none of whose images is there, before a detector is loaded for it."""
    if not any(exists(item.path) for item in source.items):
        first = source.items[0]
        raise DataError(
            f"none of the {len(source.items):,} images is in {printable(first.root)}, such as "
            f"{printable(first.relative)}; put a list into the folder of its images, and unpack archives"
        )


def _announce(source: RawDataSet, console: Console) -> None:
    if source.licence:
        console.print(f"licence: {source.licence}")
    classes = ", ".join(source.class_names)
    console.print(f"{source.layout}: {len(source.items):,} images, classes {classes}")
    for note in source.notes:
        console.print(f"note: {note}")


Preparer = Callable[[PrepareJob, Sequence[int]], Iterator[tuple[int, list[PreparedFace]]]]
"""Prepares the given chunks of a job, and yields each with its faces once its images are written."""


@contextmanager
def _preparer(config: PrepareConfig, detector: FaceDetector, threads: PreparationThreads) -> Iterator[Preparer]:
    if config.engine == "local":
        yield lambda work, chunks: prepare_chunks(work, chunks, detector, threads)
        return
    from ampnet.cluster.actors import ray_cluster
    from ampnet.cluster.preparation import prepare_on_ray

    with ray_cluster(config.actors, config.gpus) as options:
        yield lambda work, chunks: prepare_on_ray(work, chunks, config.detector, config.workers, options)


def _prepare_open(work: PrepareJob, prepare: Preparer, journal: PrepareJournal, bar: ProgressBar) -> int:
    """Do the open chunks, and record each.

    Returns:
        Number of images that were left for this run.
    """
    sizes = work.chunk_sizes()
    finished = journal.finished()
    if not finished <= set(range(len(sizes))):
        raise DataError(f"{journal.folder} holds chunks of another data set; start over with --force")
    open_chunks = [chunk for chunk in range(len(sizes)) if chunk not in finished]
    todo = sum(sizes[chunk] for chunk in open_chunks)
    with bar("prepare", sum(sizes), sum(sizes) - todo) as advance, journal:
        statuses: Counter[str] = Counter()
        for chunk, faces in prepare(work, open_chunks):
            journal.add_chunk(chunk, faces)
            statuses.update("unreadable" if face.row.is_unreadable else face.row.status for face in faces)
            missed = statuses["template"] + statuses["rejected"]
            counts = {"without a face": missed, "unreadable": statuses["unreadable"]}
            advance(sizes[chunk], note=", ".join(f"{count} {what}" for what, count in counts.items() if count))
    journal.finished()
    return todo
