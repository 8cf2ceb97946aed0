"""metrics.json: the numbers of an evaluation as plain values, and the JSON Schema that describes them.

Both follow from the numbers' own types: a field that is added to a dataclass of :mod:`ampnet.evaluation` is in the
file, and in the schema with the sentence below it.
"""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, json

from ampnet import __version__
from ampnet.evaluation.agreement import Agreement
from ampnet.evaluation.confusions import ConfusedPair
from ampnet.evaluation.copies import CopyScores
from ampnet.evaluation.ferplus import ProtocolScores
from ampnet.evaluation.fusion import HeadScores
from ampnet.evaluation.groups import Grouping
from ampnet.evaluation.intervals import Estimate, Share
from ampnet.evaluation.metrics import Scores, normalise_rows
from ampnet.evaluation.priors import PriorScores
from ampnet.evaluation.reliability import ProbabilityScores
from ampnet.evaluation.report import NO_FACE, EvalReport, Provenance
from ampnet.evaluation.risk_coverage import RiskCoverage
from ampnet.evaluation.runs import RunsScores

METRICS_FILE = "metrics.json"
SCHEMA_FILE = "metrics.schema.json"
"""In the package; `make schema` writes it."""

FORMAT: Literal[2] = 2
"""Version of metrics.json; 1 was report.json."""


@dataclass(frozen=True)
class Confusion:
    """The confusion matrix: a row for each true class, a column for each answer."""

    rows: tuple[str, ...]
    """True classes."""
    columns: tuple[str, ...]
    """Answers; the last is "no face": images without a prediction."""
    counts: list[list[int]]
    shares: list[list[Share]]
    """Of the true class's images; 0 for a class without images."""


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """metrics.json of `ampnet eval`. Fractions are in [0, 1]. docs/evaluation.md explains every number."""

    format: Literal[2]
    """Version of this file; 1 was report.json."""
    ampnet: str
    """Version of ampnet that wrote the file."""
    about: Provenance
    """What was measured on what, and how to do it again."""
    sentence: str
    """The result in plain English."""
    notes: tuple[str, ...]
    """Caveats for the reader."""
    class_names: Annotated[tuple[str, ...], Meta(min_length=2)]
    """In the order that all rows and columns follow."""
    images: int
    """Images of the split."""
    undetected: int
    """Images among them without a prediction, unreadable ones included."""
    unreadable: int
    """Images among them that cannot be read."""
    unassigned: int
    """Images without a detected face that belong to no split, since the data set has no official splits."""
    all: Scores
    """Over all images of the split; those without a prediction are errors."""
    scored: Scores | None
    """Over the images with a prediction; null without any."""
    top2: Estimate | None
    """Fraction of all images whose true class is one of the two most probable; null without probabilities."""
    probabilities: ProbabilityScores | None
    """Over the images with a prediction; null without probabilities."""
    risk_coverage: RiskCoverage | None
    """Likewise."""
    heads: HeadScores | None
    """The two heads and their fusion; null for a file of predictions."""
    confusion: Confusion
    confused_pairs: tuple[ConfusedPair, ...]
    """The most confused classes."""
    copies: CopyScores | None
    """Accuracy without copies of training images; null if duplicates are unknown, or on the training split."""
    crowd: Agreement | None
    """Agreement with annotators' votes; null if the data set has none."""
    protocol: ProtocolScores | None = None
    """Accuracy by a published rule; null if none was asked for."""
    priors: tuple[PriorScores, ...]
    """Scores for several strengths of the prior adjustment; empty if the class frequencies are unknown."""
    seconds: float
    """Duration of the evaluation."""
    groups: tuple[Grouping, ...] = ()
    """Scores of groups of images, by column; empty unless they were asked for (--by)."""
    runs: RunsScores | None = None
    """Scores of each run and their spread, of a folder of runs over folds or seeds; else null."""


def plain_metrics(report: EvalReport) -> dict[str, Any]:
    """Return a report as the plain values of metrics.json, which :func:`metrics_schema` describes."""
    counts, shares = report.matrix.tolist(), normalise_rows(report.matrix).tolist()
    own: dict[str, Any] = {
        "format": FORMAT,
        "ampnet": __version__,
        "images": report.all.images,
        "confusion": Confusion(report.class_names, (*report.class_names, NO_FACE), counts, shares),
        "confused_pairs": report.pairs,
        "seconds": round(report.seconds, 3),
    }
    others = {field.name: getattr(report, field.name) for field in fields(Metrics) if field.name not in own}
    return plain_values(Metrics(**own, **others))


def plain_values(value: Any) -> dict[str, Any]:
    """Turn a dataclass into values that JSON can hold; paths become absolute."""
    values: dict[str, Any] = msgspec.to_builtins(value, enc_hook=_absolute)
    return values


def _absolute(value: Any) -> str:
    if not isinstance(value, Path):
        raise TypeError(f"{type(value).__name__} is no number, text or path")
    return str(value.resolve())


def metrics_schema() -> dict[str, Any]:
    """Generate the JSON Schema of metrics.json; it needs the package's source, where the sentences are."""
    return schema_of(Metrics)


def schema_of(kind: type) -> dict[str, Any]:
    """Generate the JSON Schema of a dataclass; the sentence below a field becomes its description."""
    schema = json.schema(kind, schema_hook=lambda _: {"type": "string"})
    sentences = {one.__name__: _sentences(one) for one in _classes(msgspec.inspect.type_info(kind))}
    for name, part in schema["$defs"].items():
        part["description"] = inspect.cleandoc(part["description"])
        part["additionalProperties"] = False  # what has a default was added later, and is not required
        for field, described in part["properties"].items():
            described.pop("default", None)
            if described.get("type") == "integer":
                described["minimum"] = 0  # all are counts
            if sentence := sentences[name].get(field):
                described["description"] = sentence
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _classes(info: Any) -> Iterator[type]:
    """Yield all dataclasses and structs within a type."""
    if isinstance(info, (msgspec.inspect.DataclassType, msgspec.inspect.StructType)):
        yield info.cls
        for field in info.fields:
            yield from _classes(field.type)
    for part in (*getattr(info, "types", ()), getattr(info, "item_type", None)):
        if part is not None:
            yield from _classes(part)


def _sentences(one: type) -> dict[str, str]:
    """Return the sentences below a class's fields."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(one))).body
    assert isinstance(definition, ast.ClassDef)
    found = {}
    for field, below in pairwise(definition.body):
        if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            sentence = " ".join(str(below.value.value).split())
            found[ast.unparse(field.target).rstrip("_")] = re.sub(r"\bNone\b", "null", sentence)
    return found
