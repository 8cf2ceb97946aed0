"""`ampnet doctor` on this machine, and on one that computes wrong."""

import json
from contextlib import contextmanager

import pytest
from typer.testing import CliRunner

from ampnet.inference.precision import Parity
from cli import app
from pipelines import doctor

pytestmark = pytest.mark.slow


@pytest.fixture
def _torch_only(monkeypatch):
    """Leave the exports out, which take most of the time and have tests of their own."""
    monkeypatch.setattr(doctor, "_on_onnx", lambda *_arguments: "left out")


@pytest.mark.usefixtures("_torch_only")
def test_it_describes_the_machine_and_ends_with_0_where_the_answers_are_right():
    result = CliRunner().invoke(app, ["doctor", "--json"])
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert set(report["facts"]) == {"machine", "versions", "extras", "places"}
    assert all(extra.isidentifier() for extra in report["facts"]["extras"])  # no marker of a plain dependency
    assert report["facts"]["versions"]["torch"].startswith("2.")
    assert {check["way"] for check in report["golden"]} >= {"bundled:ferplus torch fp32", "bundled:fer2013 torch bf16"}
    assert report["problems"] == []


@pytest.mark.usefixtures("_torch_only")
def test_wrong_answers_are_named_in_one_line_each_and_end_with_1(monkeypatch):
    monkeypatch.setattr(doctor, "compare", lambda *_arguments: Parity(20, 0.4, 3))
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 1
    lines = [line for line in result.stderr.splitlines() if "golden answers differ by up to 0.4000" in line]
    assert len(lines) == 4  # two models, each in float32 and bfloat16
    assert "something is wrong" in result.stdout


def test_a_model_that_was_replaced_is_named(monkeypatch):
    monkeypatch.setattr(doctor, "sha256_of", lambda _file: "0" * 64)
    told = []

    @contextmanager
    def bar(title, _total, _done=0):
        yield lambda count=1, note="", more=0: told.append((title, count, note))

    report = doctor.run(bar)
    assert told == [("golden answers", 1, check.way) for check in report.golden]
    assert len(report.problems) == 2
    assert all(check.note == "its file is not the released one" for check in report.golden)
