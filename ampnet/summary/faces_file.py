"""Reading the table that `ampnet predict --csv` writes: who was seen when in each video, with which probabilities.

The settings of the run that wrote it are in a JSON file beside it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from ampnet.errors import DataError
from ampnet.files.documents import csv_table, number_of, quoted, read_json
from ampnet.files.printable import printable
from ampnet.files.tables import open_table
from ampnet.files.writing import write_json


class RunSettings(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The run that made a table of faces."""

    ampnet: str
    """Version."""
    model: str
    """Name or file of the model."""
    sha256: str
    """Of its file."""
    rate: float | None = None
    """Frames of a video classified per second, those nearest to the ticks; None: every Nth frame."""
    every: int | None = None
    """Every Nth frame of a video was classified."""
    first: float = 0.0
    """Only frames from this second on ..."""
    last: float | None = None
    """... and before this one."""
    smooth: float = 0.0
    """Seconds of the causal mean; 0: none."""
    mirror: bool = False
    """Whether the answers for a face and its mirror image were averaged."""
    fast: bool = False
    """Whether faces were followed through a part of the frames."""
    people: int | None = None
    """Number of people to whom tracks were joined."""
    options: dict[str, str] = {}
    """Other options on which answers depend, where they were not the defaults: ``{"--prior": "balanced"}``."""


def settings_path(table: Path) -> Path:
    """Name the file beside a table: ``faces.csv.json``."""
    return table.with_name(f"{table.name}.json")


def write_settings(settings: RunSettings, table: Path) -> None:
    """Write the settings beside their table.

    Raises:
        DataError: the file cannot be written.
    """
    write_json(settings_path(table), msgspec.to_builtins(settings), indent=2)


def read_settings(table: Path) -> RunSettings | None:
    """Read the settings beside a table; None if there are none that can be used."""
    try:
        return read_json(settings_path(table), RunSettings, "")
    except DataError:
        return None


CURE = "make it with `ampnet predict clip.mp4 --track --csv FILE`"
SCORE = "score_"
"""Begins the names of the columns with probabilities."""

MAX_SECONDS = 1e7
"""Latest time in a video, about four months."""

MAX_FRAMES = 1e9
"""Highest number of a frame."""

MAX_ROUNDING = 0.01
"""Maximum deviation of the sum of a face's probabilities from 1."""

_COLUMNS = ("frame", "seconds", "status", "problem", "face_score", "label", "answer", "model", "track", "person")

People = Mapping[tuple[str, str], str]
"""Names people: (video, track) -> person; an empty video stands for all."""


@dataclass(eq=False)
class Person:
    """One person in one video; a row for each classified frame of the video."""

    scores: NDArray[np.float64]
    """``(frames, classes)`` probabilities; NaN where the person was not seen."""
    is_sure: NDArray[np.bool_]
    """``(frames,)`` whether the answer is sure; False where the person was not seen."""


@dataclass(eq=False)
class Video:
    """What was found in one video."""

    name: str
    seconds: NDArray[np.float64]
    """``(frames,)`` times of the classified frames, increasing."""
    people: dict[str, Person]
    problem: str = ""
    """Why it, or its end, could not be read, if so."""
    tracks: frozenset[str] = frozenset()
    """The numbers of its tracks."""
    rate: float | None = None
    """Frames a second that were to be classified, if known."""
    models: frozenset[str] = frozenset()
    """The model that answered."""
    partial: int = 0
    """Number of faces whose probabilities do not add up to 1."""

    @property
    def names(self) -> tuple[str, str, str]:
        """What a file of people may call it: as the table does, by the file's name alone, or not at all."""
        return self.name, Path(self.name).name, ""


@dataclass(eq=False)
class _Rows:
    """The rows of one video, as they are read."""

    frames: dict[int, tuple[float, int]] = field(default_factory=dict)
    """Number of the frame -> its time, and its first line."""
    seen: dict[str, dict[int, tuple[float, list[float], bool]]] = field(default_factory=dict)
    """Person -> frame -> face score, probabilities, whether the answer is sure."""
    tracks: set[str] = field(default_factory=set)
    models: set[str] = field(default_factory=set)
    problem: str = ""
    partial: int = 0


def read_faces(paths: Sequence[Path], people: People) -> tuple[tuple[str, ...], list[Video]]:
    """Read tables of faces, which hold each video once.

    Args:
        people: who is who; a track that is not in it is a separate person, unless the table has names.

    Returns:
        The classes in order, and the videos in the order of the tables; what could not be read has no frames.

    Raises:
        DataError: a table cannot be read, has no frames of videos, or its classes differ from those of the first.
    """
    class_names: tuple[str, ...] = ()
    videos: dict[str, Video] = {}
    for path in paths:
        delimiter, name_column, names = _header(path)
        if class_names and names != class_names:
            raise DataError(
                f"{printable(path)} has other classes than {printable(paths[0])}; summarize them separately"
            )
        class_names = names
        settings = read_settings(path)
        for name, rows in _read(path, name_column, names, people, delimiter).items():
            known = videos.get(name)
            if known is not None and known.seconds.size and rows.frames:
                raise DataError(f"{printable(path)} holds {quoted(name)} again; give each video once")
            if known is None or rows.frames:  # one that could not be read may have been read in another run
                videos[name] = _video(path, name, rows, len(names), settings.rate if settings else None)
    return class_names, list(videos.values())


def read_people(path: Path) -> dict[tuple[str, str], str]:
    """Read who is who: a csv file with the columns track and person, and perhaps video.

    Raises:
        DataError: it cannot be read, or names a track twice.
    """
    people: dict[tuple[str, str], str] = {}
    cure = "it needs the columns video, track and person"
    columns, delimiter = ("video", "track", "person"), open_table(path, cure).separator
    for number, (video, track, person) in csv_table(path, columns, ("video",), cure=cure, delimiter=delimiter):
        key = (video.strip(), track.strip())
        if key in people:
            raise DataError(f"{printable(path)}, line {number}: track {quoted(track)} is named twice; keep one line")
        people[key] = person.strip()
    return people


def _header(path: Path) -> tuple[str, str, tuple[str, ...]]:
    """Return what separates the cells, the column that names the video, and the classes."""
    table = open_table(path, CURE)
    header = table.header
    names = tuple(column[len(SCORE) :] for column in header if column.startswith(SCORE))
    if len(names) < 2:
        raise DataError(f"{printable(path)} has no columns score_<class>; {CURE}")
    of_video = "video" if "video" in header else "image"  # before 1.0, image named photos and videos
    return table.separator, of_video, names


def _read(path: Path, name_column: str, class_names: Sequence[str], people: People, delimiter: str) -> dict[str, _Rows]:
    videos: dict[str, _Rows] = {}
    columns = (name_column, *_COLUMNS, *(SCORE + name for name in class_names))
    for number, cells in csv_table(path, columns, ("model", "track", "person"), "surrogateescape", CURE, delimiter):
        video, frame, seconds, status, problem, face_score, label, answer, model, track, person = cells[
            : len(_COLUMNS) + 1
        ]
        if not frame:  # a photo, or why a video, or its end, could not be read
            if problem and video:
                videos.setdefault(video, _Rows()).problem = problem
            continue
        rows = videos.setdefault(video, _Rows())
        try:
            number_of_frame = int(_number(frame, MAX_FRAMES))
            _add_frame(rows, number_of_frame, _number(seconds, MAX_SECONDS), number)
            if status == "ok":
                rows.tracks.add(track)
                rows.models.add(model)
                named = (people.get((name, track)) for name in (video, Path(video).name, ""))
                who = next(filter(None, named), person or track)
                scores = [_number(cell, 1) for cell in cells[len(_COLUMNS) + 1 :]]
                _add_face(rows, number_of_frame, who, (_number(face_score, 1), scores, label == answer))
        except ValueError as error:
            raise DataError(f"{printable(path)}, line {number}: {printable(error)}; {CURE}") from error
    if not any(rows.frames for rows in videos.values()):
        raise DataError(f"{printable(path)} holds no frames of videos; {CURE}")
    return videos


def _number(text: str, most: float) -> float:
    return number_of(text.replace(",", "."), 0, most)


def _add_frame(rows: _Rows, frame: int, seconds: float, line: int) -> None:
    if rows.frames.setdefault(frame, (seconds, line))[0] != seconds:
        raise ValueError(f"frame {frame} has another time than before")


def _add_face(rows: _Rows, frame: int, person: str, face: tuple[float, list[float], bool]) -> None:
    faces = rows.seen.setdefault(person or "1", {})
    if frame in faces and not person:
        raise ValueError("a second face in a frame, and nothing tells who is who")
    if frame not in faces or faces[frame][0] < face[0]:  # of two faces of one person, the one with the higher score
        faces[frame] = face
    rows.partial += abs(sum(face[1]) - 1) > MAX_ROUNDING


def _video(path: Path, name: str, rows: _Rows, classes: int, rate: float | None) -> Video:
    """Put the frames in order: a spreadsheet may have sorted them otherwise."""
    frames = sorted(rows.frames)
    seconds = np.array([rows.frames[frame][0] for frame in frames])
    if (backwards := np.flatnonzero(np.diff(seconds) < 0)).size:
        _seconds, line = rows.frames[frames[backwards[0] + 1]]
        raise DataError(f"{printable(path)}, line {line}: time goes backwards; {CURE}")
    places = {frame: place for place, frame in enumerate(frames)}
    people = {}
    for person, faces in rows.seen.items():
        scores, is_sure = np.full((len(frames), classes), np.nan), np.zeros(len(frames), bool)
        for frame, (_, values, sure) in faces.items():
            scores[places[frame]], is_sure[places[frame]] = values, sure
        people[person] = Person(scores, is_sure)
    models = frozenset(filter(None, rows.models))
    return Video(name, seconds, people, rows.problem, frozenset(rows.tracks), rate, models, rows.partial)
