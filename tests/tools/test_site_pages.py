"""The site has every page, and the service's routes."""

import os
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.browser import browser, needs_browser, set_screen
from tools.site_pages import ROOT, _http, on_page_content
from tools.snapshot import openapi


def test_every_page_of_docs_is_in_the_sites_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert [page.name for page in (ROOT / "docs").glob("*.[mi][dp]*") if f"docs/{page.name}\n" not in navigation] == []


def test_the_page_about_http_has_routes_parameters_and_keys():
    page = _http(openapi())
    assert "## POST /v1/predict" in page
    assert "| annotate | boolean |" in page
    assert "| `is_local` | boolean | Whether only this machine reaches the service. |" in page


def test_roles_of_docstrings_are_left_out():
    assert on_page_content("see :func:<code>x</code>: more") == "see <code>x</code>: more"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built without a warning, such as of a broken link."""
    pytest.importorskip("mkdocs_jupyter", reason="the site's tools are not installed: make site")
    pytest.importorskip("mkdocstrings")
    folder = tmp_path_factory.mktemp("site")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"}
    for command in (["tools.site_pages"], ["mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]):
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    return folder


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.mark.soak
@needs_browser
def test_every_page_of_the_site_fits_a_phone_and_has_all_that_it_shows(site, tmp_path):
    pages = sorted(page.relative_to(site).as_posix() for page in site.rglob("*.html"))
    assert {"index.html", "docs/video.html", "docs/options.html", "reference/python.html"} <= {*pages}
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(site))) as server,
        browser(tmp_path) as driver,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        set_screen(driver, 360, 800)
        found = {}
        for page in pages:
            driver.get(f"http://127.0.0.1:{server.server_port}/{page}")
            width = driver.execute_script("return document.documentElement.scrollWidth")
            found[page] = width, [one["message"] for one in driver.get_log("browser") if one["level"] == "SEVERE"]
        server.shutdown()
    assert {page: told for page, told in found.items() if told != (360, [])} == {}
