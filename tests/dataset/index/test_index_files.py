"""meta.json and classes.json of anybody."""

import json
from pathlib import Path
from typing import Any

import pytest

from ampnet.dataset.index.index_files import distinct, read_class_names, read_meta
from ampnet.errors import DataError

GOOD: dict[str, Any] = {
    "format_version": 1,
    "class_names": ["fear", "joy"],
    "splits": ["train", "test"],
    "layout": "folders",
    "raw_dir": "/data/caf\udce9",  # as json.dumps writes a folder of that Latin-1 name
    "counts": {"train": {"fear": {"detected": 5}}, "test": {"joy": {"detected": 1, "rejected": 2}}},
}


def test_a_file_of_prepare_is_read(tmp_path: Path) -> None:
    (tmp_path / "meta.json").write_text(json.dumps(GOOD))
    meta = read_meta(tmp_path / "meta.json")
    assert meta is not None
    assert (meta.class_names, meta.splits, meta.layout) == (("fear", "joy"), ["train", "test"], "folders")
    assert meta.rejected() == {"test": {"joy": 2}}
    assert read_meta(tmp_path / "missing.json") is None


@pytest.mark.parametrize(
    "change",
    [
        {"class_names": None},
        {"class_names": "fear"},
        {"class_names": ["fear"]},
        {"class_names": ["fear", 5]},
        {"class_names": ["fear", ""]},
        {"class_names": ["fear", "x" * 101]},
        {"class_names": [f"class {number}" for number in range(101)]},
        {"splits": "train"},
        {"splits": ["train", "tset"]},
        {"layout": 5},
        {"layout": "x" * 10_000},
        {"framing": []},
        {"counts": [1, 2]},
        {"counts": {"train": []}},
        {"counts": {"train": {"fear": 5}}},
        {"counts": {"train": {"fear": {"rejected": "5"}}}},
        {"counts": {"train": {"fear": {"rejected": -5}}}},
        {"counts": {"train": {"fear": {"rejected": 1.5}}}},
        {"counts": {"train": {"fear": {"rejected": 10**30}}}},
        {"counts": {"train": {"fear": {"rejected": {"a": {"b": 1}}}}}},
        {"counts": {"train": {"fear": {"rejected": float("nan")}}}},
    ],
    ids=lambda change: json.dumps(change)[:50],
)
def test_entries_of_a_wrong_kind_are_refused_by_their_place(tmp_path: Path, change: dict[str, Any]) -> None:
    (tmp_path / "meta.json").write_text(json.dumps({**GOOD, **change}))
    with pytest.raises(DataError, match=rf"meta\.json: .*\$\.{next(iter(change))}.*; run prepare again"):
        read_meta(tmp_path / "meta.json")


@pytest.mark.parametrize("content", ["", "{}", "[]", "5", "{" * 10_000, '{"class_names":' + "[" * 100_000])
def test_a_file_that_is_no_meta_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "meta.json").write_text(content)
    with pytest.raises(DataError, match=r"meta\.json: .*; run prepare again"):
        read_meta(tmp_path / "meta.json")


def test_class_names_are_printable_and_different(tmp_path: Path) -> None:
    (tmp_path / "classes.json").write_text(r'["calm\u001b[2J", "caf\udce9"]')
    assert read_class_names(tmp_path / "classes.json") == (r"calm\x1b[2J", r"caf\xe9")
    for names, reason in ((("joy", "joy"), "the class joy twice"), (("joy", " "), "a class without a name")):
        with pytest.raises(DataError, match=reason):
            distinct(names, tmp_path)


@pytest.mark.parametrize("content", ["{}", '{"0": "calm"}', '["calm"]', '["calm", 1]', "[" * 100_000])
def test_other_class_lists_are_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "classes.json").write_text(content)
    with pytest.raises(DataError, match=r"classes\.json: .*; it must be a JSON list of two or more class names"):
        read_class_names(tmp_path / "classes.json")
