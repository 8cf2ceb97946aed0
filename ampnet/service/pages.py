"""The files of the page of the service, and the model card as a separate page; nothing else can be requested."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token
from starlette.responses import Response

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Model card</title>
<link rel="stylesheet" href="/page.css">
<main class="model-card">
{content}</main>
</html>
"""

OUTER_LEVELS = 2
"""Headings that the page has above the card's first one."""

WIDE = {"table_open": "Table", "code_block": "Commands", "fence": "Commands"}
WIDE_ENDS = ("table_close", "code_block", "fence")
SCROLLED: dict[str, str | int | float] = {"class": "wide", "role": "region", "tabindex": 0}
"""What may be wider than a phone scrolls, by keyboard, too."""


def card_page(card: str) -> str:
    """Turn a model card into HTML.

    Markup in the card stays text; links, which mean files of the repository, become their words.

    Args:
        card: Markdown.
    """
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    return PAGE.format(content=markdown.renderer.render(list(_fitted(markdown.parse(card))), markdown.options, {}))


def _fitted(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        token.attrs.pop("style", None)  # the service's Content-Security-Policy allows none
        if token.type.startswith("heading"):
            token.tag = f"h{min(int(token.tag[1:]) + OUTER_LEVELS, 6)}"
        if token.children:
            token.children = [child for child in token.children if child.type not in ("link_open", "link_close")]
        if token.type in WIDE:
            yield Token("wide_open", "div", 1, attrs=SCROLLED | {"aria-label": WIDE[token.type]}, block=True)
        yield token
        if token.type in WIDE_ENDS:
            yield Token("wide_close", "div", -1, block=True)


FOLDER = Path(__file__).parent / "page"

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
}

FILES = sorted(path.name for path in FOLDER.iterdir() if path.suffix in TYPES)
"""Names of the page's files."""


def page_file(name: str) -> Response:
    """Answer with a file of the page, one of :data:`FILES`."""
    path = FOLDER / name
    return Response(path.read_bytes(), media_type=TYPES[path.suffix], headers={"Cache-Control": "no-cache"})
