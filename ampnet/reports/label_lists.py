"""The lists of `ampnet audit`: a CSV, tasks for Label Studio, and a contact sheet."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ampnet.files.picture_files import save_picture
from ampnet.files.printable import one_line
from ampnet.files.writing import write_json, write_rows
from ampnet.media.images import Image
from ampnet.reports.contact_sheet import Section, Tile, contact_sheet

CSV_FILE, TASKS_FILE, SHEET_FILE = "audit.csv", "label_studio.json", "audit.png"
COLUMNS = (
    *("rank", "name", "source", "split", "label", "suggested", "suspect", "margin", "p_label", "p_suggested"),
    "answer",
)

QUESTION = "expression"
"""Name of the question in Label Studio, and so of the column of answers in what it exports."""

SHOWN = 60
"""Images on the contact sheet."""


@dataclass(frozen=True)
class Doubt:
    """One image whose label is in doubt, or that has none."""

    name: str
    """In the index; empty for a photo."""
    source: str
    """Path in the raw data set, or of the photo."""
    split: str
    label: str
    """Empty without one."""
    suggested: str
    is_suspect: bool
    margin: float
    p_label: float | None
    p_suggested: float
    image: str = ""
    """File of the picture, below the folder that Label Studio serves."""


def write_csv(path: Path, doubts: Sequence[Doubt]) -> None:
    """Write audit.csv, most doubtful first; the empty column ``answer`` is for corrections by hand.

    Raises:
        DataError: the file cannot be written.
    """
    write_rows(path, COLUMNS, (_cells(rank, one) for rank, one in enumerate(doubts, start=1)))


def _cells(rank: int, one: Doubt) -> list[object]:
    p_label = "" if one.p_label is None else f"{one.p_label:.4f}"
    about = [rank, one.name, one.source, one.split, one.label, one.suggested, "yes" if one.is_suspect else ""]
    return [*about, f"{one.margin:.4f}", p_label, f"{one.p_suggested:.4f}", ""]


def write_tasks(path: Path, doubts: Sequence[Doubt], model: str) -> None:
    """Write tasks for Label Studio, each with the suggestion as a prediction, in the order of the list.

    Pictures are named as its local file storage serves them (``LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT``).

    Raises:
        DataError: the file cannot be written.
    """
    write_json(path, [_task(one, model) for one in doubts])


def _task(one: Doubt, model: str) -> dict[str, Any]:
    answer = {
        "from_name": QUESTION,
        "to_name": "image",
        "type": "choices",
        "value": {"choices": [one.suggested]},
    }
    url = "/data/local-files/?d=" + quote(one.image.encode(errors="surrogateescape"))
    data = {
        "image": url,
        "source": one_line(one.source or one.name),
        "label": one.label,
        "margin": round(one.margin, 4),
    }
    return {
        "data": data,
        "predictions": [{"model_version": model, "score": round(one.p_suggested, 4), "result": [answer]}],
    }


def write_doubts_sheet(path: Path, shown: Sequence[tuple[Doubt, Image]], title: str) -> None:
    """Draw the first images of a list, each with its label and what is suggested instead.

    Raises:
        DataError: the file cannot be written.
    """
    tiles = [
        Tile(
            image,
            (
                *(((f"label: {one_line(one.label)}", "black"),) if one.label else ()),
                (f"{one_line(one.suggested)} {one.p_suggested:.0%}?", "#b42318" if one.is_suspect else "black"),
            ),
        )
        for one, image in shown
    ]
    save_picture(contact_sheet([Section(title, tiles)]), path)
