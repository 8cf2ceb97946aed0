"""metrics.json is what its schema says, and the schema what the numbers' types say."""

import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator, ValidationError

from ampnet.evaluation.report import Metrics
from ampnet.reports.metrics_file import SCHEMA_FILE, plain_metrics
from tests.small_report import small_provenance, small_report
from tools.write_schema import schema_of

MATRIX = np.array([[3, 1, 0], [0, 4, 2]])


@pytest.fixture(scope="module")
def validator():
    schema = json.loads((files("ampnet.reports") / SCHEMA_FILE).read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def plain(report):
    return json.loads(json.dumps(plain_metrics(report), allow_nan=False))


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
    assert set(report) == set(validator.schema["$defs"]["Metrics"]["properties"])
    wrong = [
        {**report, "acuracy": 0.5},
        {name: report[name] for name in report if name != "all"},
        {**report, "images": -1},
        {**report, "about": {**report["about"], "sha256": "no hash"}},
        {**report, "heads": {**report["heads"], "beta": 1.5}},
    ]
    for changed in wrong:
        with pytest.raises(ValidationError):
            validator.validate(changed)


def unordered(schema):
    """Sort alternatives, which versions of msgspec list in other orders."""
    if isinstance(schema, dict):
        inner = {name: unordered(part) for name, part in schema.items()}
        return {**inner, "anyOf": sorted(inner["anyOf"], key=str)} if "anyOf" in inner else inner
    return [unordered(part) for part in schema] if isinstance(schema, list) else schema


def test_the_schema_in_the_package_is_the_one_that_follows_from_the_types(validator):
    assert unordered(validator.schema) == unordered(schema_of(Metrics)), "run `make schema`"


def test_a_field_s_sentence_becomes_its_description(validator):
    described = validator.schema["$defs"]["HeadScores"]["properties"]
    assert described["global"]["description"] == "The global head (GP) alone."
    assert all("description" in validator.schema["$defs"][name] for name in validator.schema["$defs"])


def test_metrics_json_of_an_earlier_version_follows_the_schema(validator):
    """The file was written when the schema was still kept by hand (commit 3de4928)."""
    stored = json.loads((Path(__file__).parent / "earlier_metrics.json").read_text(encoding="utf-8"))
    validator.validate(stored)
