"""Pickling of predictors: their arguments are pickled, and the attributes that were set since."""

from collections.abc import Callable
from typing import Any

from ampnet.recognition.recognizer import Recognizer

SETTINGS = ("face", "min_face", "model", "fast", "rejection_threshold")
"""What may be set after a predictor was made."""


def pickled(predictor: Recognizer, make: Callable[..., Recognizer], made_of: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return what ``__reduce__`` has to: ``make`` is called with ``made_of`` where the predictor arrives."""
    return _restored, (make, made_of, {name: getattr(predictor, name) for name in SETTINGS})


def _restored(make: Callable[..., Recognizer], made_of: tuple[Any, ...], settings: dict[str, Any]) -> Recognizer:
    predictor = make(*made_of)
    for name, value in settings.items():
        setattr(predictor, name, value)
    return predictor
