"""The model card as HTML."""

import pytest

pytest.importorskip("fastapi")

from ampnet.service.pages import card_page


def test_markup_in_a_card_stays_text_and_links_become_words():
    page = card_page("See [the data](../data.md) <script>alert(1)</script> ![x](http://example.org/x.png)")
    assert "See the data &lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<img" not in page
    assert 'href="../' not in page


def test_headings_follow_those_of_the_page():
    page = card_page("# Card\n\n## Limits")
    assert "<h3>Card</h3>" in page
    assert "<h4>Limits</h4>" in page


def test_tables_can_be_scrolled_by_keyboard_and_bring_no_styles():
    page = card_page("| a | b |\n|---|--:|\n| 1 | 2 |")
    assert '<div class="wide" role="region" tabindex="0" aria-label="Table">\n<table>' in page
    assert "style=" not in page
    assert page.count("<div") == page.count("</div>") == 1
