"""docs/columns.md describes the columns and keys that the code writes, no more and no fewer."""

from dataclasses import replace

import numpy as np

from ampnet.results.columns import EXPLANATION_KEYS, FACE_KEYS, PHOTO_KEYS
from ampnet.results.face_prediction import FaceExplanation
from ampnet.results.rows import CsvRows
from ampnet.settings.labels import EXPRESSIONS
from tests.some_results import frame, photo
from tools.list_columns import PAGE, page


def names(columns):
    return [column.name for column in columns]


def test_the_page_is_the_one_that_the_code_gives():
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m tools.list_columns`"


def test_a_row_has_a_cell_for_each_column_of_the_page():
    rows = CsvRows(EXPRESSIONS, has_tracks=True)
    for result in (
        photo("a.jpg", faces=2),
        photo("b.jpg", 0),
        frame("c.mp4", 3),
        photo("d.jpg", 0, "cannot read d.jpg"),
    ):
        for cells in rows.cells(result):
            assert len(cells) == len(rows.columns)
            row = dict(zip(rows.columns, cells, strict=True))
            assert row["model"] == result.model
            assert (row["face"] is None) == (not result)
            assert f"| `{rows.columns[0]}` |" in page()
    for name in rows.columns:
        assert name.startswith("score_") or f"| `{name}` |" in page()


def test_objects_have_the_keys_of_the_page():
    corners = np.zeros((0, 4, 2))
    why = FaceExplanation("fear", ("fear", "joy"), ("constant",), np.zeros((1, 2), np.float32), corners)
    result = photo("a.jpg")
    result[0] = replace(result[0], track=1, person=1, explanation=why)
    plain = result.to_dict()
    assert list(plain) == names(PHOTO_KEYS)
    assert list(plain["faces"][0]) == names(FACE_KEYS)
    assert list(plain["faces"][0]["explanation"]) == names(EXPLANATION_KEYS)
