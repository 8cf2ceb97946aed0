"""The record of an unfinished robustness suite."""

import numpy as np
import pytest

from ampnet.errors import DataError, UsageError
from ampnet.files.journal import Journal
from ampnet.robustness.measuring import JOURNAL_FILE, ChunkHits, add_chunk, finished_chunks

PLAN = {"seed": 1, "corruptions": ["mask"], "baseline": None}


def chunk(start=0, faces=13):
    return ChunkHits("mask", 3, start, np.random.default_rng(start).random((7, faces)) < 0.5)


def begin(folder, *chunks, plan=PLAN, **options):
    folder.mkdir(exist_ok=True)
    journal = Journal(folder / JOURNAL_FILE)
    journal.begin(plan, **{"resume": False, "force": False, **options})
    with journal:
        for item in chunks:
            add_chunk(journal, item)
        return finished_chunks(journal)


def same(found, expected):
    return [one[:3] for one in found] == [other[:3] for other in expected] and all(
        np.array_equal(one.hits, other.hits) for one, other in zip(found, expected, strict=True)
    )


def test_chunks_come_back_as_they_were_recorded(tmp_path):
    chunks = [chunk(0), chunk(13, faces=5), ChunkHits("", 0, 0, np.ones((7, 4), dtype=bool))]
    begin(tmp_path / "out", *chunks)
    assert same(begin(tmp_path / "out", resume=True), chunks)


def test_a_line_cut_short_by_a_kill_is_lost_and_the_next_one_is_not(tmp_path):
    begin(tmp_path, chunk(0), chunk(13))
    path = tmp_path / JOURNAL_FILE
    path.write_bytes(path.read_bytes()[:-20])
    assert same(begin(tmp_path, chunk(26), resume=True), [chunk(0), chunk(26)])


def test_damaged_lines_are_skipped(tmp_path):
    begin(tmp_path, chunk(0))
    with (tmp_path / JOURNAL_FILE).open("ab") as file:
        file.write(b'["mask", 3, 13, 7, 13, "zz"]\n["mask"]\n[[], 3, {}, 7, 13, "00"]\n7\n\xff\xfe\n')
        file.write(b'["mask", 3, 13, 7, 9999999999, "00"]\n["mask", 3, 13, -7, -1, "00"]\n')
    assert same(begin(tmp_path, resume=True), [chunk(0)])


def test_an_unfinished_run_is_neither_overwritten_nor_mixed_with_other_settings(tmp_path):
    begin(tmp_path, chunk(0))
    with pytest.raises(UsageError, match=r"--resume, or start over with --force"):
        begin(tmp_path)
    with pytest.raises(DataError, match=r"changed: baseline, seed\)"):
        begin(tmp_path, plan={**PLAN, "seed": 2, "baseline": "abc"}, resume=True)
    assert same(begin(tmp_path, resume=True), [chunk(0)])
    assert begin(tmp_path, plan={**PLAN, "seed": 2}, force=True) == []


def test_there_must_be_something_to_resume(tmp_path):
    with pytest.raises(UsageError, match="no unfinished run"):
        begin(tmp_path, resume=True)


@pytest.mark.parametrize("content", [b"", b"[1]\n", b"{\n", b"{}"])
def test_a_record_without_a_plan_is_refused(tmp_path, content):
    (tmp_path / JOURNAL_FILE).write_bytes(content)
    with pytest.raises(DataError, match="damaged; start over with --force"):
        begin(tmp_path, resume=True)
