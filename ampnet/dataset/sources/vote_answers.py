"""Annotators' votes: the columns of a table that hold them, and the labels that follow from them."""

from collections.abc import Iterable, Mapping, Sequence

from ampnet.dataset.index.label_votes import MOST_VOTES
from ampnet.errors import DataError
from ampnet.files.documents import listed, number_of
from ampnet.settings.labels import MAX_CLASSES, answer_of

VOTES_PREFIX = "votes_"
"""Prefix of vote columns; optional for known expressions, required for other classes."""

MAX_COLUMNS = MAX_CLASSES + 10


def plurality(votes: Mapping[str, float], class_names: Iterable[str]) -> str | None:
    """Find the class with the most votes, the first in class order if there is a tie.

    Args:
        votes: votes by answer.
        class_names: in label order.

    Returns:
        The class; None if no class has votes, or another answer has more votes than every class.
    """
    names = list(class_names)
    best = max(names, key=lambda name: votes.get(name, 0.0))
    others = max((count for answer, count in votes.items() if answer not in names), default=0.0)
    return best if votes.get(best, 0.0) > 0 and votes[best] >= others else None


def meant_answer(column: str, classes: Mapping[str, str]) -> str | None:
    """Translate the name of a vote column.

    Args:
        column: as spelled in the file, with or without :data:`VOTES_PREFIX`.
        classes: the data set's spelling of each class -> class.

    Returns:
        A class of the data set, another expression, ``unknown`` or ``no_face``; None for anything else.
    """
    text = column.strip().casefold().removeprefix(VOTES_PREFIX)
    spelled = {spelling.casefold(): name for spelling, name in classes.items()}
    return spelled.get(text) or answer_of(text)


def read_counts(cells: Sequence[str], where: str) -> tuple[float, ...]:
    """Parse the votes of a row; a blank cell is 0.

    Raises:
        DataError: a cell is not a number from 0 to :data:`MOST_VOTES`.
    """
    try:
        return tuple(number_of(cell, 0, MOST_VOTES) if cell else 0.0 for cell in cells)
    except ValueError:
        raise DataError(f"{where}: votes must be numbers of at least 0, got {listed(cells)}") from None
