"""The forms in which `predict` writes results: CSV, JSON lines, and one JSON object; and reading rows back."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TextIO

from ampnet.errors import DataError
from ampnet.files.printable import one_line, reason_of
from ampnet.results.columns import table_columns


@dataclass(frozen=True)
class RowKey:
    """What a row is about."""

    image: str
    """The file, as it is written in a row."""
    frame: int | None
    """Number of the frame; None for a photo or a problem."""
    is_problem: bool
    """Whether the file, or its rest, could not be read."""
    is_first: bool = True
    """Whether a result begins with this row."""


class Result(Protocol):
    """What rows are made of: a :class:`~ampnet.results.photo_result.PhotoResult`."""

    @property
    def video(self) -> str | None:
        """The video's name; None for a photo."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""

    def to_json(self) -> str:
        """Return it as JSON on one line."""


class RowFormat(Protocol):
    """One line for each row, in UTF-8."""

    @property
    def header(self) -> str:
        """The first line, with its end; empty if there is none."""

    def rows(self, result: Result) -> str:
        """Write a result as one or more lines."""

    def key(self, line: str) -> RowKey:
        """Read what a line is about.

        Raises:
            DataError: it is not a line of this format.
        """


class CsvRows:
    """A table with a row for each face, and one for each photo or frame without any; see its column ``status``.

    Args:
        has_tracks: whether there is a column for them.
        decimal: ``,`` writes what spreadsheets with a decimal comma open: semicolons, and a byte order mark.
    """

    def __init__(self, class_names: Sequence[str], has_tracks: bool = False, decimal: str = ".") -> None:
        self._has_tracks, self._decimal = has_tracks, decimal
        self._class_names = tuple(class_names)
        self.columns = [column.name for column in table_columns(class_names, has_tracks)]
        self.header = ("\ufeff" if decimal == "," else "") + self._lines([self.columns])

    def rows(self, result: Result) -> str:
        """Write a row for each face; one without a face if there are none."""
        return self._lines(self.cells(result))

    def cells(self, result: Result) -> list[list[Any]]:
        """Return the cells of these rows; None stands for an empty one."""
        plain = result.to_dict()
        about = [plain["image"], result.video, *(plain[key] for key in ("frame", "seconds", "status", "problem"))]
        faces = [[i, *self._face_cells(face)] for i, face in enumerate(plain["faces"], start=1)]
        without = [None] * (len(self.columns) - len(about) - 1)
        return [[*about, *cells, plain["model"]] for cells in faces or [without]]

    def key(self, line: str) -> RowKey:
        """Read what a row is about.

        Raises:
            DataError: it has not this table's columns.
        """
        try:
            (cells,) = csv.reader([line], strict=True, delimiter=self._delimiter)
            about = dict(zip(self.columns, cells, strict=True))
            frame = int(about["frame"]) if about["frame"] else None
        except (ValueError, csv.Error) as error:
            raise DataError(f"not a row of this table: {error}") from error
        return RowKey(about["image"], frame, about["status"] == "unreadable", about["face"] in ("", "1"))

    @property
    def _delimiter(self) -> str:
        return ";" if self._decimal == "," else ","

    def _lines(self, rows: list[list[Any]]) -> str:
        text = io.StringIO()
        if self._decimal == ",":
            rows = [[str(cell).replace(".", ",") if isinstance(cell, float) else cell for cell in row] for row in rows]
        csv.writer(text, delimiter=self._delimiter, lineterminator="\n").writerows(rows)
        return text.getvalue()

    def _face_cells(self, face: dict[str, Any]) -> list[Any]:
        scores = [face["scores"][name] for name in self._class_names]
        tracks = [face.get("track"), face.get("person")] if self._has_tracks else []
        place = [*face["box"], face["face_score"]]
        points = [value for point in face["landmarks"] for value in point]
        return [
            *place,
            one_line(face["label"]),
            face["probability"],
            one_line(face["answer"]),
            *scores,
            *points,
            one_line("; ".join(face["warnings"])),
            *tracks,
        ]


class JsonLines:
    """A JSON object for each photo or frame, as in the list ``images`` of `predict --json`."""

    header = ""

    def rows(self, result: Result) -> str:
        """Write one line."""
        return result.to_json() + "\n"

    def key(self, line: str) -> RowKey:
        """Read what a line is about.

        Raises:
            DataError: it is not an object of ours.
        """
        try:
            plain = json.loads(line)
            image, frame, is_problem = plain["image"], plain["frame"], plain["status"] == "unreadable"
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise DataError(f"not a line of predictions: {error}") from error
        if not isinstance(image, str) or not isinstance(frame, int | None):
            raise DataError("not a line of predictions")
        return RowKey(image, frame, is_problem)


class JsonDocument:
    """Writes ``{"checkpoint": ..., "model": ..., "class_names": [...], "images": [...]}``.

    Each image is on its own line, so the lines of a run that was killed can be read one by one.

    Args:
        model: which model answers: its name and a short hash.

    Raises:
        DataError: a line cannot be written.
    """

    def __init__(self, out: TextIO, checkpoint: Path, model: str, class_names: Sequence[str]) -> None:
        self._out = out
        self._separator = "\n"
        about = {"checkpoint": one_line(checkpoint), "model": model, "class_names": list(class_names)}
        self._write(json.dumps(about, ensure_ascii=False).removesuffix("}") + ', "images": [')

    def add(self, result: Result) -> None:
        """Write the result of a photo or frame."""
        self._write(self._separator + result.to_json())
        self._separator = ",\n"

    def finish(self) -> None:
        """End the object."""
        self._write("\n]}\n")

    def _write(self, text: str) -> None:
        try:
            self._out.write(text)
            self._out.flush()
        except BrokenPipeError:  # the reader has seen enough
            raise
        except OSError as error:
            raise DataError(f"cannot write the results to stdout: {reason_of(error)}") from error
