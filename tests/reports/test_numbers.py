"""A number is computed in one file and shown by a line in another: every report then has it."""

import io
from dataclasses import dataclass, fields, replace
from typing import cast

import numpy as np
import pytest
from rich.console import Console

from ampnet.evaluation.ferplus import ProtocolScores
from ampnet.evaluation.intervals import Estimate
from ampnet.evaluation.metrics import Scores
from ampnet.evaluation.official_sets import OfficialScores
from ampnet.reports import numbers
from ampnet.reports.latex import evaluation_latex
from ampnet.reports.metrics_file import plain_metrics
from ampnet.reports.numbers import NUMBERS, Number, percent, shown_numbers
from ampnet.reports.report_page import render
from pipelines.show_evaluation import evaluation_tables
from tests.small_report import MODEL, small_provenance, small_report
from tools.write_schema import schema_of

MATRIX = np.array([[3, 1, 0], [0, 4, 2]])
"""Seven of ten are right, of eight with a prediction."""


@dataclass(frozen=True)
class LongerScores(Scores):
    """Scores with one more."""

    luck: Estimate
    """Share of the answers that were lucky."""


def a_report():
    model = {
        "parameters": 1,
        "network": "ampnet",
        "width": 8,
        "image_size": 48,
        "modules": ["gp"],
        "temperature": 1.0,
        "prior": "",
    }
    provenance = small_provenance(model={**MODEL, **model, "seed": 0})
    report = small_report(
        MATRIX, ("anger", "fear"), provenance, copies=np.array(["", "near", "exact", *[""] * 7]), with_votes=True
    )
    rate = Estimate(0.7, (0.4, 0.9))
    by_votes = ProtocolScores("ferplus-majority", rate, images=10, undecided=0, other=0, unvoted=0, impossible=0)
    return replace(report, protocol=by_votes, official=OfficialScores("sfew", rate, 10, 436, ("10 (436)",)))


def longer_report():
    report = a_report()
    known = {field.name: getattr(report.all, field.name) for field in fields(Scores)}
    return replace(report, all=LongerScores(**known, luck=Estimate(0.123, (0.1, 0.2))))


def on_screen(report):
    console = Console(file=io.StringIO(), width=150)
    for table in evaluation_tables(report, details=True):
        console.print(table)
    return cast(io.StringIO, console.file).getvalue()


def test_a_new_field_and_a_line_are_all_that_a_new_number_needs(monkeypatch):
    report = longer_report()
    monkeypatch.setattr(numbers, "NUMBERS", (*NUMBERS, Number("all.luck", "Luck", "how lucky it was")))
    assert plain_metrics(report)["all"]["luck"] == {"value": 0.123, "interval": (0.1, 0.2)}
    described = schema_of(LongerScores)["$defs"]["LongerScores"]
    assert described["properties"]["luck"]["description"] == "Share of the answers that were lucky."
    assert "luck" in described["required"]
    assert 'data-metric="all.luck.value" data-value="0.123">12.3</b>' in render(report)
    assert "how lucky it was" in render(report)
    assert r"Luck & 12.3 {\scriptsize[10.0, 20.0]} \\" in evaluation_latex(report)
    assert "Luck" in on_screen(report)


def test_every_number_is_where_its_path_says_in_metrics_json():
    report = a_report()
    written = plain_metrics(report)
    shown = list(shown_numbers(report))
    assert len(shown) == len(NUMBERS) - 1  # this report has no rejection threshold
    for number, found in shown:
        part = written
        for name in number.path.split("."):
            part = part[name]
        assert part == {"value": found.value, "interval": found.interval}, number.path


def test_what_would_repeat_another_number_or_was_not_measured_is_not_shown():
    everyone_seen = small_report([[3, 1, 0], [0, 4, 0]], ("anger", "fear"))
    names = [number.name for number, _ in shown_numbers(everyone_seen)]
    assert "Accuracy" in names
    assert not {"Accuracy, images with a prediction", "Accuracy without copies", "Accuracy, crowd"} & set(names)


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (None, "-"),
        (Estimate(0.7, (0.397, 0.892)), "70.0 [39.7, 89.2]"),
        (Estimate(1.0, (0.5, 1.0)), "100.0 [50.0, 100.0]"),
    ],
)
def test_percentages_have_one_digit_and_their_interval(found, text):
    assert percent(found) == text
    assert percent(Estimate(-0.021, (-0.04, 0.001)), signed=True) == "-2.1 [-4.0, +0.1]"
