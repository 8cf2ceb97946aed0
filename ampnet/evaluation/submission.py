"""A result that others can verify: its rules and its scores, in one small JSON file."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, to_builtins

from ampnet import __version__
from ampnet.errors import DataError
from ampnet.evaluation.report import EvalReport, Sha256
from ampnet.settings.choices import Protocol, Split

SUBMISSION_FILE = "submission.json"
FORMAT = 1

Rule = Literal["labels", "crowd"] | Protocol


class Rules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A protocol file: on what, and how, a result is measured."""

    name: str = ""
    """For people."""
    data: Sha256
    """SHA-256 of the data set's index/data_label.txt, or of index/shards.json: names and labels of all its images."""
    split: Split = "test"
    rule: Rule
    """What an answer is compared with: the data set's labels, the majority of all votes, or a published rule."""
    coverage: Annotated[float, Meta(ge=0, le=1)] = 1.0
    """Minimum fraction of the split's images that must have an answer; those without count as errors."""
    seeds: tuple[int, ...] = ()
    """Of the runs that the predictions come from, for the record; empty: not random, or unknown."""


def submission(rules: Rules, report: EvalReport) -> dict[str, Any]:
    """Return the result as plain values: no dates, places or machines, so that a second scoring gets the same.

    Raises:
        DataError: the data set is another one, has no votes for the rule, or too few images have an answer.
    """
    if report.about.index_sha256 != rules.data:
        raise DataError(f"{report.about.data} is not the data set of the protocol: its index has another SHA-256")
    images, answered = len(report.table.images), int(report.table.scored.sum())
    if answered < rules.coverage * images - 1e-9:  # 0.55 times 100 is a little more than 55
        raise DataError(f"{answered:,} of {images:,} images have an answer; the protocol asks for {rules.coverage:.1%}")
    return {
        "format": FORMAT,
        "ampnet": __version__,
        "protocol": to_builtins(rules),
        "predictions_sha256": report.about.sha256,
        "images": images,
        "answered": answered,
        "scores": to_builtins(_scores(rules.rule, report)),
    }


def _scores(rule: Rule, report: EvalReport) -> Any:
    if rule == "labels":
        return report.all
    if rule != "crowd":
        return report.protocol or report.official
    if report.crowd is None or report.crowd.scores is None:
        raise DataError(f"the protocol compares with the crowd, and {report.about.data} has no votes of this split")
    return report.crowd.scores
