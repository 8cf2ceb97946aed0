"""Reports say everything in files, and replace only themselves."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ampnet.errors import UsageError
from ampnet.evaluation.metrics import score
from ampnet.evaluation.report import EvalReport, check_free, classes_table, free_folder, write_report

NAMES = ("anger", "fear")
MATRIX = np.array([[3, 1, 0], [0, 4, 2]])
"""Two of six fearful images have no face."""


def a_report(**changes):
    values = {
        "checkpoint": Path("run/best.pt"),
        "epoch": 3,
        "data": Path("data"),
        "split": "test",
        "class_names": NAMES,
        "matrix": MATRIX,
        "all": score(MATRIX, NAMES),
        "scored": score(MATRIX[:, :2], NAMES),
        "local_accuracy": 0.5,
        "global_accuracy": 0.6,
        "mirror": False,
        "calibration_error": 0.1,
        "crowd": None,
        "priors": (),
        "unassigned": 0,
        "notes": (),
        "seconds": 1.0,
    }
    return EvalReport(**{**values, **changes})


def test_all_numbers_are_in_the_json(tmp_path):
    write_report(tmp_path / "eval", a_report(), pd.DataFrame({"name": ["a.jpg"]}))
    plain = json.loads((tmp_path / "eval" / "report.json").read_text())
    assert (plain["images"], plain["undetected"]) == (10, 2)
    assert plain["accuracy"] == {"fused": 0.7, "local": 0.5, "global": 0.6}
    assert plain["scored"]["accuracy"] == pytest.approx(7 / 8)
    assert plain["confusion"]["counts"] == MATRIX.tolist()
    assert plain["confusion"]["shares"][0] == [0.75, 0.25, 0]
    assert plain["confusion"]["columns"] == ["anger", "fear", "no face"]
    assert {path.name for path in (tmp_path / "eval").iterdir()} == {
        "report.json",
        "classes.csv",
        "confusion.csv",
        "confusion_shares.csv",
        "confusion.png",
        "predictions.csv",
    }


def test_tables_carry_the_lost_images_by_class(tmp_path):
    write_report(tmp_path, a_report(), pd.DataFrame({"name": ["a.jpg"]}))
    classes = pd.read_csv(tmp_path / "classes.csv")
    assert classes["undetected"].tolist() == [0, 2]
    assert classes["recall"].tolist() == pytest.approx([3 / 4, 4 / 6])
    assert pd.read_csv(tmp_path / "confusion.csv").columns.tolist() == ["true", "anger", "fear", "no face"]
    assert classes_table(a_report())["images"].tolist() == [4, 6]


def test_the_same_evaluation_may_run_again_and_another_may_not(tmp_path):
    write_report(tmp_path, a_report(), pd.DataFrame({"name": ["a.jpg"]}))
    check_free(tmp_path, Path("run/best.pt"), Path("data"), "test")
    for checkpoint, data, split in (("run/last.pt", "data", "test"), ("run/best.pt", "other", "test")):
        with pytest.raises(UsageError, match="--force"):
            check_free(tmp_path, Path(checkpoint), Path(data), split)


def test_a_file_that_is_no_report_is_not_replaced(tmp_path):
    (tmp_path / "report.json").write_text("mine")
    with pytest.raises(UsageError, match="another file"):
        check_free(tmp_path, Path("run/best.pt"), Path("data"), "test")


def test_another_data_set_gets_a_folder_of_its_own(tmp_path):
    write_report(tmp_path / "test", a_report(), pd.DataFrame({"name": ["a.jpg"]}))
    names, checkpoint = ("test", "test-other"), Path("run/best.pt")
    assert free_folder(tmp_path, names, checkpoint, Path("data"), "test").name == "test"
    assert free_folder(tmp_path, names, checkpoint, Path("other"), "test").name == "test-other"
