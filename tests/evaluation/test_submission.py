"""A submission has the coverage that its protocol asks for."""

import pytest

from ampnet.errors import DataError
from ampnet.evaluation.submission import Rules, submission
from tests.small_report import small_report


def test_exactly_the_coverage_that_is_asked_for_is_enough():
    report = small_report([[30, 0, 20], [0, 25, 25]], ("anger", "fear"))  # 55 of 100 images have an answer
    rules = Rules(data=report.about.index_sha256, rule="labels", coverage=0.55)
    assert submission(rules, report)["answered"] == 55
    with pytest.raises(DataError, match=r"55 of 100 images have an answer; the protocol asks for 55\.1%"):
        submission(Rules(data=rules.data, rule="labels", coverage=0.551), report)
