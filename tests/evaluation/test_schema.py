"""metrics.json is what its schema says."""

import json
from importlib.resources import files

import numpy as np
import pytest
from jsonschema import Draft202012Validator, ValidationError

from tests.small_report import small_provenance, small_report

MATRIX = np.array([[3, 1, 0], [0, 4, 2]])


@pytest.fixture(scope="module")
def validator():
    schema = json.loads((files("ampnet.evaluation") / "metrics.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def plain(report):
    return json.loads(json.dumps(report.to_dict(), allow_nan=False))


def test_a_full_report_follows_the_schema(validator):
    copies = np.array(["", "near", "exact", *[""] * 7])
    report = plain(small_report(MATRIX, ("anger", "fear"), copies=copies, with_votes=True, notes=["a caveat"]))
    validator.validate(report)
    assert all(report[part] is not None for part in ("scored", "top2", "probabilities", "heads", "copies", "crowd"))


def test_a_report_with_nothing_but_answers_and_an_empty_class_follows_the_schema(validator):
    report = small_report([[0, 0, 0], [0, 0, 2]], ("anger", "fear"), small_provenance(kind="predictions", model={}))
    validator.validate(plain(report))
    assert report.scored is None


def test_every_number_of_the_report_is_described_and_no_other_is_allowed(validator):
    report = plain(small_report(MATRIX, ("anger", "fear")))
    assert set(report) == set(validator.schema["required"])
    for changed in ({**report, "acuracy": 0.5}, {name: report[name] for name in report if name != "all"}):
        with pytest.raises(ValidationError):
            validator.validate(changed)
