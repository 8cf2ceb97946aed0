"""metrics.json: the numbers of an evaluation as plain values.

They follow from the numbers' own types: a field that is added to a dataclass of :mod:`ampnet.evaluation` is in the file
and, with the sentence below it, in the schema (`make schema`).
"""

from dataclasses import fields
from pathlib import Path
from typing import Any

import msgspec

from ampnet.evaluation.report import EvalReport, Metrics

METRICS_FILE = "metrics.json"
SCHEMA_FILE = "metrics.schema.json"
"""In the package; `make schema` writes it."""


def plain_metrics(report: EvalReport) -> dict[str, Any]:
    """Return a report as the plain values of metrics.json, which metrics.schema.json describes."""
    return plain_values(Metrics(**{field.name: getattr(report, field.name) for field in fields(Metrics)}))


def plain_values(value: Any) -> dict[str, Any]:
    """Turn a dataclass into values that JSON can hold; paths become absolute."""
    values: dict[str, Any] = msgspec.to_builtins(value, enc_hook=_absolute)
    return values


def _absolute(value: Any) -> str:
    if not isinstance(value, Path):
        raise TypeError(f"{type(value).__name__} is neither a number nor text nor a path")
    return str(value.resolve())
