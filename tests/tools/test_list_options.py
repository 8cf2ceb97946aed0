"""docs/options.md lists the options as the code has them."""

from tools.list_options import PAGE, page


def test_the_page_is_the_one_that_the_fields_give():
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m tools.list_options`"


def test_the_page_shows_ranges_defaults_and_sentences_and_escapes_markup():
    lines = page().splitlines()
    assert "| `--fold` | whole number, within [0, 9] | `0` | Test fold for data sets split by subject. |" in lines
    assert "| `erase` | number, within [0, 1] | `0.0` | `0.3` | Probability of random erasing. |" in lines
    assert any("quoted patterns ('\\*\\*/\\*.jpg')" in line for line in lines)
