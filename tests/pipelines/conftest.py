"""What tests of commands leave out."""

import pytest

from tests.small_report import draw_nothing


@pytest.fixture(autouse=True)
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out figures; tests/reports and tests/training draw them."""
    draw_nothing(monkeypatch)
