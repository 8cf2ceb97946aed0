"""`make extras` leaves no extra out."""

from pathlib import Path

import pytest

from tools.environments import EXTRAS, REFUSED

tomllib = pytest.importorskip("tomllib", reason="part of Python since 3.11")

ROOT = Path(__file__).parents[2]
FOR_DEVELOPERS = {"dev", "docs", "release"}


def test_each_extra_for_users_is_tried_alone_and_asked_for_where_it_is_absent_and_named_in_the_readme():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    extras = declared.keys() - FOR_DEVELOPERS
    assert set(EXTRAS) == {*REFUSED, "video"} == extras
    install = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Install")[2].partition("## ")[0]
    assert all(f"`{extra}`" in install for extra in extras)
