"""The site has every page, and the service's routes."""

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
