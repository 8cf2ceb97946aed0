"""The record of an unfinished prepare: what a run wrote comes back, what anybody else wrote is refused."""

import json
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from ampnet.dataset.index.faces_table import FaceRow
from ampnet.dataset.index.raw_images import SourceImage
from ampnet.dataset.preparation.frames import PreparedFace
from ampnet.dataset.preparation.prepare_journal import PrepareJournal
from ampnet.errors import DataError

PLAN = {"crop": "face", "crop_reason": "as requested", "images": 2}
ITEMS = [
    SourceImage(Path("raw"), os.fsdecode(b"caf\xe9/a.jpg"), "train", "fear"),
    SourceImage(Path("raw"), "b.jpg", "", "joy"),
]
DETECTED = PreparedFace(
    0,
    FaceRow("train_a.jpg", ITEMS[0].relative, "train", "fear", "detected", "", 0.9, (1.0, 2.0, 3.0, 4.0), 1, 48, 48),
    landmarks=tuple(map(float, range(10))),
    relative_landmarks=(0.5,) * 10,
    side=48.0,
    grey=True,
)
REJECTED = PreparedFace(1, FaceRow("", "b.jpg", "", "joy", "rejected", "no face found", traits=("few-tones",)))


def make_journal(root: Path, line: bytes | None = None) -> PrepareJournal:
    """A started journal with one line in its record: that of two faces, or another."""
    journal = PrepareJournal(root)
    journal.restart(PLAN)
    with journal:
        journal.add_chunk(0, [DETECTED, REJECTED])
    if line is not None:
        plan = journal.path.read_bytes().splitlines(keepends=True)[0]
        journal.path.write_bytes(plan + line + b"\n")
    return journal


def test_plan_and_faces_come_back_as_written(tmp_path: Path) -> None:
    make_journal(tmp_path)
    journal = PrepareJournal(tmp_path)
    assert journal.plan() == PLAN
    assert journal.finished() == {0}
    assert list(journal.faces(ITEMS)) == [DETECTED, REJECTED]


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"crop": "face"}', '{"crop": "all", "crop_reason": ""}', '{"crop":' + "[" * 100_000]
)
def test_another_plan_is_refused(tmp_path: Path, content: str) -> None:
    journal = make_journal(tmp_path)
    journal.path.write_text(content + "\n")
    with pytest.raises(DataError, match=r"\.prepare.*; start over with --force"):
        journal.plan()


@pytest.mark.parametrize(
    "line",
    [b"", b"{}", b"[]", b'{"chunk": "0"}', b'{"chunk": -1}', b'{"chunk": true}', b"[" * 100_000, b'{"chunk": NaN}'],
)
def test_a_line_of_another_form_is_no_finished_chunk(tmp_path: Path, line: bytes) -> None:
    assert make_journal(tmp_path, line).finished() == set()


def line_of(**changes: Any) -> bytes:
    """A chunk of one face, with other values in it or (``row_name``, ...) in its row."""
    face = asdict(DETECTED)
    for key, value in changes.items():
        (face["row"] if key.startswith("row_") else face)[key.removeprefix("row_")] = value
    return json.dumps({"chunk": 0, "faces": [face]}).encode()


@pytest.mark.parametrize(
    "line",
    [
        b'{"chunk": 0}',
        b'{"chunk": 0, "faces": 5}',
        b'{"chunk": 0, "faces": [{"item": 0}]}',
        line_of(item=5),
        line_of(item=-1),
        line_of(item="0"),
        line_of(row_name="../canary.jpg"),
        line_of(row_name="/tmp/canary.jpg"),
        line_of(row_name="canary.png"),
        line_of(row_name=""),
        line_of(row_status="rejected"),
        line_of(row_status="lost"),
        line_of(row_source="another.jpg"),
        line_of(row_class_name="joy"),
        line_of(row_box=[1, 2, 3]),
        line_of(landmarks=[1, 2, 3]),
        line_of(landmarks=[float("nan")] * 10),
        line_of(landmarks=[[1.0] * 10]),
        line_of(relative_landmarks=[]),
        line_of(side=float("inf")),
    ],
)
def test_faces_that_the_data_set_does_not_have_are_refused(tmp_path: Path, line: bytes) -> None:
    journal = make_journal(tmp_path, line)
    assert journal.finished() == {0}
    with pytest.raises(DataError, match=r"journal\.jsonl: chunk 0 is damaged .*; start over with --force"):
        list(journal.faces(ITEMS))


def test_a_record_that_is_a_link_or_a_pipe_is_not_written_to(tmp_path: Path) -> None:
    journal = make_journal(tmp_path / "out")
    record, canary = journal.path, tmp_path / "canary"
    canary.write_text("mine\n")
    record.unlink()
    record.symlink_to(canary)
    with pytest.raises(DataError, match=r"cannot write .*journal\.jsonl"), journal:
        pass
    assert canary.read_text() == "mine\n"
    record.unlink()
    os.mkfifo(record)
    with pytest.raises(DataError, match="it is a pipe"):
        journal.finished()


def test_a_row_of_an_earlier_version_lacks_later_values(tmp_path: Path) -> None:
    face = asdict(DETECTED)
    for key in ("traits", "grey_mean", "grey_spread", "subject"):
        del face["row"][key]
    journal = make_journal(tmp_path, json.dumps({"chunk": 0, "faces": [face]}).encode())
    journal.finished()
    assert list(journal.faces(ITEMS)) == [replace(DETECTED, row=replace(DETECTED.row))]
