"""docs/options.md lists the options as the code has them."""

import re
from pathlib import Path

from tools.list_options import PAGE, page

ROOT = Path(__file__).parents[2]


def test_the_page_is_the_one_that_the_fields_give():
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m tools.list_options`"


def test_the_page_shows_ranges_defaults_and_sentences_and_escapes_markup():
    lines = page().splitlines()
    assert "| `--fold` | whole number, within [0, 9] | `0` | Test fold for data sets split by subject. |" in lines
    assert "| `erase` | number, within [0, 1] | `0.0` | `0.3` | Probability of random erasing. |" in lines
    assert any("quoted patterns ('\\*\\*/\\*.jpg')" in line for line in lines)


OF_PIP_AND_NPM = {
    "--force-reinstall",
    "--no-deps",
    "--upgrade",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--prefix",
}
FORMER = {"--max-connections"}
"""Options of earlier versions, which a message still explains."""


def test_messages_name_options_that_there_are():
    known = {*re.findall(r"--[a-z0-9-]+", page()), "--help", "--version", "--no-", *OF_PIP_AND_NPM, *FORMER}
    named = {
        (option, path.name)
        for folder in ("ampnet", "pipelines")
        for path in (ROOT / folder).rglob("*.py")
        for option in re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", path.read_text(encoding="utf-8"))
    }
    assert len(named) > 100
    assert {(option, name) for option, name in named if option not in known} == set()
