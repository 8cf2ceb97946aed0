"""Tables fit the terminal: no word is cut at 60 columns, and nothing is left out."""

import io
import re
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from rich.console import Console

from ampnet.dataset.preparation.write_index import IndexCounts
from ampnet.detection.face import Face
from ampnet.evaluation.metrics import score
from ampnet.reading.contents import PixelContent
from ampnet.reading.photo import Photo
from ampnet.results.face_prediction import FacePrediction
from ampnet.results.photo_result import PhotoResult
from ampnet.results.results import Predictions
from ampnet.settings.labels import EXPRESSIONS
from pipelines.prepare import PrepareResult
from pipelines.show import prediction_table
from pipelines.show_data import prepare_table
from pipelines.show_evaluation import confusion_table, evaluation_tables
from tests.small_report import small_provenance, small_report
from tests.some_results import photo

COUNTS = 1000 * np.eye(7, 8, dtype=np.int64) + np.arange(56).reshape(7, 8)


def render(*tables, width):
    console = Console(file=io.StringIO(), width=width, highlight=False)
    for table in tables:
        console.print(table, soft_wrap=isinstance(table, str))
    return cast(io.StringIO, console.file).getvalue()


def words(text):
    return set(re.findall(r"[\w.%,]+", text))


def make_report(class_names=EXPRESSIONS, matrix=COUNTS):
    report = small_report(
        np.minimum(matrix, 5), class_names, small_provenance(model={"epoch": 3, "mirror": True}), with_votes=True
    )
    return replace(report, matrix=matrix, all=score(matrix, class_names), scored=score(matrix[:, :-1], class_names))


@pytest.mark.parametrize("width", [60, 80, 120])
def test_evaluation_tables_fit_and_cut_no_word(width):
    report = make_report()
    tables = [table for table in evaluation_tables(report, details=True) if not isinstance(table, str)]
    shown = render(*tables, width=width)
    assert max(map(len, shown.splitlines())) <= width
    headings = {"undetected", "precision", "accuracy", "expected", "calibration", "annotator", "comparison", "strength"}
    assert headings <= words(shown)


def test_an_evaluation_is_understood_at_a_glance():
    matrix = [[3, 1, 0], [0, 4, 2]]
    copies = np.array(["", "near", "exact", *[""] * 7])
    report = small_report(matrix, ("anger", "fear"), copies=copies, with_votes=True, notes=["a caveat"])
    about, headline, sentence, crowd, *rest = render(*evaluation_tables(report), width=130).splitlines()
    assert about.startswith("run/best.pt (epoch 3) on test of ")
    assert headline.startswith("accuracy 70.00% [39.7, 89.2] over all 10 images; 87.50% over the 8 with a prediction; ")
    assert headline.endswith("62.50% without the 2 copies of training images (1 byte-equal)")
    assert sentence.startswith("Right about 7 times out of 10; best at anger (F1 86%), worst at fear (73%); ")
    assert crowd.startswith("crowd: accuracy 70.00% [39.7, 89.2]")
    assert rest[-1] == "note: a caveat"
    assert len(rest) < 10
    assert {"undetected", "fear", "25%"} <= words("\n".join(rest))


@pytest.mark.parametrize("width", [60, 100, 200])
def test_every_count_of_the_confusion_matrix_is_shown(width):
    shown = render(confusion_table(make_report()), width=width)
    assert max(map(len, shown.splitlines())) <= width
    assert {str(count) for count in COUNTS.flatten()} <= words(shown.replace(",", ""))
    assert set(EXPRESSIONS) <= words(shown)


def test_a_narrow_confusion_matrix_has_short_headings_and_still_counts_the_missed_faces():
    lines = render(confusion_table(make_report()), width=60).splitlines()
    (heading,) = [line for line in lines if "sur" in line and "fea" in line and "surprise" not in line]
    assert heading.split() == ["sur", "fea", "dis", "hap", "sad", "ang", "neu", "no"]
    (row,) = [line for line in lines if line.startswith("surprise")]
    assert row.split() == ["surprise", "1000", "1", "2", "3", "4", "5", "6", "7"]


def test_class_names_that_share_their_beginning_are_numbered_with_a_key():
    names = tuple(f"compound expression {letter}" for letter in "ABCDEFG")
    shown = " ".join(render(confusion_table(make_report(names)), width=70).split())
    assert "1 compound expression A, 2 compound expression B" in shown


def test_counts_too_wide_for_a_matrix_become_a_list():
    report = make_report(matrix=COUNTS * 123_456)
    shown = " ".join(render(confusion_table(report), width=60).split())
    assert "surprise -> surprise 123,456,000 (97%), fear 123,456 (0%)" in shown
    assert "no face 864,192 (1%)" in shown


@pytest.mark.parametrize("width", [60, 120])
def test_predictions_keep_boxes_and_paths_whole(width):
    face = Face(np.array([101, 102, 203, 204], np.float32), 0.9, np.zeros((5, 2), np.float32))
    scores = dict(zip(EXPRESSIONS, [0.9, 0.05, 0.01, 0.01, 0.01, 0.01, 0.01], strict=True))
    path = "holiday/in/the/mountains/with/everyone.jpg"
    result = Predictions(EXPRESSIONS, Path("a.pt"), "a@1234abcd")
    photo = Photo(path, PixelContent(np.zeros((300, 300, 3), np.uint8)))
    result.add(PhotoResult(photo, [FacePrediction(face, "surprise", 0.9, scores)], EXPRESSIONS))
    shown = render(prediction_table(result), width=width)
    for text in (path, "101 102 203 204", "surprise", "90.0%", "fear 5%"):
        assert text in shown
    assert "warnings" not in shown


@pytest.mark.parametrize("width", [60, 140])
def test_warnings_are_in_the_table_of_predictions_when_there_are_some(width):
    result = Predictions(EXPRESSIONS, Path("a.pt"), "a@1234abcd")
    result.add(photo("a.jpg"))  # a face of 20 pixels
    shown = render(prediction_table(result), width=width)
    assert "small: 20 pixels" in " ".join(shown.split())
    assert ("warnings" in shown) == (width == 140)


@pytest.mark.parametrize("width", [60, 100])
def test_the_table_of_a_prepared_set_cuts_no_word(width):
    by_class = {name: {"detected": 12_345, "retried": 1} for name in EXPRESSIONS}
    counts = IndexCounts(faces=12_346, table={"train": by_class, "test": by_class}, votes=None)
    result = PrepareResult(Path(), "folders", EXPRESSIONS, "face", counts, 1.0, 1.0, None)
    shown = render(prepare_table(result), width=width)
    assert max(map(len, shown.splitlines())) <= width
    headings = {"train", "test", "images", "detected", "retried", "template", "rejected", "face"}
    assert headings | set(EXPRESSIONS) | {"12,346", "12,345", "100.00%"} <= words(shown)
