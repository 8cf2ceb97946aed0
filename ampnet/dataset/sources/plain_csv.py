"""User-defined lists: a csv with the columns ``path,label[,split][,x0,y0,x1,y1][,subject]``, optionally with votes.

Votes are columns (``anger,happiness,...`` or ``votes_anger,...``), or several rows for an image, one vote each.
"""

from collections import Counter
from dataclasses import replace
from itertools import islice
from pathlib import Path

from ampnet.dataset.index.raw_images import Box, Source, SourceImage
from ampnet.dataset.sources.folders import CLASSES_FILE, class_meaning, split_of_folder
from ampnet.dataset.sources.subject_folds import fold_splits
from ampnet.dataset.sources.tables import coordinates, rows_of
from ampnet.dataset.sources.votes import MAX_COLUMNS, VOTES_PREFIX, meant_answer, plurality, read_counts
from ampnet.errors import DataError
from ampnet.files.documents import listed, quoted, short
from ampnet.settings.labels import OTHER_ANSWERS, answer_of

BOX_COLUMNS = ("x0", "y0", "x1", "y1")
KNOWN = ("path", "label", "split", *BOX_COLUMNS, "subject")
REQUIRED = "the columns path and label, or path and votes for each class"


def find_csv(root: Path) -> Path | None:
    """Find the list: ``root`` itself, or the only csv file in the folder with paths, and labels or votes."""
    if root.is_file():
        return root if root.suffix.lower() == ".csv" else None
    lists = [path for path in sorted(root.glob("*.csv")) if _holds_list(path)]
    return lists[0] if len(lists) == 1 else None


def read_csv(root: Path, layout: str, fold: int = 0) -> Source:
    """List the faces of a csv file; paths are relative to its folder.

    With subjects but no split column, people are divided into ten folds. An image without a label gets the class with
    the most votes, the first in class order if there is a tie; it is left out if ``unknown`` or ``no_face`` has more.

    Raises:
        DataError: there is no such file, a column or a cell is invalid, or the labels are numbers and no
            ``classes.json`` beside it names them.
    """
    path = find_csv(root)
    if path is None:
        raise DataError(f"{root} does not hold exactly one csv with {REQUIRED} (optional: {', '.join(KNOWN[2:])})")
    header = _header(path)
    votes = _vote_columns(header)
    known = len(set(header)) == len(header) <= MAX_COLUMNS and {*KNOWN, *votes}.issuperset(header)
    if not known or not _is_list(header) or ("x0" in header and not set(BOX_COLUMNS) <= set(header)):
        raise DataError(
            f"{path}: columns must be some of {', '.join(KNOWN)} (all four of a box) and votes for classes, "
            f"each once, got {listed(header)}"
        )
    items = _read_items(path, header, votes)
    if len({bool(item.split) for item in items}) > 1:
        raise DataError(f"{path}: some rows have a split and some do not; fill in all or none")
    repeated = len({(item.relative, item.box) for item in items}) < len(items)
    if votes and repeated:
        raise DataError(f"{path} lists an image twice; with vote columns, each image must have one row")
    source = _with_votes(path, layout, items, votes) if votes else _with_labels(path, layout, items, repeated)
    return _split_by_subject(source, fold)


def _holds_list(path: Path) -> bool:
    try:
        return _is_list(_header(path))
    except DataError:  # a file of another kind, which only bears the name
        return False


def _is_list(header: list[str]) -> bool:
    return "path" in header and ("label" in header or len(_vote_columns(header)) >= 2)


def _vote_columns(header: list[str]) -> list[str]:
    return [name for name in header if name not in KNOWN and (name.startswith(VOTES_PREFIX) or answer_of(name))]


def _header(path: Path) -> list[str]:
    _number, cells = next(rows_of(path), (0, []))
    return [cell.lower() for cell in cells]


def _read_items(path: Path, header: list[str], votes: list[str]) -> list[SourceImage]:
    """Read the rows, with labels as spelled in the file."""
    items: list[SourceImage] = []
    for number, cells in islice(rows_of(path), 1, None):
        row, where = dict(zip(header, cells, strict=False)), f"{path}, line {number}"
        if len(row) < len(header) or not row["path"] or not (votes or row["label"]):
            raise DataError(f"{where}: expected {len(header)} cells, including a path and a label")
        split = row.get("split", "")
        official = split_of_folder(split) if split else ""
        if official is None:
            raise DataError(f"{where}: unknown split {quoted(split)}; use train, val or test")
        items.append(
            SourceImage(
                path.parent,
                row["path"],
                official,
                row.get("label", ""),
                _box(row, where),
                row.get("subject", ""),
                votes=read_counts([row[name] for name in votes], where),
            )
        )
    if not items:
        raise DataError(f"{path} lists no images")
    return items


def _with_votes(path: Path, layout: str, items: list[SourceImage], votes: list[str]) -> Source:
    """Interpret labels and vote columns; images without a label get one from their votes."""
    spelled = {name: name.removeprefix(VOTES_PREFIX) for name in votes}
    labels = {item.class_name for item in items if item.class_name}
    found = labels or {text for text in spelled.values() if answer_of(text) not in OTHER_ANSWERS}
    meaning, names = _class_meaning(path, found)
    columns = tuple(meant_answer(name, meaning) or text for name, text in spelled.items())
    if len(set(columns)) < len(columns):
        raise DataError(f"{path}: two vote columns mean the same answer ({listed(columns)}); merge them")
    labelled: list[SourceImage] = []
    for item in items:
        if item.class_name:
            own: str | None = meaning[item.class_name]
        else:
            own = plurality(dict(zip(columns, item.votes, strict=True)), names)
        if own is not None:
            labelled.append(replace(item, class_name=own, votes=item.votes if any(item.votes) else ()))
    return _voted(path, Source(layout, names, labelled, vote_columns=columns), len(items))


def _with_labels(path: Path, layout: str, items: list[SourceImage], repeated: bool) -> Source:
    """Interpret labels; several rows for a face are votes, and their plurality is its label."""
    found = {item.class_name for item in items}
    if not repeated:
        meaning, names = _class_meaning(path, found)
        return Source(layout, names, [replace(item, class_name=meaning[item.class_name]) for item in items])
    others = {label for label in found if answer_of(label) in OTHER_ANSWERS}
    meaning, names = _class_meaning(path, found - others)
    meaning = {**meaning, **{label: str(answer_of(label)) for label in others}}
    columns = (*names, *(answer for answer in OTHER_ANSWERS if answer in {meaning[label] for label in others}))
    rows: dict[tuple[str, Box | None], list[SourceImage]] = {}
    for item in items:
        rows.setdefault((item.relative, item.box), []).append(item)
    labelled: list[SourceImage] = []
    for first, *further in rows.values():
        if any((item.split, item.subject) != (first.split, first.subject) for item in further):
            raise DataError(f"{path}: the rows of {short(first.relative)} differ in split or subject")
        votes = Counter(meaning[item.class_name] for item in (first, *further))
        if (own := plurality(votes, names)) is not None:
            labelled.append(replace(first, class_name=own, votes=tuple(float(votes[answer]) for answer in columns)))
    return _voted(path, Source(layout, names, labelled, vote_columns=columns), len(rows))


def _class_meaning(path: Path, found: set[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    if not found:
        raise DataError(f"{path} names no class; give each image a label, or votes for classes")
    return class_meaning(found, path.parent / CLASSES_FILE, f"the labels of {path}")


def _voted(path: Path, source: Source, images: int) -> Source:
    """Note how many images have votes, and how many are left out."""
    if not source.items:
        raise DataError(f"{path}: no image has a label, or more votes for a class than for unknown or no_face")
    voted = sum(bool(item.votes) for item in source.items)
    note = f"votes for {voted:,} of {images:,} images"
    if left_out := images - len(source.items):
        note += f"; {left_out:,} left out without votes, or with most for unknown or no face"
    return replace(source, notes=[note])


def _split_by_subject(source: Source, fold: int) -> Source:
    if source.has_splits or not all(item.subject for item in source.items):
        return source
    splits = fold_splits([item.subject for item in source.items], fold)
    items = [replace(item, split=splits[item.subject]) for item in source.items]
    return replace(source, items=items, notes=[*source.notes, f"split by subject; test fold: {fold}"])


def _box(row: dict[str, str], where: str) -> Box | None:
    cells = [row.get(column, "") for column in BOX_COLUMNS]
    if not any(cells):
        return None
    try:
        x0, y0, x1, y1 = coordinates(cells)
    except ValueError:
        raise DataError(f"{where}: the box must be four numbers of pixels, got {quoted(' '.join(cells))}") from None
    if not (x0 < x1 and y0 < y1):
        raise DataError(f"{where}: the box must have x0 < x1 and y0 < y1")
    return x0, y0, x1, y1
