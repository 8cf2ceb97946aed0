"""The expression classes, and the label codes of the data sets.

Label order is never inferred from sorted folder names: the codes of each data set are listed here.
"""

import re
import unicodedata
from collections.abc import Sequence

EXPRESSIONS = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")
"""The seven basic expressions in RAF-DB's order (its codes 1 to 7, minus one), ampnet's default order."""

EXPRESSIONS_8 = (*EXPRESSIONS, "contempt")
"""The eight expressions of AffectNet-8 and FER+, in ampnet's default order."""

MAX_CLASSES = 100
"""Maximum number of classes; more usually means that numbers were read as labels."""

MAX_NAME = 100
"""Maximum length of a class name, in characters."""

SYNONYMS: dict[str, str] = {
    **dict.fromkeys(("surprise", "surprised"), "surprise"),
    **dict.fromkeys(("fear", "fearful", "afraid", "scared"), "fear"),
    **dict.fromkeys(("disgust", "disgusted"), "disgust"),
    **dict.fromkeys(("happiness", "happyness", "happy", "joy"), "happiness"),
    **dict.fromkeys(("sadness", "sad"), "sadness"),
    **dict.fromkeys(("anger", "angry"), "anger"),
    **dict.fromkeys(("neutral", "neural"), "neutral"),  # the latter is FED-RO's own spelling
    **dict.fromkeys(("contempt", "contemptuous"), "contempt"),
}
"""Class names found in data sets (lower case), and the expression that each one means."""


NUMBER_BEFORE = re.compile(r"^[\s(\[#]*\d{1,6}[\s)\]_.:-]+(?=\D)")
"""A number before a name, as in ``0_happy`` and ``02 Neutral``."""

_ABOUT = frozenset(
    re.findall(
        r"\w+", "face faces facial expression expressions emotion emotions image images img photo photos class copy"
    )
)
"""Words beside an expression's name, as in ``happy_faces``."""


MIN_VOTES = 3
"""Minimum votes for a data set's classes; with fewer, an image's distribution of votes says too little."""


def fault_of_class_names(names: Sequence[str]) -> str:
    """Describe what is wrong with a list of class names, which are printed, drawn and written into tables.

    Args:
        names: in label order.

    Returns:
        The fault, empty if there is none.
    """
    if not 2 <= len(names) <= MAX_CLASSES:
        return f"there are {len(names)} class names, expected 2 to {MAX_CLASSES}"
    if len(set(names)) < len(names):
        return "a class name is listed twice"
    if not all(name.strip() and name.isprintable() and len(name) <= MAX_NAME for name in names):
        return f"a class name is empty, longer than {MAX_NAME} characters or not printable"
    return ""


def expression_of(name: str) -> str | None:
    """Translate a data set's class name; None if it is not a known expression."""
    return SYNONYMS.get(name.strip().casefold())


def class_key(label: str) -> str:
    """Return the form in which labels are compared: composed (NFC), case folded, single blanks."""
    return " ".join(unicodedata.normalize("NFC", label).casefold().split())


def meant_expression(label: str) -> str | None:
    """Translate a label to an expression: by its name, its synonyms, behind a number, or beside words about faces."""
    key = class_key(label)
    if (found := expression_of(key)) is not None:
        return found
    return expression_of(bare_label(key))


def bare_label(key: str) -> str:
    """Return a label without the number before it, and without words about faces."""
    words = [
        word
        for word in re.split(r"[\W_]+", NUMBER_BEFORE.sub("", key))
        if word and word not in _ABOUT and not word.isdecimal()
    ]
    return " ".join(words)


def answer_of(name: str) -> str | None:
    """Translate an annotator's answer to an expression, ``unknown`` or ``no_face``; None for anything else."""
    text = name.strip().casefold().replace(" ", "_").replace("-", "_")
    return "no_face" if text == "nf" else text if text in OTHER_ANSWERS else expression_of(name)


def _numbered(*names: str, first: int = 0) -> dict[str, str]:
    return {str(code): name for code, name in enumerate(names, start=first)}


RAFDB_CODES = _numbered(*EXPRESSIONS, first=1)
"""RAF-DB basic, list and folders: 1 surprise, 2 fear, 3 disgust, 4 happiness, 5 sadness, 6 anger, 7 neutral."""

AFFECTNET_CODES = _numbered("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")
"""AffectNet, both releases. 8 (none), 9 (uncertain) and 10 (no face) are not expressions and are excluded."""

FER2013_CODES = _numbered("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
"""FER-2013's csv and ExpW."""

FERPLUS_COLUMNS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
"""FER+'s vote columns in order; two more follow, unknown and NF (no face)."""

OTHER_ANSWERS = ("unknown", "no_face")
"""Answers that annotators may give instead of a class."""

_NO_CLASS = frozenset(("", "-", "--", "?", "nan", "na", "n/a", "none", "null", "uncertain", "unlabeled", "unlabelled"))
"""What tables and folders hold where there is no label; AffectNet's categories none and uncertain."""


def is_no_class(label: str) -> bool:
    """Return whether a label says that there is no class."""
    return class_key(label) in _NO_CLASS or answer_of(label) in OTHER_ANSWERS


FERPLUS_ANSWERS = (*FERPLUS_COLUMNS, *OTHER_ANSWERS)
"""All vote columns of FER+, under our names."""

CKPLUS_CODES = _numbered("neutral", "anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")
"""CK+'s emotion files."""

JAFFE_CODES = {name[:2].upper(): name for name in EXPRESSIONS}
"""The codes in JAFFE's file names: AN, DI, FE, HA, NE, SA, SU."""

KDEF_CODES = {"AF" if code == "FE" else code: name for code, name in JAFFE_CODES.items()}
"""Those in KDEF's; AF is afraid."""


PATHS = (
    *("path", "filepath", "file_path", "image_path", "img_path", "imagepath", "relative_path", "full_path", "pth"),
    *("subdirectory_filepath", "filename", "file_name", "image_name", "img_name", "image_file", "file", "image", "img"),
    *("imagename", "image_id", "picture", "photo", "name", "fname", "url", "input"),
)
LABELS = (
    *("label", "labels", "class", "class_name", "emotion", "emotions", "expression", "category", "target"),
    *("label_name", "emotion_label", "facial_expression", "emotion_name", "annotation", "classname", "y"),
)
SPLITS = ("split", "usage", "subset", "set", "partition", "phase", "data_split", "dataset_split")
SUBJECTS = (
    *("subject", "subject_id", "person", "person_id", "identity", "participant", "participant_id", "actor"),
    *("actor_id", "user", "user_id", "subjectid", "personid", "individual"),
)
ANSWERS = (
    *("predicted", "prediction", "predicted_label", "predicted_class", "pred", "y_pred", "answer"),
    *("dominant_emotion", "top_emotion", "emo_label", *LABELS),
)
"""Names of columns of predictions; those of DeepFace, fer and rmn are before the labels."""

NOT_SURE = "not sure"
"""The answer if the most probable class is below the rejection threshold."""
