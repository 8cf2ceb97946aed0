"""Results as rows of CSV and as JSON lines: one line each, valid UTF-8, told apart when they are read again."""

import io
import json
import os
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ampnet.errors import DataError
from ampnet.results.rows import CsvRows, JsonLines, RowKey
from ampnet.settings.labels import EXPRESSIONS
from tests.some_results import frame, photo

FORMATS = {"csv": CsvRows(EXPRESSIONS), "jsonl": JsonLines()}
STRANGE = os.fsdecode(b'caf\xe9, "a"\nampnet: done\x1b[2J.jpg')


def table(*results):
    rows: Any = FORMATS["csv"]
    return pd.read_csv(io.StringIO(rows.header + "".join(map(rows.rows, results))))


def test_the_table_has_a_row_for_each_face_and_for_each_image_without_one():
    read = table(
        photo("a.jpg", faces=2), photo("b.jpg", faces=0), photo("c.jpg", 0, "cannot read c.jpg"), frame("d", 5)
    )
    assert read["image"].tolist() == ["a.jpg", "a.jpg", "b.jpg", "c.jpg", "d"]
    assert read["face"].tolist() == pytest.approx([1, 2, np.nan, np.nan, 1], nan_ok=True)
    assert read["status"].tolist() == ["ok", "ok", "no face", "unreadable", "ok"]
    assert read["problem"].tolist()[3] == "cannot read c.jpg"
    assert read["frame"].tolist()[4] == 5
    assert read["seconds"].tolist()[4] == 0.2
    assert read.loc[1, ["x0", "y0", "x1", "y1"]].tolist() == [11, 21, 31, 41]
    assert read.loc[1, ["left_eye_x", "left_eye_y", "right_mouth_y"]].tolist() == [1, 2, 10]
    assert read.loc[0, ["label", "probability", "score_happiness", "score_fear"]].tolist() == [
        "happiness",
        0.4,
        0.4,
        0.1,
    ]


def test_a_face_below_the_rejection_threshold_keeps_its_label_and_the_answer_is_not_sure():
    sure, unsure = (photo(name) for name in ("a.jpg", "b.jpg"))
    unsure[0] = replace(unsure[0], rejection_threshold=0.41)  # its probability is 0.4
    read = table(sure, unsure)
    assert read["label"].tolist() == ["happiness", "happiness"]
    assert read["answer"].tolist() == ["happiness", "not sure"]
    assert unsure.to_dict()["faces"][0]["answer"] == "not sure"


def test_the_warnings_of_a_face_share_a_cell():
    doubtful = photo("a.jpg")
    scores = {name: 0.5 - 0.04 * i for i, name in enumerate(EXPRESSIONS[:2])} | dict.fromkeys(EXPRESSIONS[2:], 0.0)
    doubtful[0] = replace(doubtful[0], scores=scores, visible=0.5)
    assert table(doubtful)["warnings"].tolist() == [
        "small: 20 pixels; cut by the edge of the photo; close call with fear"
    ]


def test_a_json_line_holds_what_the_list_of_predict_json_holds():
    one = photo("a.jpg", faces=2)
    assert json.loads(JsonLines().rows(one)) == one.to_dict()


@pytest.mark.parametrize("rows", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize(
    ("result", "key"),
    [
        (photo("a.jpg", faces=2), RowKey("a.jpg", None, False)),
        (photo("a.jpg", faces=0), RowKey("a.jpg", None, False)),
        (photo("a.jpg", 0, "cannot read a.jpg"), RowKey("a.jpg", None, True)),
        (frame("clip.mp4", 0), RowKey("clip.mp4", 0, False)),
        (frame("clip.mp4", 7, faces=0), RowKey("clip.mp4", 7, False)),
        (photo(STRANGE), RowKey(r'caf\xe9, "a"\nampnet: done\x1b[2J.jpg', None, False)),
        (photo("笑\u202f顔.jpg"), RowKey("笑\u202f顔.jpg", None, False)),
    ],
)
def test_every_row_is_a_line_that_says_what_it_is_about(rows, result, key):
    text = rows.rows(result).encode().decode()
    assert text.endswith("\n")
    first, *others = text.splitlines()
    assert rows.key(first + "\n") == key
    assert [rows.key(line).is_first for line in others] == [False] * len(others)


@pytest.mark.parametrize("rows", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize(
    "line", ["", "\n", "a,b\n", "[]\n", "{}\n", "null\n", '{"image": 1}\n', "[" * 100_000, "\0\n", '"']
)
def test_what_is_no_row_is_an_error(rows, line):
    with pytest.raises(DataError):
        rows.key(line)
