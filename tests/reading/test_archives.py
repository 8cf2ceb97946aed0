"""The photos of an archive are read in passing: nothing of those before stays."""

import gc
import io
import tarfile
from pathlib import Path

import pytest

from ampnet.reading import archives
from ampnet.reading.archives import members
from ampnet.reading.sources import Source


def test_members_of_a_tar_that_have_passed_leave_nothing_behind(tmp_path: Path) -> None:
    place = tmp_path / "photos.tar"
    with tarfile.open(place, "w") as archive:
        for number in range(200):
            member = tarfile.TarInfo(f"{number:03d}.jpg")
            member.size = 4
            archive.addfile(member, io.BytesIO(b"\xff\xd8\xff\xd9"))
    del archive
    gc.collect()
    before = _headers()  # of other tests
    names, kept = [], []
    for source in members(Source(place)):
        names.append(source.name)
        if len(names) % 50 == 0:  # each count visits all objects of the process
            kept.append(_headers() - before)
    assert names[-1] == f"{place}/199.jpg"
    assert len(kept) == 4
    assert max(kept) <= 3


def _headers() -> int:
    return sum(type(one) is tarfile.TarInfo for one in gc.get_objects())


def test_what_reads_photos_is_looked_for_once_and_not_for_each_member(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "photos.tar"
    with tarfile.open(place, "w") as archive:
        for number in range(20):
            archive.addfile(tarfile.TarInfo(f"{number:03d}.jpg"))
    looks = []
    monkeypatch.setattr(archives, "readable_images", lambda: looks.append(1) or frozenset([".jpg"]))
    assert len(list(members(Source(place)))) == 20
    assert len(looks) == 1
