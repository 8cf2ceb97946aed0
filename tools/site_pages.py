"""Gather the site's pages in build/pages: the repository's, as they are, and two made from the code.

    make site        # or: python -m tools.site_pages && python -m mkdocs build --strict

The Markdown keeps its places, so that its links hold on the site as they do in the tree; what they lead to is
copied, too.
"""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import griffe

import ampnet
from tools.snapshot import openapi

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "build" / "pages"
LINK = re.compile(r"\]\(([^)#:\s]+)")
"""Target of a relative link or picture in Markdown."""


ROLE = re.compile(r":(?:attr|class|func|meth|mod):(?=<code>)")
"""What stands before names in our docstrings, for readers of the source."""


def on_page_content(html: str, **_: object) -> str:
    """Leave the roles of docstrings out; mkdocs calls this for each page."""
    return ROLE.sub("", html)


def main() -> None:
    """Write build/pages anew."""
    shutil.rmtree(PAGES, ignore_errors=True)
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in listed.splitlines():
        page = ROOT / name
        if page.parts[-2] in ("ISSUE_TEMPLATE", ".github"):
            continue
        for source in (page, *(page.parent / target for target in LINK.findall(page.read_text(encoding="utf-8")))):
            if source.resolve().is_file():
                copy = PAGES / source.resolve().relative_to(ROOT)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, copy)
    made = PAGES / "reference"
    made.mkdir()
    (made / "python.md").write_text(_python(), encoding="utf-8")
    (made / "http.md").write_text(_http(openapi()), encoding="utf-8")


def _python() -> str:
    """Name the public objects at their homes; mkdocstrings writes their signatures and docstrings."""
    package = griffe.load("ampnet", search_paths=[ROOT], allow_inspection=False)
    homes = [package[name].canonical_path for name in ampnet.__all__ if package[name].is_alias]
    parts = ["# Python\n\nThe names in `ampnet.__all__`; `from ampnet import Predictor` imports one.\n"]
    parts += [f"::: {home}\n" for home in homes]
    parts += ["## Without torch: `ampnet.onnx`\n"]
    parts += [f"::: {package['onnx'][name].canonical_path}\n" for name in map(str, package["onnx"].exports or [])]
    return "\n".join(parts)


def _http(described: dict[str, Any]) -> str:
    """Describe each route from the service's own OpenAPI description."""
    parts = [
        "# HTTP\n\n[The service](../docs/serve.md) describes itself at `/openapi.json`; this page is made from that.\n"
    ]
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            parts.append(f"## {method.upper()} {path}\n\n{operation['summary']}\n")
            if parameters := operation.get("parameters"):
                rows = [(one["name"], one["schema"].get("type", ""), one.get("description", "")) for one in parameters]
                parts.append(_table(("parameter", "type", ""), rows))
            answers = [(code, answer["description"]) for code, answer in sorted(operation["responses"].items())]
            parts.append(_table(("status", "answer"), answers))
    for name, schema in described["components"]["schemas"].items():
        keys = schema.get("properties", {}).items()
        rows = [(f"`{key}`", _type(value), value.get("description", "")) for key, value in keys]
        parts.append(f"## JSON: {name}\n\n{schema.get('description', '')}\n\n" + _table(("key", "type", ""), rows))
    return "\n".join(parts)


def _type(value: dict[str, Any]) -> str:
    if "anyOf" in value:
        return " or ".join(map(_type, value["anyOf"]))
    if "enum" in value:
        return ", ".join(f"`{one}`" for one in value["enum"])
    if "$ref" in value:
        return str(value["$ref"]).rpartition("/")[2]
    items = value.get("items")
    return f"array of {_type(items)}" if items else str(value.get("type", "any"))


def _table(head: tuple[str, ...], rows: list[Any]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


if __name__ == "__main__":
    main()
