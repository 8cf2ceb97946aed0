"""Model card, model index, results and datasheet say what is stored."""

import pytest

from tools.scientific_record import SCORES, _replace, _scores, record


@pytest.mark.parametrize("path", record(), ids=lambda path: path.name)
def test_each_page_is_the_one_that_the_stored_numbers_give(path):
    assert path.read_text(encoding="utf-8") == record()[path], "run `python -m tools.scientific_record`"


def test_new_scores_replace_the_rows_of_their_table_and_nothing_else():
    head = f"| | {SCORES} |\n|---|---|---|---|---|\n"
    value = {"value": 0.5, "interval": [0.25, 0.75]}
    places = ("crowd.scores.accuracy", "crowd.scores.mean_class_accuracy", "all.accuracy", "all.macro_f1")
    rows = _scores([("ferplus", dict.fromkeys(places, value))])
    found = _replace(f"before\n\n{head}| old | 1 | 2 | 3 | 4 |\n\nafter\n", SCORES, 0, rows)
    cells = "| 50.0% (25.0 to 75.0) | 50.0 (25.0 to 75.0) | 50.0% (25.0 to 75.0) | 50.0 (25.0 to 75.0) |"
    assert found == f"before\n\n{head}| ferplus {cells}\n\nafter\n"
