"""Predictions on a Ray cluster: each actor reads parts of the input, and writes a parquet file for each.

A part's file has its own name and appears whole, so that a part that is done twice, because an actor was killed
between writing and reporting, is in the result once. What is there already is what a resumed run leaves out.
"""

import hashlib
import io
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from ampnet.cluster.actors import ActorOptions, run_on_actors
from ampnet.errors import DataError
from ampnet.files.download import is_url
from ampnet.files.printable import one_line, printable
from ampnet.files.storage import address_of, is_address, join, list_files, names_in, open_file, write_whole
from ampnet.reading.image_files import readable_images
from ampnet.reading.reader import NOTHING
from ampnet.reading.sources import ARCHIVES, Source, expand_patterns, plan
from ampnet.reading.video import EXTENSIONS as VIDEOS
from ampnet.reading.video_clock import Sampling
from ampnet.recognition.loop import answer_tasks
from ampnet.recognition.recognizer import Recognizer
from ampnet.results.columns import table_columns
from ampnet.results.photo_result import PhotoResult
from ampnet.results.results import MAX_LISTED
from ampnet.results.rows import CsvRows
from ampnet.runtime.memory import keep_freed_memory
from ampnet.runtime.threads import Threads, start_threads


@dataclass(frozen=True)
class Part:
    """The unit of work of an actor, which gives one file of results."""

    number: int
    places: tuple[str, ...]
    """Photos and videos, or one tar or parquet file: paths and addresses."""
    problems: tuple[str | None, ...]
    """Why one cannot be read, if that is known up front."""

    def sources(self) -> Iterator[Source]:
        """Return the inputs."""
        for place, problem in zip(self.places, self.problems, strict=True):
            yield Source(place if is_url(place) or is_address(place) else Path(place), problem=problem)


def cut_into_parts(
    inputs: Sequence[Path | str], size: int, videos: bool, out: str = ""
) -> tuple[list[Part], list[str]]:
    """Cut the inputs into parts, always in the same way.

    Args:
        inputs: photos, videos, folders, patterns, tar and parquet files, or addresses of such; those of web photos as
            text.
        size: photos of a part; a tar or parquet file is a part by itself.
        videos: whether to read the videos in folders, too.
        out: folder or address of the results, which are not input if it lies below one.

    Returns:
        The parts, and notes for the user.

    Raises:
        DataError: there are no images, or an address cannot be listed.
    """
    files: list[tuple[str, str | None]] = []
    archives: list[str] = []
    notes: list[str] = []
    plain: list[Path] = []
    for given in expand_patterns(inputs):
        if isinstance(given, str):
            files.append((given, None))
            continue
        place = address_of(given)
        if is_address(place):
            found = [name for name in list_files(place, [*readable_images(), *ARCHIVES]) if not _is_result(name, out)]
            archives += [name for name in found if _is_archive(name)]
            files += [(name, None) for name in found if not _is_archive(name)]
            notes += [f"{printable(place)}: videos are not read from addresses, only photos"] * videos
        elif given.is_dir():
            inside = sorted(str(path) for path in given.rglob("*") if _is_archive(path.name) and path.is_file())
            inside = [name for name in inside if not _is_result(name, out)]
            archives += inside
            wanted = readable_images() | VIDEOS if videos else readable_images()
            if not inside or any(path.suffix.lower() in wanted for path in given.rglob("*")):
                plain.append(given)
        elif _is_archive(place):
            archives += [] if _is_result(place, out) else [place]
        else:
            plain.append(given)
    if plain:
        planned = plan(plain, None, videos)
        files = [*((str(source.path), source.problem) for source in planned.sources), *files]
        notes += planned.notes
    if not files and not archives:
        raise DataError(f"{printable(inputs[0])} holds no images")
    parts: list[Part] = []
    for start in range(0, len(files), size):
        places, problems = zip(*files[start : start + size], strict=True)
        parts.append(Part(len(parts), places, problems))
    for archive in archives:
        parts.append(Part(len(parts), (archive,), (None,)))
    return parts, notes


def digest_of(parts: Sequence[Part]) -> str:
    """Return a digest of all names, by which a resumed run recognises the same input."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(json.dumps(part.places).encode())
    return digest.hexdigest()


def _is_result(place: str, out: str) -> bool:
    whole = place if is_address(place) else os.path.realpath(place)
    return bool(out) and whole.startswith(f"{out.rstrip('/')}/") and is_file_name(whole.rpartition("/")[2])


def _is_archive(name: str) -> bool:
    return name.lower().endswith(ARCHIVES)


_COUNTS = b"ampnet"
_PROBLEMS = 5

ACTOR_CORES = 1
"""Cores that an actor is given; its threads overlap reading, the networks and making rows on them."""


@dataclass
class PartCounts:
    """What a part's file holds; it is kept in that file's footer, too."""

    results: int = 0
    """Photos and frames, and files that could not be read."""
    faces: int = 0
    unreadable: int = 0
    labels: dict[str, int] = field(default_factory=dict)
    """Number of faces with each answer."""
    problems: list[str] = field(default_factory=list)
    """The first reasons."""

    def add(self, result: PhotoResult) -> None:
        """Count a result."""
        self.results += 1
        self.faces += len(result)
        self._count(Counter(face.answer for face in result))
        if result.problem:
            self.unreadable += 1
            if len(self.problems) < _PROBLEMS:
                self.problems.append(one_line(result.problem))

    def merge(self, other: "PartCounts") -> None:
        """Add another part's counts."""
        self.results += other.results
        self.faces += other.faces
        self.unreadable += other.unreadable
        self._count(other.labels)
        self.problems = (self.problems + other.problems)[:MAX_LISTED]

    def _count(self, labels: Mapping[str, int]) -> None:
        for label, count in labels.items():
            self.labels[label] = self.labels.get(label, 0) + count


class PredictActor:
    """Holds detector and network; Ray Data calls it with parts.

    Args:
        load: builds the predictor; a function of a module, so that it can be pickled.
    """

    def __init__(self, load: Callable[[], Recognizer], out: str, sampling: Sampling) -> None:
        import cv2
        import torch

        keep_freed_memory()
        torch.set_num_threads(1)
        cv2.setNumThreads(1)
        self._recognizer = load()
        self._out, self._sampling = out, sampling
        self._running = ExitStack()  # for as long as the actor lives: new threads would each keep their own memory
        self._threads = self._running.enter_context(start_threads(ACTOR_CORES, parallel=1))

    def __call__(self, batch: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Predict parts; yields the counts of each, once its file is written."""
        for text in batch["part"]:
            plain = json.loads(str(text))
            part = Part(plain["number"], tuple(plain["places"]), tuple(plain["problems"]))
            counts = predict_part(self._recognizer, part, self._out, self._sampling, self._threads)
            yield {"counts": [json.dumps(asdict(counts))]}


def predict_part(recognizer: Recognizer, part: Part, out: str, sampling: Sampling, threads: Threads) -> PartCounts:
    """Predict a part and write its file.

    Raises:
        DataError: it cannot be written.
    """
    import pyarrow as pa
    from pyarrow import parquet

    rows, counts = CsvRows(recognizer.class_names), PartCounts()
    types = {"text": pa.string(), "whole number": pa.int64(), "number": pa.float64()}
    schema = pa.schema([(column.name, types[column.kind]) for column in table_columns(recognizer.class_names)])
    tables: list[Any] = []
    tasks = ((source, NOTHING) for source in part.sources())
    for chunk in answer_tasks(recognizer, tasks, sampling, threads):
        cells: list[list[Any]] = []
        for _, result in chunk:
            if result is not None:
                counts.add(result)
                cells += rows.cells(result)
        values = zip(zip(*cells, strict=True), schema.types, strict=True)
        tables.append(pa.Table.from_arrays([pa.array(column, kind) for column, kind in values], schema=schema))
    table = pa.concat_tables(tables) if tables else schema.empty_table()
    table = table.replace_schema_metadata({_COUNTS: json.dumps(asdict(counts))})
    buffer = io.BytesIO()
    parquet.write_table(table, buffer, compression="zstd")
    write_whole(join(out, file_name(part.number)), buffer.getvalue())
    return counts


def predict_parts(
    parts: Sequence[Part], load: Callable[[], Recognizer], out: str, sampling: Sampling, options: ActorOptions
) -> Iterator[PartCounts]:
    """Predict all parts whose files are missing; yields the counts of each as soon as its file is there.

    Raises:
        ProcessError: Ray or an actor failed.
    """
    work = [{"part": json.dumps(asdict(part))} for part in parts]
    for row in run_on_actors(work, PredictActor, {"load": load, "out": out, "sampling": sampling}, options):
        yield _counts_of(row["counts"])


def done_parts(parts: Sequence[Part], out: str) -> dict[int, PartCounts]:
    """Return the counts of the parts whose files are there.

    Raises:
        DataError: a file cannot be read.
    """
    from pyarrow import parquet

    names = names_in(out)
    done: dict[int, PartCounts] = {}
    for part in parts:
        name = file_name(part.number)
        if name not in names:
            continue
        try:
            with open_file(join(out, name)) as file:
                done[part.number] = _counts_of(parquet.read_metadata(file).metadata[_COUNTS].decode())
        except Exception as error:
            raise DataError(f"{join(out, name)} is not a file of this run; start over with --force") from error
    return done


def file_name(part: int) -> str:
    """Return the name of a part's file."""
    return f"part-{part:08d}.parquet"


def is_file_name(name: str) -> bool:
    """Return whether a name is that of a part's file, and not of a table of the user's own."""
    return re.fullmatch(r"part-[0-9]{8,}\.parquet", name) is not None


def _counts_of(text: str) -> PartCounts:
    return msgspec.json.decode(text, type=PartCounts)
