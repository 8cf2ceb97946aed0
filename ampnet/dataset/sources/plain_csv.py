"""Lists: a CSV of ``path,label[,split][,x0,y0,x1,y1][,subject]``, optionally with votes, as programs write it.

Votes are columns (``anger,happiness,...`` or ``votes_anger,...``), or several rows for an image, one vote each. See
:mod:`ampnet.files.tables` for separators and encodings, :mod:`ampnet.dataset.sources.list_columns` for names.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ampnet.dataset.index.raw_images import Box, RawDataSet, SourceImage
from ampnet.dataset.sources.class_names import Classes, classes_of
from ampnet.dataset.sources.folders import subfolders
from ampnet.dataset.sources.list_columns import (
    BOX,
    VOTES_PREFIX,
    Columns,
    ImageBook,
    cells_of,
    describe_unused,
    is_list,
    label_of,
    meant_answer,
    plurality,
    read_columns,
    read_counts,
)
from ampnet.dataset.sources.source_files import coordinates, list_tables, split_of_tables
from ampnet.dataset.sources.split_names import split_by_subject, split_of_name, splits_among
from ampnet.errors import DataError
from ampnet.files.documents import listed, quoted, short
from ampnet.files.opening import is_file
from ampnet.files.tables import decoded_cell, open_table
from ampnet.reading.image_files import list_images, readable_images
from ampnet.settings import Split
from ampnet.settings.labels import OTHER_ANSWERS, answer_of, is_no_class, meant_expression

REQUIRED = "the columns path and label, or path and votes for each class"


def find_lists(root: Path) -> list[Path]:
    """Find the lists: ``root`` itself, or the files in it, or in its splits, with paths, and labels or votes."""
    lists = [path for path in list_tables(root) if path == root or is_list(path)]
    if lists or root.is_file():
        return lists
    splits = [folder for folder in subfolders(root) if split_of_name(folder.name)]
    return [path for folder in splits for path in list_tables(folder) if is_list(path)]


def holds_lists(root: Path) -> bool:
    """Return whether a folder holds lists of images that are there, or lists and no folders of expressions."""
    lists = find_lists(root)
    if not lists or any(_finds_images(path, root) for path in lists):
        return bool(lists)
    folders = {part for image in list_images(root) for part in image.relative_to(root).parts[:-1]}
    return not any(meant_expression(folder) for folder in folders)


def read_csv(root: Path, layout: str, fold: int | None = 0, classes: str | None = None) -> RawDataSet:
    """List the faces of a list; paths are relative to its folder. Several lists are the splits that their names say.

    With subjects but no split column, people are divided into ten folds. An image without a label gets the class with
    the most votes, the first in class order if there is a tie; it is left out if ``unknown`` or ``no_face`` has more.

    Args:
        root: the list, or the folder that holds it.
        fold: test fold, 0 to 9.
        classes: see :func:`ampnet.dataset.sources.class_names.classes_of`.

    Raises:
        DataError: there is no list, or several that are not splits; a column or a cell is invalid, none of the images
            is there, or the labels are numbers and no ``classes.json`` beside it names them.
    """
    paths = find_lists(root)
    if not paths:
        raise DataError(f"{root} holds no list with {REQUIRED} (optional: split, {', '.join(BOX)}, subject)")
    base = root if root.is_dir() else root.parent
    return split_by_subject(_read_lists(split_of_tables(paths, root, "lists"), base, layout, classes), fold)


def _finds_images(path: Path, root: Path) -> bool:
    """Return whether a list names an image that is there, among its first rows."""
    try:
        items, _notes = _read_items(path, root, read_columns(open_table(path)), "", most=20)
    except DataError:
        return True  # it is a list, and reading it says what is wrong
    return any(item.path.is_file() for item in items)


def _read_lists(splits: Mapping[Path, Split | None], root: Path, layout: str, classes: str | None) -> RawDataSet:
    """Read lists below one folder, each with the split of rows that have none."""
    items, notes, votes = list[SourceImage](), list[str](), dict[tuple[str, ...], Path]()
    for path, split in splits.items():
        columns = read_columns(open_table(path))
        if not columns.path or not (columns.label or len(columns.votes) >= 2):
            header = open_table(path).header
            is_row = any(cell.lower().endswith(tuple(readable_images())) for cell in header)
            cure = "; is the line with the columns' names missing?" if is_row else ""
            raise DataError(f"{path}: expected {REQUIRED}, got the columns {listed(header)}{cure}")
        found, more = _read_items(path, root, columns, split or "")
        if len({bool(item.split) for item in found}) > 1:
            raise DataError(f"{path}: some rows have a split and some do not; fill in all or none")
        votes.setdefault(columns.votes, path)
        items += found
        notes += [*more, *describe_unused(columns)]
    if len(votes) > 1:
        raise DataError(f"{listed(path.name for path in votes.values())} have other columns of votes; join the lists")
    ((columns_of_votes, path),) = votes.items()
    repeated = len({(item.relative, item.box) for item in items}) < len(items)
    if columns_of_votes and repeated:
        raise DataError(f"{path} lists an image twice; with vote columns, each image must have one row")
    if columns_of_votes:
        source = _with_votes(path, layout, items, columns_of_votes, classes)
    else:
        source = _with_labels(path, layout, items, repeated, classes)
    return replace(source, notes=[*dict.fromkeys(notes), *source.notes])


def _read_items(
    path: Path, root: Path, columns: Columns, own_split: str, most: int | None = None
) -> tuple[list[SourceImage], list[str]]:
    """Read the rows, with labels as spelled in the file; also returns notes.

    Args:
        root: the folder of all lists; images are below it, or below the list's own.
        own_split: split of rows without one.
        most: number of rows to read; None for all.
    """
    root = path.parent if root.is_file() else root
    table, book, inner = open_table(path), ImageBook(root), path.parent.relative_to(root)
    wanted = [columns.path, columns.label, columns.split, columns.subject, *(columns.box or [""] * 4), *columns.votes]
    rows = cells_of(table, [columns.split]) if columns.split else ()
    splits = splits_among({split_name for _number, (split_name,) in rows})  # eval beside dev is for testing
    items: list[SourceImage] = []
    lost: list[str] = []
    for number, (file, label, split_name, subject, *rest) in cells_of(table, wanted):
        where = f"{path}, line {number}"
        if not file:
            raise DataError(f"{where}: expected a path and a label")
        split = (split_of_name(split_name) and splits[split_name]) if split_name else own_split
        if split is None:
            raise DataError(f"{where}: unknown split {quoted(split_name)}; use train, val or test")
        own = (inner / file).as_posix() if inner.parts and is_file(path.parent / file) else file
        relative = book.find(own, split, decoded_cell(label))
        if relative is None:
            lost.append(file)
        items.append(
            SourceImage(
                root,
                file if relative is None else relative,
                split,
                label_of(label),
                _box(rest[:4], columns.box_has_size, where),
                decoded_cell(subject),
                votes=read_counts(rest[4:], where),
            )
        )
        if len(items) == most:
            break
    if not items:
        raise DataError(f"{path} lists no images")
    if len(lost) == len(items) and book.repeated:
        (name, count), *_ = book.repeated.items()
        raise DataError(f"{path}: there are {count:,} images {short(name)}; write the paths with their folders")
    return items, [f"not found: {len(lost):,} listed images, such as {short(lost[0])}"] if lost else []


def _with_votes(
    path: Path, layout: str, items: list[SourceImage], votes: Sequence[str], choice: str | None
) -> RawDataSet:
    """Interpret labels and vote columns; images without a label get one from their votes."""
    spelled = {name: name[len(VOTES_PREFIX) :] if name.casefold().startswith(VOTES_PREFIX) else name for name in votes}
    labels = {item.class_name for item in items if not is_no_class(item.class_name)}
    found = labels or {text for text in spelled.values() if answer_of(text) not in OTHER_ANSWERS}
    classes = _classes(path, found, choice)
    meaning, names = classes.meaning, classes.names
    columns = tuple(meant_answer(name, meaning) or text for name, text in spelled.items())
    if len(set(columns)) < len(columns):
        raise DataError(f"{path}: two vote columns mean the same answer ({listed(columns)}); merge them")
    labelled: list[SourceImage] = []
    for item in items:
        own = meaning.get(item.class_name)
        if own is None:
            own = plurality(dict(zip(columns, item.votes, strict=True)), names)
        if own is not None:
            labelled.append(replace(item, class_name=own, votes=item.votes if any(item.votes) else ()))
    return _voted(path, RawDataSet(layout, names, labelled, classes.notes, vote_columns=columns), len(items))


def _with_labels(path: Path, layout: str, items: list[SourceImage], repeated: bool, choice: str | None) -> RawDataSet:
    """Interpret labels; several rows for a face are votes, and their plurality is its label."""
    found = {item.class_name for item in items}
    if not repeated:
        classes = _classes(path, found, choice)
        return RawDataSet(layout, classes.names, *classes.apply(items))
    others = {label for label in found if answer_of(label) in OTHER_ANSWERS}
    classes = _classes(path, found - others, choice)
    names = classes.names
    meaning = {**classes.meaning, **{label: str(answer_of(label)) for label in others}}
    columns = (*names, *(answer for answer in OTHER_ANSWERS if answer in {meaning[label] for label in others}))
    rows: dict[tuple[str, Box | None], list[SourceImage]] = {}
    for item in items:
        if item.class_name in meaning:
            rows.setdefault((item.relative, item.box), []).append(item)
    labelled: list[SourceImage] = []
    for first, *further in rows.values():
        if any((item.split, item.subject) != (first.split, first.subject) for item in further):
            raise DataError(f"{path}: the rows of {short(first.relative)} differ in split or subject")
        votes = Counter(meaning[item.class_name] for item in (first, *further))
        if (own := plurality(votes, names)) is not None:
            labelled.append(replace(first, class_name=own, votes=tuple(float(votes[answer]) for answer in columns)))
    return _voted(path, RawDataSet(layout, names, labelled, classes.notes, vote_columns=columns), len(rows))


def _classes(path: Path, found: set[str], choice: str | None) -> Classes:
    if not found:
        raise DataError(f"{path} names no class; give each image a label, or votes for classes")
    return classes_of(found, path.parent, f"the labels of {path}", choice=choice)


def _voted(path: Path, source: RawDataSet, images: int) -> RawDataSet:
    """Note how many images have votes, and how many are left out."""
    if not source.items:
        raise DataError(f"{path}: no image has a label, or more votes for a class than for unknown or no_face")
    voted = sum(bool(item.votes) for item in source.items)
    note = f"votes for {voted:,} of {images:,} images"
    if left_out := images - len(source.items):
        note += f"; {left_out:,} left out without votes, or with most for unknown or no face"
    return replace(source, notes=[*source.notes, note])


def _box(cells: Sequence[str], has_size: bool, where: str) -> Box | None:
    if not any(cells):
        return None
    try:
        x0, y0, x1, y1 = coordinates(cells)
    except ValueError:
        raise DataError(f"{where}: the box must be four numbers of pixels, got {quoted(' '.join(cells))}") from None
    if has_size:
        x1, y1 = x0 + x1, y0 + y1
    if not (x0 < x1 and y0 < y1):
        raise DataError(f"{where}: the box must have x0 < x1 and y0 < y1")
    if max(x1, y1) <= 1:
        raise DataError(f"{where}: the box is smaller than a pixel; give pixels, not fractions of the image")
    return x0, y0, x1, y1
