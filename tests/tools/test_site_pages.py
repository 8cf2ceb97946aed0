"""The site has every page, and the service's routes."""

import os
import subprocess
import sys

import pytest

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


@pytest.mark.soak
def test_the_site_builds_without_a_warning_such_as_of_a_broken_link(tmp_path):
    pytest.importorskip("mkdocs_jupyter", reason="the site's tools are not installed: make site")
    pytest.importorskip("mkdocstrings")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"}
    for command in (["tools.site_pages"], ["mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]):
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "reference" / "python.html").exists()
