"""Reports say everything in files, and replace only themselves."""

import json

import numpy as np
import pandas as pd
import pytest

from ampnet.reports.report_page import write_report
from tests.small_report import draw_nothing, small_report

pytestmark = pytest.mark.slow

NAMES = ("anger", "fear")
FIGURES = ("confusion", "classes", "reliability", "risk_coverage", "fusion", "priors")
MATRIX = np.array([[3, 1, 0], [0, 4, 2]])
"""Two of six fearful images have no face."""


@pytest.fixture(scope="module")
def report():
    return small_report(MATRIX, NAMES)


@pytest.fixture(scope="module")
def written(report, tmp_path_factory):
    """The folder of a report; drawing its figures takes longer than everything else here."""
    folder = tmp_path_factory.mktemp("eval") / "test"
    write_report(folder, report)
    return folder


def test_all_numbers_are_in_the_json(written):
    plain = json.loads((written / "metrics.json").read_text())
    assert (plain["images"], plain["undetected"]) == (10, 2)
    assert plain["all"]["accuracy"]["value"] == plain["heads"]["fused"]["value"] == 0.7
    assert plain["scored"]["accuracy"]["value"] == pytest.approx(7 / 8)
    assert plain["confusion"]["counts"] == MATRIX.tolist()
    assert plain["confusion"]["shares"][0] == [0.75, 0.25, 0]
    assert plain["confusion"]["columns"] == ["anger", "fear", "no face"]
    assert {path.name for path in written.iterdir()} == {
        "metrics.json",
        "classes.csv",
        "confusion.csv",
        "confusion_shares.csv",
        "predictions.csv",
        "classes.tex",
        *(f"{name}.{form}" for name in FIGURES for form in ("png", "svg")),
    }


def test_tables_carry_the_lost_images_by_class(written):
    classes = pd.read_csv(written / "classes.csv")
    assert classes["undetected"].tolist() == [0, 2]
    assert classes["recall"].tolist() == pytest.approx([3 / 4, 4 / 6])
    assert pd.read_csv(written / "confusion.csv").columns.tolist() == ["true", "anger", "fear", "no face"]
    assert classes["images"].tolist() == [4, 6]


def test_an_earlier_versions_report_in_the_folder_goes(tmp_path, report, monkeypatch):
    draw_nothing(monkeypatch)
    (tmp_path / "report.json").write_text("{}")
    write_report(tmp_path, report)
    assert not (tmp_path / "report.json").exists()


def test_figures_that_an_earlier_report_had_do_not_stay_beside_this_one(tmp_path, report, monkeypatch):
    draw_nothing(monkeypatch)
    (tmp_path / "priors.svg").write_text("my own")
    write_report(tmp_path, report)
    assert (tmp_path / "priors.svg").exists()  # there was no report that it could be of
    for name in ("priors.png", "reliability.svg", "mine.svg"):
        (tmp_path / name).touch()
    write_report(tmp_path, report)
    assert [path.name for path in tmp_path.glob("*.[ps][nv]g")] == ["mine.svg"]
