"""Every column and key that `predict` and the service write; headers, types and docs/columns.md are made from it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ampnet.files.printable import one_line

ColumnType = Literal["text", "whole number", "number", "list", "object"]

LANDMARK_NAMES = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")


@dataclass(frozen=True)
class Column:
    """A column of a table, or a key of JSON."""

    name: str
    kind: ColumnType
    meaning: str
    """Its meaning, unit and range."""
    empty: str = ""
    """When it is empty or null; "" if never."""


NO_FACE = "rows without a face"
"""When the columns about a face are empty."""

VIDEO = Column(
    "video", "text", "The video, as in `image`: for its frames, and if it, or its end, could not be read.", "photos"
)
"""Of tables only; an object of JSON has ``frame``."""

PHOTO = (
    Column("image", "text", "The photo, video or address as named; line breaks and undecodable bytes are escaped."),
    Column("frame", "whole number", "Number of the frame in its video, from 0.", "photos, problems"),
    Column(
        "seconds",
        "number",
        "Presentation time of the frame: seconds since the video's first frame, by its own time stamps.",
        "photos, problems",
    ),
    Column("status", "text", "`ok`: there are faces; `no face`; `unreadable`: see `problem`."),
    Column("problem", "text", "Why the file, or the rest of the video, could not be read.", "files that were read"),
)
"""Of a photo or frame, in tables and in JSON."""

FACE = (
    Column(
        "face", "whole number", "Number of the face in its photo or frame, from 1; highest `face_score` first.", NO_FACE
    ),
    Column("x0", "number", "Left edge of the face's box, in pixels of the upright photo; may lie outside.", NO_FACE),
    Column("y0", "number", "Top edge.", NO_FACE),
    Column("x1", "number", "Right edge.", NO_FACE),
    Column("y1", "number", "Bottom edge.", NO_FACE),
    Column("face_score", "number", "The detector's confidence that this is a face, in [0, 1].", NO_FACE),
    Column("label", "text", "The most probable class.", NO_FACE),
    Column("probability", "number", "Calibrated probability of `label`, in [0, 1].", NO_FACE),
    Column("answer", "text", "`label`, or `not sure` below the checkpoint's rejection threshold.", NO_FACE),
)
"""Of a face, in tables."""

PERSON = Column(
    "person", "whole number", "With `--people`: the person's number in its video.", f"no `--people`, {NO_FACE}"
)
TRACK = Column("track", "whole number", "With `--track`: the face's number in its video, from 1.", f"photos, {NO_FACE}")
WARNINGS = Column("warnings", "text", "What makes the answer doubtful, separated by `; `.", f"sure answers, {NO_FACE}")
MODEL = Column("model", "text", "The model that answered: its name, `@`, and 8 digits of its file's SHA-256.")


def table_columns(class_names: Sequence[str], has_tracks: bool = False) -> list[Column]:
    """Return the columns of CSV, parquet and `to_df`, in order."""
    scores = [
        Column(f"score_{one_line(name)}", "number", f"Probability of {name}, in [0, 1].", NO_FACE)
        for name in class_names
    ]
    points = [
        Column(f"{name}_{axis}", "number", f"{_LANDMARKS[name]}: {axis} in pixels of the upright photo.", NO_FACE)
        for name in LANDMARK_NAMES
        for axis in "xy"
    ]
    tracks = [TRACK, PERSON] if has_tracks else []
    return [PHOTO[0], VIDEO, *PHOTO[1:], *FACE, *scores, *points, WARNINGS, *tracks, MODEL]


PHOTO_KEYS = (
    *PHOTO,
    Column("width", "whole number", "Width of the upright photo in pixels.", "unreadable photos"),
    Column("height", "whole number", "Height of the upright photo in pixels.", "unreadable photos"),
    MODEL,
    Column("warnings", "list", "Warnings about the whole photo, such as frames that were not read."),
    Column("faces", "list", "An object for each face, highest `face_score` first."),
)
"""Of an object about a photo or frame."""

FACE_KEYS = (
    Column("box", "list", "`x0, y0, x1, y1` in pixels of the upright photo; may lie outside."),
    replace(FACE[5], empty=""),
    Column(
        "landmarks",
        "list",
        "Five `(x, y)`, likewise: left eye, right eye, nose tip, left and right mouth corner.",
    ),
    *(replace(one, empty="") for one in FACE[6:]),
    Column("scores", "object", "Probability of each class; they sum to 1."),
    Column("warnings", "list", "What makes the answer doubtful, one text for each reason."),
    Column("track", "whole number", "With `--track` only, for frames: the face's number in its video, from 1."),
    Column("person", "whole number", "With `--people` only, for frames: the person's number in its video, from 1."),
    Column("explanation", "object", "With `--explain`, or `explain=1` of the service, only: see below."),
)
"""Of an object about a face; none is null."""

EXPLANATION_KEYS = (
    Column(
        "added",
        "object",
        "What each summand (nine regions, `constant`, `whole face`, perhaps `prior`) added to the logit of `label`, "
        "relative to the mean over all classes.",
    ),
    Column(
        "summands",
        "object",
        "For each summand, what it added to the logit of each class: the softmax of their sum gives `scores`.",
    ),
    Column("regions", "object", "For each region, four corners `(x, y)` in pixels of the upright photo, clockwise."),
)
"""Of the object ``explanation``."""

DOCUMENT_KEYS = (
    Column("checkpoint", "text", "The model's file."),
    MODEL,
    Column("class_names", "list", "The model's classes, in the order of all scores."),
    Column("images", "list", "An object for each photo or frame."),
)
"""Of the object that `predict --json` prints."""

SERVICE_KEYS = (
    Column("model", "object", "`name` and the whole `sha256` of the model that answered."),
    Column("photos", "list", "An object for each photo, in the order in which they were sent."),
)
"""Of the answer to ``POST /v1/predict``."""

_LANDMARKS = {
    "left_eye": "Centre of the eye on the image's left, which is an upright person's own right eye",
    "right_eye": "Centre of the eye on the image's right",
    "nose": "Tip of the nose",
    "left_mouth": "Corner of the mouth on the image's left",
    "right_mouth": "Corner of the mouth on the image's right",
}
