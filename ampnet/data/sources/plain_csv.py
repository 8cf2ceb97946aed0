"""A list of one's own: a csv with the columns ``path,label[,split][,x0,y0,x1,y1][,subject]``."""

from dataclasses import replace
from pathlib import Path

from ampnet.data.sources.folders import CLASSES_FILE, class_meaning, split_of_folder
from ampnet.data.sources.source import Box, Source, SourceImage, fold_splits
from ampnet.data.sources.tables import rows_of
from ampnet.errors import DataError

BOX_COLUMNS = ("x0", "y0", "x1", "y1")
KNOWN = ("path", "label", "split", *BOX_COLUMNS, "subject")


def find_csv(root: Path) -> Path | None:
    """Find the list: ``root`` itself, or the only csv in the folder with columns path and label."""
    if root.is_file():
        return root if root.suffix.lower() == ".csv" else None
    lists = [path for path in sorted(root.glob("*.csv")) if {"path", "label"} <= set(_header(path))]
    return lists[0] if len(lists) == 1 else None


def read_csv(root: Path, layout: str, fold: int = 0) -> Source:
    """List the faces of a csv; paths are relative to its folder.

    Without a split column but with subjects, people are divided into ten folds.

    Raises:
        DataError: there is no such csv, a column or a cell is wrong, or labels are bare numbers that no
            ``classes.json`` beside it explains.
    """
    path = find_csv(root)
    if path is None:
        raise DataError(f"{root} holds no single csv with the columns path and label (others: {', '.join(KNOWN[2:])})")
    header = _header(path)
    unknown = sorted(set(header).difference(KNOWN))
    if unknown or ("x0" in header and not set(BOX_COLUMNS) <= set(header)):
        raise DataError(f"{path}: columns must be of {', '.join(KNOWN)} (all four of a box), got {', '.join(header)}")
    folder = path.parent
    rows = [(number, dict(zip(header, cells, strict=False))) for number, cells in rows_of(path)][1:]
    if not rows:
        raise DataError(f"{path} lists no images")
    items: list[SourceImage] = []
    for number, row in rows:
        if len(row) < len(header) or not row["path"] or not row["label"]:
            raise DataError(f"{path}, line {number}: expected {len(header)} cells with a path and a label")
        split = row.get("split", "")
        official = split_of_folder(split) if split else ""
        if official is None:
            raise DataError(f"{path}, line {number}: unknown split {split!r}; use train, val or test")
        box = _box(row, f"{path}, line {number}")
        items.append(SourceImage(folder, row["path"], official, row["label"], box, row.get("subject", "")))
    if len({bool(item.split) for item in items}) > 1:
        raise DataError(f"{path}: some rows name a split and some do not")

    meaning, names = class_meaning({item.class_name for item in items}, folder / CLASSES_FILE, f"the labels of {path}")
    notes = []
    if not items[0].split and all(item.subject for item in items):
        splits = fold_splits([item.subject for item in items], fold)
        items = [replace(item, split=splits[item.subject]) for item in items]
        notes.append(f"split by subject, fold {fold} tests")
    return Source(layout, names, [replace(item, class_name=meaning[item.class_name]) for item in items], notes)


def _header(path: Path) -> list[str]:
    _number, cells = next(rows_of(path), (0, []))
    return [cell.lower() for cell in cells]


def _box(row: dict[str, str], where: str) -> Box | None:
    cells = [row.get(column, "") for column in BOX_COLUMNS]
    if not any(cells):
        return None
    try:
        x0, y0, x1, y1 = (float(cell) for cell in cells)
    except ValueError:
        raise DataError(f"{where}: the box is not four numbers") from None
    if not (x0 < x1 and y0 < y1):
        raise DataError(f"{where}: the box must have x0 < x1 and y0 < y1")
    return x0, y0, x1, y1
