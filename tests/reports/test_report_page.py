"""report.html in a real browser: it loads, fits a phone, can be read, and says what metrics.json says."""

import json
from pathlib import Path

import pytest

from ampnet.settings import EvalConfig
from pipelines.evaluate import run
from tests.browser import CONTRASTS, browser, needs_browser, set_screen
from tests.prepared_faces import write_prepared_faces

pytestmark = [needs_browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The report on the bundled model over rendered faces."""
    data = write_prepared_faces(tmp_path_factory.mktemp("faces"), train=1, val=1, test=4)
    out = tmp_path_factory.mktemp("report")
    run(EvalConfig(checkpoint=Path("bundled"), data=data, out=out, gpus=0, workers=0), quiet=True)
    return out


@pytest.fixture(scope="module")
def page(folder, tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as driver:
        set_screen(driver, 1200, 900)
        driver.get((folder / "report.html").as_uri())
        yield driver


def test_nothing_is_wrong_in_the_console_and_nothing_is_loaded_from_elsewhere(page, folder):
    assert [entry for entry in page.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []
    loaded = page.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert all(name.startswith("data:") for name in loaded)
    assert "http" not in (folder / "report.html").read_text().replace("http://www.w3.org", "")


def test_every_picture_loads_and_is_described(page):
    pictures = page.execute_script(
        "return [...document.images].map(image => [image.complete && image.naturalWidth, image.alt])"
    )
    assert len(pictures) >= 3
    assert all(width == 224 and alt.startswith("A face labelled") for width, alt in pictures)
    charts = page.execute_script("return [...document.querySelectorAll('svg.chart')].map(svg => svg.ariaLabel)")
    assert len(charts) == 4
    assert all(charts)


def test_every_number_on_the_page_is_one_of_metrics_json(page, folder):
    metrics = json.loads((folder / "metrics.json").read_text())
    shown = page.execute_script(
        "return [...document.querySelectorAll('[data-metric]')]"
        ".map(cell => [cell.dataset.metric, cell.dataset.value, cell.textContent.trim()])"
    )
    assert len(shown) > 80
    for path, value, text in shown:
        expected = metrics
        for key in path.split("."):
            expected = expected[int(key)] if isinstance(expected, list) else expected[key]
        assert float(value) == pytest.approx(expected), path
        if path.startswith("confusion.counts"):
            row, column = (int(key) for key in path.split(".")[2:])
            expected = metrics["confusion"]["shares"][row][column]
            assert text == (f"{100 * expected:.0f}" if value != "0" else ""), path
        elif any(part in path for part in ("kappa", "matthews", "log_loss", "brier", "coverage.area")):
            assert text == f"{expected:.3f}", path
        else:
            assert text.rstrip(" %") in (f"{100 * expected:.1f}", f"{100 * expected:.0f}"), path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_it_fits_the_screen_and_can_be_read(page, width, scheme):
    set_screen(page, width, 800, scheme)
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    assert page.execute_script(CONTRASTS) == []
    background = page.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 29)"}[scheme]


def test_what_scrolls_can_be_reached_by_keyboard(page):
    unreachable = page.execute_script(
        "return [...document.querySelectorAll('*')].filter(element => element.scrollWidth > element.clientWidth + 1"
        " && getComputedStyle(element).overflowX === 'auto' && element.tabIndex < 0).length"
    )
    assert unreachable == 0
    headings = page.execute_script("return [...document.querySelectorAll('h1, h2, h3')].map(item => item.tagName)")
    assert headings.count("H1") == 1
