"""The model card as a page of its own, which the page of the service shows, too."""

from collections.abc import Iterator, Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

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
