"""What tests of commands leave out."""

import pytest

from ampnet.reports import page, report_files


@pytest.fixture(autouse=True)
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures take longer than everything else in most tests of `eval`; tests/reports draws them."""
    monkeypatch.setattr(report_files, "figures", lambda report: {})
    monkeypatch.setattr(page, "figures", lambda report, titled: {})
