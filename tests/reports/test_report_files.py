"""Reports say everything in files, and replace only themselves."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ampnet.errors import UsageError
from ampnet.reports.report_files import check_free, classes_table, free_folder, write_report
from tests.small_report import small_report

pytestmark = pytest.mark.slow

NAMES = ("anger", "fear")
FIGURES = ("confusion", "classes", "reliability", "risk_coverage", "fusion", "priors")
MATRIX = np.array([[3, 1, 0], [0, 4, 2]])
"""Two of six fearful images have no face."""


def a_report():
    return small_report(MATRIX, NAMES)


def test_all_numbers_are_in_the_json(tmp_path):
    write_report(tmp_path / "eval", a_report())
    plain = json.loads((tmp_path / "eval" / "metrics.json").read_text())
    assert (plain["images"], plain["undetected"]) == (10, 2)
    assert plain["all"]["accuracy"]["value"] == plain["heads"]["fused"]["value"] == 0.7
    assert plain["scored"]["accuracy"]["value"] == pytest.approx(7 / 8)
    assert plain["confusion"]["counts"] == MATRIX.tolist()
    assert plain["confusion"]["shares"][0] == [0.75, 0.25, 0]
    assert plain["confusion"]["columns"] == ["anger", "fear", "no face"]
    assert {path.name for path in (tmp_path / "eval").iterdir()} == {
        "metrics.json",
        "classes.csv",
        "confusion.csv",
        "confusion_shares.csv",
        "predictions.csv",
        "classes.tex",
        *(f"{name}.{form}" for name in FIGURES for form in ("png", "svg")),
    }


def test_tables_carry_the_lost_images_by_class(tmp_path):
    write_report(tmp_path, a_report())
    classes = pd.read_csv(tmp_path / "classes.csv")
    assert classes["undetected"].tolist() == [0, 2]
    assert classes["recall"].tolist() == pytest.approx([3 / 4, 4 / 6])
    assert pd.read_csv(tmp_path / "confusion.csv").columns.tolist() == ["true", "anger", "fear", "no face"]
    assert classes_table(a_report())["images"].tolist() == [4, 6]


def test_the_same_evaluation_may_run_again_and_another_may_not(tmp_path):
    write_report(tmp_path, a_report())
    check_free(tmp_path, Path("run/best.pt"), Path("data"), "test")
    for checkpoint, data, split in (("run/last.pt", "data", "test"), ("run/best.pt", "other", "test")):
        with pytest.raises(UsageError, match="--force"):
            check_free(tmp_path, Path(checkpoint), Path(data), split)


def test_a_file_that_is_no_report_is_not_replaced(tmp_path):
    (tmp_path / "metrics.json").write_text("mine")
    with pytest.raises(UsageError, match="another file"):
        check_free(tmp_path, Path("run/best.pt"), Path("data"), "test")


def test_another_data_set_gets_a_folder_of_its_own(tmp_path):
    write_report(tmp_path / "test", a_report())
    names, checkpoint = ("test", "test-other"), Path("run/best.pt")
    assert free_folder(tmp_path, names, checkpoint, Path("data"), "test").name == "test"
    assert free_folder(tmp_path, names, checkpoint, Path("other"), "test").name == "test-other"


def test_an_earlier_versions_report_on_the_same_evaluation_is_replaced_and_another_is_kept(tmp_path):
    former = {"checkpoint": str(Path("run/best.pt").resolve()), "data": str(Path("data").resolve()), "split": "test"}
    (tmp_path / "report.json").write_text(json.dumps(former))
    with pytest.raises(UsageError, match="--force"):
        check_free(tmp_path, Path("run/best.pt"), Path("data"), "val")
    check_free(tmp_path, Path("run/best.pt"), Path("data"), "test")
    write_report(tmp_path, a_report())
    assert not (tmp_path / "report.json").exists()
