"""What tests of commands leave out."""

import pytest

from ampnet.reports import report_files, report_page


@pytest.fixture(autouse=True)
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures take longer than everything else in most tests of `eval`; tests/reports draws them."""
    monkeypatch.setattr(report_files, "figures", lambda report: {})
    monkeypatch.setattr(report_page, "figures", lambda report, titled: {})
