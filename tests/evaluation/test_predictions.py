"""predictions.csv has a row for every image, and everything needed to compute the numbers again."""

import csv

import numpy as np

from ampnet.evaluation.fusion import fuse
from ampnet.evaluation.predictions import table_of, write_predictions
from tests.small_report import small_table


def written(path, table):
    write_predictions(path, table)
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_image_has_a_row_and_only_predicted_ones_have_numbers(tmp_path):
    copies = np.array(["exact", "", ""])
    rows = written(tmp_path / "p.csv", small_table([[1, 1, 0], [0, 0, 1]], ("fear", "joy"), copies))
    assert [(row["status"], row["copy"], row["true"], row["predicted"]) for row in rows] == [
        ("scored", "exact", "fear", "fear"),
        ("scored", "", "fear", "joy"),
        ("undetected", "", "joy", ""),
    ]
    assert [row["p_fear"] for row in rows] == ["0.7", "0.3", ""]
    assert list(rows[0])[6:] == ["p_fear", "p_joy", "local_fear", "local_joy", "global_fear", "global_joy"]
    assert rows[2]["name"] == ""
    assert rows[2]["source"] == "test/joy/2.png"


def test_the_answers_follow_from_the_logits_in_the_file(tmp_path):
    rows = written(tmp_path / "p.csv", small_table([[3, 2, 0], [1, 4, 0]], ("fear", "joy")))
    local, global_ = (
        np.array([[float(row[f"{head}_{name}"]) for name in ("fear", "joy")] for row in rows], dtype=np.float32)
        for head in ("local", "global")
    )
    answers = fuse(local, global_, beta=0.5).argmax(axis=1)
    assert [("fear", "joy")[answer] for answer in answers] == [row["predicted"] for row in rows]


def test_names_that_are_not_utf_8_and_class_names_with_commas_survive(tmp_path):
    table = small_table([[1, 0, 0], [0, 1, 0]], ('sad, "very"', "joy"))
    odd = tuple(name.replace("test", "t\udcffst") for name in table.images.names)
    object.__setattr__(table.images, "names", odd)
    write_predictions(tmp_path / "p.csv", table)
    assert b"t\xffst_0000.jpg" in (tmp_path / "p.csv").read_bytes()
    with (tmp_path / "p.csv").open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        assert next(csv.DictReader(file))["true"] == 'sad, "very"'


def test_predictions_of_some_images_are_spread_over_all_rows():
    images = small_table([[2, 0, 1], [0, 1, 0]], ("fear", "joy")).images
    table = table_of(images, np.array([0, 3]), np.array([[0.1, 0.9], [0.8, 0.2]]), unreadable={images.names[1]: "cut"})
    assert table.answers.tolist() == [1, -1, -1, 0]
    assert table.status.tolist() == ["scored", "unreadable", "undetected", "scored"]
    assert np.isnan(table.probabilities[1:3]).all()
    assert table.local is None
