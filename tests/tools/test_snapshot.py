"""What is public changes only with a line of the changelog."""

import json
import re

from ampnet import __version__
from tools.snapshot import ROOT, STORED, current, unlogged

OPTIONS = {"option train --epochs": "int = 10", "option train --seed": "int = 0"}


def test_each_difference_from_the_last_release_is_in_the_changelog():
    stored = json.loads(STORED.read_text(encoding="utf-8"))
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = changelog.index(f"\n## {stored['version']}")
    if stored["version"] == __version__:  # not released yet: its section still grows
        released = changelog.index("\n## ", released + 1)
    missing = unlogged(stored["names"], current(), changelog[:released])
    assert missing == [], "name each of these in CHANGELOG.md, between backticks"


def test_a_changed_default_and_a_removed_option_have_to_be_named():
    new = {"option train --epochs": "int = 20"}
    assert unlogged(OPTIONS, new, "train for longer; seeds are gone") == [
        "option train --epochs",
        "option train --seed",
    ]
    assert unlogged(OPTIONS, new, "`ampnet train --epochs N` is 20") == ["option train --seed"]
    assert unlogged(OPTIONS, new, "`--epochs` is 20, and `--seed` is gone") == []


def test_a_new_command_speaks_for_its_options():
    new = OPTIONS | {"option sum --rate": "float = 6.0", "option sum --out": "str = x"}
    assert unlogged(OPTIONS, new, "`ampnet sum`") == []
    assert len(unlogged(OPTIONS, new, "a sum")) == 2


def test_the_snapshot_holds_each_kind_of_name():
    names = current()
    assert names["format checkpoint"] == "1"
    assert names["option eval --split"].endswith("= test")
    assert names["python ampnet load_checkpoint"].startswith("(path: Path | str)")
    assert names["csv probability"] == "number"
    assert re.fullmatch("explain annotate -> .*413.*", names["http POST /v1/predict"])
    assert "metrics.json Scores accuracy" in names
