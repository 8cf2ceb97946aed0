"""A release is stopped where answers have become less steady than published, and not by a label more."""

from pathlib import Path

import pytest

from ampnet.robustness.steadiness import CHANGES, JITTER, ChangeRates, Steadiness
from tools.steady_rates import MEAN, published_rates, risen

PAGE = (Path(__file__).parents[2] / "docs" / "robustness.md").read_text(encoding="utf-8")


def measured(photos, **changes):
    """Return rates of no change at all, but for some (labels, moved)."""
    rows = []
    for change in CHANGES:
        labels, moved = changes.get(change.name, (0, 0.0))
        rows.append(ChangeRates(change.name, change.about, labels / photos, moved, 0))
    return Steadiness(photos, 0, tuple(rows))


def test_the_page_publishes_a_rate_for_each_change():
    published = published_rates(PAGE)
    assert published.keys() == {
        *(change.about for change in CHANGES),
        MEAN,
        f"landmarks moved by {JITTER:.0%} of the face",
    }
    assert all(0 <= changed < 0.5 and 0 < moved < 0.5 for changed, moved in published.values())


NOTHING = {**{change.about: (0.0, 0.1) for change in CHANGES}, MEAN: (0.0, 0.1)}


@pytest.mark.parametrize(
    ("changes", "risen_rows"),
    [
        ({}, []),
        ({"moved": (2, 0.12)}, []),
        ({"flat": (3, 0.1)}, ["contrast x 0.3"]),
        ({"dark": (0, 0.13)}, ["brightness x 0.25"]),
        ({"moved": (2, 0.1), "scaled": (1, 0.1)}, [MEAN]),
    ],
)
def test_two_labels_or_two_hundredths_more_are_noise_and_anything_further_is_a_problem(changes, risen_rows):
    problems = risen(NOTHING, measured(84, **changes))
    assert [problem.split(": ")[1] for problem in problems] == risen_rows


def test_a_change_without_a_published_rate_is_a_problem():
    published = {about: rates for about, rates in NOTHING.items() if about != "mirrored"}
    assert risen(published, measured(84)) == ["steadiness: mirrored has no published rate"]
