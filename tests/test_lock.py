"""requirements.lock holds a version for whatever pyproject.toml asks for, except the tools of the site."""

import re
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]


def test_the_lock_has_only_allowed_versions_of_direct_dependencies_and_names_no_host():
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text
    locked: dict[str, list[str]] = {}
    for line in text.splitlines():
        pinned = Requirement(line)
        locked.setdefault(canonicalize_name(pinned.name), []).append(re.search("==(.+)", str(pinned.specifier))[1])
    asked = [Requirement(line) for line in metadata.requires("ampnet")]
    for one in asked:
        if one.name != "ampnet" and 'extra == "docs"' not in str(one.marker):
            versions = locked.get(canonicalize_name(one.name), [])  # one that is missing is free until `make lock`
            assert all(one.specifier.contains(version, prereleases=True) for version in versions), one
