"""Predictions of any tool: a CSV with a row for each image, scored by the same rules as our own.

Columns, in any order; others are ignored:

- ``name`` (or ``image``, ``file``, ``path``, ``source``): an image's name in the index, or a path in the raw data set,
  of which the end is enough if it belongs to one image of the split.
- ``predicted`` (or ``prediction``, ``label``): the answer, as one of the classes or a synonym (happy, joy, ...). Empty:
  no answer. A ``label`` that contradicts the probabilities is refused, as it is probably the true class.
- ``p_<class>`` (or ``score_``, ``prob_<class>``, ``<class>``): probabilities, or percentages; without ``predicted``,
  the most probable class is the answer.

`predictions.csv` of `ampnet eval` has this form.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ampnet.errors import DataError
from ampnet.evaluation.matching import NameBook
from ampnet.evaluation.predictions import PredictionTable, SplitImages
from ampnet.files.printable import printable
from ampnet.files.tables import decoded_cell, find_column, open_table, plain_name
from ampnet.settings.labels import ANSWERS, EXPRESSIONS_8, LABELS, NOT_SURE, PATHS, class_key, meant_expression

PREFIXES = ("p_", "score_", "prob_", "proba_", "probability_", "")

SUM_TOLERANCE = 0.05
"""Maximum deviation of the sum of a row's probabilities from 1: tools round to two decimals."""


@dataclass(frozen=True, eq=False)
class ReadPredictions:
    """A file's predictions for the images of a split, and notes about them."""

    table: PredictionTable
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Row:
    line: int
    cells: Mapping[str, str]


def read_predictions(path: Path, images: SplitImages, elsewhere: Iterable[str] = ()) -> ReadPredictions:
    """Read predictions for the images of a split.

    Images without a row or an answer have no prediction and count as errors. A class without a column of
    probabilities has probability 0. Probabilities for an expression that the data set does not have are left out, and
    the others add up to 1 again, as for checkpoints; without any other, the image has no prediction. Where only answers
    are given, such an answer is an error.

    Args:
        elsewhere: names and sources of the data set's other images; rows about them are skipped.

    Raises:
        DataError: the file cannot be read, lacks the columns, names an image or a class that does not exist, names an
            image twice, or holds an invalid number. One line; it names the file's line.
    """
    header, rows = _read_rows(path)
    name_column = next(iter(find_column(header, ("name", *PATHS, "source"))), None)
    if name_column is None:
        raise DataError(
            f"{printable(path)} has no column for the image (name, path, file, image, ...); it has "
            f"{printable(', '.join(header))}"
        )
    of_image, skipped = _match(path, rows, NameBook(images, elsewhere), name_column)
    answer_column = next((column for column in find_column(header, ANSWERS) if column != name_column), None)
    columns = _probability_columns(path, header, images.class_names)
    if answer_column is None and not columns:
        raise DataError(
            f"{printable(path)} has neither a column predicted nor probabilities of the classes "
            f"{', '.join(images.class_names)}; it has {printable(', '.join(header))}"
        )
    notes = [f"rows of {printable(path)} about other images of the data set, skipped: {skipped:,}"] if skipped else []
    probabilities, answers = None, np.full(len(images), -1, dtype=np.int64)
    if columns:
        probabilities, unnamed, more = _probabilities(path, of_image, columns, images)
        notes += more
        given = ~np.isnan(probabilities).any(axis=1)
        answers[given] = probabilities[given].argmax(axis=1)
        answers[unnamed] = -1
    if answer_column is not None:
        images, answers, more = _answers(path, of_image, answer_column, images, answers)
        notes += more
        if probabilities is not None:
            notes += _contradictions(path, answer_column, answers, probabilities)
    if probabilities is not None:  # classes that only answers name have probability 0
        probabilities = np.pad(probabilities, ((0, 0), (0, len(images.class_names) - probabilities.shape[1])))
        probabilities[np.isnan(probabilities).any(axis=1)] = np.nan
        answers[np.isnan(probabilities).any(axis=1)] = -1
        probabilities[answers < 0] = np.nan
    answered = answers >= 0
    if not answered.any():
        raise DataError(f"{printable(path)} has no prediction for any of the {len(images):,} images of the split")
    if missing := int((~answered).sum()):
        notes.append(f"images without a prediction in {printable(path)}, counted as errors: {missing:,}")
    status = np.where(answered, "scored", np.where(images.status == "unreadable", "unreadable", "undetected"))
    local, global_ = (_logits(of_image, header, prefix, images, answered) for prefix in ("local_", "global_"))
    table = PredictionTable(images, status, answers, probabilities, local, global_)
    return ReadPredictions(table, tuple(notes))


def _read_rows(path: Path) -> tuple[list[str], list[_Row]]:
    table = open_table(path, "give a CSV of predictions")
    header = [decoded_cell(column) for column in table.header]
    if len(set(header)) < len(header):
        raise DataError(f"{printable(path)} has two columns of one name; rename one of them")
    rows = [
        _Row(number, dict(zip(header, map(decoded_cell, cells), strict=True)))
        for number, cells in table.rows("give a CSV of predictions")
    ]
    if not rows:
        raise DataError(f"{printable(path)} holds no predictions; give a CSV with a row for each image")
    return header, rows


def _match(path: Path, rows: Sequence[_Row], book: NameBook, name_column: str) -> tuple[dict[int, _Row], int]:
    """Find the file's row for each image; returns them, and the number of rows about other splits."""
    of_image: dict[int, _Row] = {}
    unknown: list[_Row] = []
    skipped = 0
    for row in rows:
        name = row.cells[name_column] or row.cells.get("source", "")  # images without a face have no name of ours
        found = book.find(name) if name else None
        if found is None:
            unknown.append(row)
        elif len(found) > 1:
            raise DataError(
                f"{printable(path)}, line {row.line}: {printable(name)} stands for {len(found)} images; "
                "give names as paths in the raw data set"
            )
        elif not found:
            skipped += 1
        elif (position := next(iter(found))) in of_image:
            first = of_image[position].line
            raise DataError(
                f"{printable(path)}, line {row.line}: {printable(name)} is listed twice (first in line {first}); "
                "give one row for each image, as `predict --face largest` writes"
            )
        else:
            of_image[position] = row
    if unknown:
        first_name = unknown[0].cells[name_column]
        raise DataError(
            f"{printable(path)}: {len(unknown):,} of its {len(rows):,} images are not in the data set, first "
            f"{printable(first_name) or 'an empty name'} (line {unknown[0].line}); give names as in the index or as "
            "paths in the raw data set"
        )
    return of_image, skipped


def _class_of(text: str, class_names: Sequence[str]) -> str | None:
    """Translate a class's spelling: one of the data set's classes, else a known expression; None if it is neither."""
    for name in class_names:
        if text.strip() == name:
            return name
    for name in class_names:
        if class_key(text) == class_key(name):
            return name
    return meant_expression(text)


def _probability_columns(path: Path, header: Sequence[str], class_names: Sequence[str]) -> dict[str, str]:
    """Find the column of each class's probabilities, with the prefix that the first match has."""
    for prefix in PREFIXES:
        found: dict[str, str] = {}
        for column in header:
            if not column.startswith(prefix) or plain_name(column) in ("name", *PATHS, "source", *ANSWERS):
                continue
            name = _class_of(column.removeprefix(prefix), class_names)
            if name is None:
                if prefix == "p_":
                    raise DataError(
                        f"{printable(path)}: the column {printable(column)} is of no class of the data; it has "
                        f"{', '.join(class_names)}"
                    )
            elif name in found:
                raise DataError(
                    f"{printable(path)}: the columns {printable(found[name])} and {printable(column)} are both of "
                    f"{name}; delete one"
                )
            else:
                found[name] = column
        if sum(name in class_names for name in found) >= 2:
            return found
    return {}


def _probabilities(
    path: Path, of_image: Mapping[int, _Row], columns: Mapping[str, str], images: SplitImages
) -> tuple[NDArray[np.float64], NDArray[np.int64], list[str]]:
    """Read ``(N, K)`` probabilities over the data set's classes, NaN without any.

    Returns:
        Them, the images whose probability is all of foreign classes, and notes.
    """
    names = images.class_names
    foreign = [name for name in columns if name not in names]
    everything = [*names, *foreign]
    values = np.full((len(images), len(everything)), np.nan)
    for position, row in of_image.items():
        cells = [row.cells[columns[name]].strip() if name in columns else "0" for name in everything]
        if not any(row.cells[column].strip() for column in columns.values()):
            continue  # no answer
        try:
            values[position] = [float(cell) for cell in cells]
        except ValueError as error:
            raise DataError(f"{printable(path)}, line {row.line}: {printable(error)}") from error
    given = np.flatnonzero(~np.isnan(values).all(axis=1))
    sums = values[given].sum(axis=1)
    unit = 100.0 if given.size and (np.abs(sums - 100) <= 100 * SUM_TOLERANCE).all() else 1.0
    valid = (values[given] >= 0).all(axis=1) & (np.abs(sums / unit - 1) <= SUM_TOLERANCE)
    if not valid.all():
        bad = int(given[~valid][0])
        raise DataError(
            f"{printable(path)}, line {of_image[bad].line}: probabilities must be at least 0 and add up to 1 "
            f"(or 100), these add up to {values[bad].sum():g}"
        )
    kept = values[given, : len(names)]
    rest = kept.sum(axis=1, keepdims=True)
    # where everything went to a foreign class, all of ours are equally improbable
    values[given, : len(names)] = np.where(rest > 0, kept / np.where(rest > 0, rest, 1), 1 / len(names))
    notes = []
    if foreign:
        notes.append(f"never predicted: {', '.join(foreign)}; the data set does not have these classes")
    if absent := [name for name in names if name not in columns]:
        notes.append(f"{printable(path)} has no probabilities of {', '.join(absent)}: they count as 0")
    return values[:, : len(names)], given[rest[:, 0] == 0], notes


def _contradictions(
    path: Path, column: str, answers: NDArray[np.int64], probabilities: NDArray[np.float64]
) -> list[str]:
    """Report answers that are not the most probable class.

    Raises:
        DataError: the column's name is one that true classes have, too, which they probably are.
    """
    rows = np.flatnonzero((answers >= 0) & (answers < probabilities.shape[1]))
    less = int((probabilities[rows, answers[rows]] < probabilities[rows].max(axis=1)).sum())
    if not less:
        return []
    what = f"{printable(path)}: in {less:,} of {len(rows):,} rows, {printable(column)} is not the most probable class"
    if plain_name(column) in LABELS:
        raise DataError(f"{what}; delete the column if it is the truth, or rename it to predicted if it is the answer")
    return [f"{what}; calibration, risk and coverage are computed from the most probable one"]


def _answers(
    path: Path, of_image: Mapping[int, _Row], column: str, images: SplitImages, probable: NDArray[np.int64]
) -> tuple[SplitImages, NDArray[np.int64], list[str]]:
    """Read the answers; an expression that the data set does not have becomes a further class without images.

    Predict's "not sure" stands for the most probable class, -1 without probabilities, as `eval` counts a checkpoint.
    """
    names = list(images.class_names)
    answers = np.full(len(images), -1, dtype=np.int64)
    for position, row in of_image.items():
        text = row.cells[column].strip()
        if text == NOT_SURE:
            answers[position] = probable[position]
        if text in ("", NOT_SURE):
            continue
        name = _class_of(text, names)
        if name is None:
            raise DataError(
                f"{printable(path)}, line {row.line}: {printable(text)} is not a class of the data, which has "
                f"{', '.join(images.class_names)}"
            )
        if name not in names:
            names.append(name)
        answers[position] = names.index(name)
    foreign = names[len(images.class_names) :]
    if not foreign:
        return images, answers, []
    assert set(foreign) <= set(EXPRESSIONS_8)
    notes = [f"{', '.join(foreign)}: no image of the data has this class, so these answers are errors"]
    return images.with_classes(images.class_names, foreign), answers, notes


def _logits(
    of_image: Mapping[int, _Row], header: Sequence[str], prefix: str, images: SplitImages, answered: NDArray[np.bool_]
) -> NDArray[np.float32] | None:
    """Read the logits of one of our heads, where the file holds them for all classes."""
    columns = [f"{prefix}{name}" for name in images.class_names]
    if not set(columns) <= set(header):
        return None
    values = np.full((len(images), len(columns)), np.nan, dtype=np.float32)
    for position, row in of_image.items():
        if answered[position]:
            try:
                values[position] = [float(row.cells[column]) for column in columns]
            except ValueError:
                return None  # not ours
    return values
