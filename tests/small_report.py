"""Reports made of a confusion matrix, for tests of what is written and shown."""

from pathlib import Path

import numpy as np
import pytest

from ampnet.evaluation.agreement import CrowdVotes
from ampnet.evaluation.predictions import PredictionTable, SplitImages, table_of
from ampnet.evaluation.report import EvalReport, Fusion, Provenance, measure
from ampnet.reports import report_page
from ampnet.results.timeline import Timeline
from ampnet.training import curves
from pipelines import summarize

MODEL = {"epoch": 3, "selected_on": "val", "beta": 0.5, "mirror": False}


def small_provenance(**changes) -> Provenance:
    """Describe an evaluation that never took place."""
    values = {
        "kind": "checkpoint",
        "path": Path("run/best.pt"),
        "sha256": "0" * 64,
        "data": Path("data"),
        "layout": "folders",
        "split": "test",
        "index_sha256": "1" * 64,
        "command": "ampnet eval run/best.pt",
        "created": "2026-01-01T00:00:00+00:00",
        "versions": {"ampnet": "1"},
        "model": MODEL,
    }
    return Provenance(**{**values, **changes})


def small_table(matrix, class_names, copies=None, votes=None) -> PredictionTable:
    """List images with the given confusion matrix, the last column of which counts those without a prediction.

    Each answer has the probability 0.7, the local head agrees, the global head is undecided.
    """
    count = len(class_names)
    cells = [(row, column) for row, column in np.ndindex(*np.shape(matrix)) for _ in range(matrix[row][column])]
    labels, answers = (np.array(part, dtype=np.int64) for part in zip(*cells, strict=True))
    found = answers < count
    names = tuple(f"test_{number:04}.jpg" if found[number] else "" for number in range(len(labels)))
    images = SplitImages(
        class_names=tuple(class_names),
        names=names,
        sources=tuple(f"test/{class_names[label]}/{number}.png" for number, label in enumerate(labels)),
        labels=labels,
        status=np.where(found, "scored", "undetected"),
        copies=copies,
        votes=votes,
    )
    one_hot = np.eye(count)[answers[found]]
    probabilities = 0.7 * one_hot + (1 - one_hot) * 0.3 / (count - 1)
    logits = np.log(probabilities).astype(np.float32)
    return table_of(images, np.flatnonzero(found), probabilities, logits, np.zeros_like(logits))


def small_report(matrix, class_names, provenance=None, copies=None, with_votes=False, **more) -> EvalReport:
    """Measure the table of :func:`small_table`; votes, where wanted, are ten of each image for its own class."""
    count = len(class_names)
    votes = None
    if with_votes:
        labels = small_table(matrix, class_names).labels
        votes = CrowdVotes(10 * np.eye(count)[labels], np.full(len(labels), 10.0), np.zeros(len(labels), bool))
    table = small_table(matrix, class_names, copies, votes)
    fusion = Fusion(beta=0.5, offsets=np.zeros(count), priors=((0.25, np.zeros(count)),))
    return measure(table, provenance or small_provenance(), fusion=fusion, **more)


def draw_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out figures and curves, which take longer than all else that a command does with a small set."""
    monkeypatch.setattr(report_page, "figures", lambda report, titled=True: {})
    monkeypatch.setattr(curves, "save_curves", lambda path, *history: path.touch())
    monkeypatch.setattr(summarize, "draw_lanes", lambda series, class_names: b"")
    monkeypatch.setattr(Timeline, "plot", lambda self, title: np.zeros((8, 8, 3), np.uint8))
