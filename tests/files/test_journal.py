"""Records grow by whole lines."""

from ampnet.files import journal
from ampnet.files.journal import Lines


def test_a_line_that_another_process_adds_just_before_it_closes_is_kept(tmp_path, monkeypatch):
    path, lock = tmp_path / "rows", journal._lock
    path.write_bytes(b"first\n")

    def lock_late(descriptor, locked):
        with locked.open("ab") as other:
            other.write(b"second\n")
        return lock(descriptor, locked)

    monkeypatch.setattr(journal, "_lock", lock_late)
    with Lines(path) as lines:
        lines.append(b"third\n")
    assert path.read_bytes() == b"first\nsecond\nthird\n"
