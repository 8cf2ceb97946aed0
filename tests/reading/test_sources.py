"""What people name becomes sources: photos as often as they are named, videos once."""

from pathlib import Path

import pytest

from ampnet.reading.sources import plan


def test_a_video_that_is_named_again_is_read_once_however_it_is_spelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("clips").mkdir()
    for name in ("a.mp4", "b.mp4", "c.jpg"):
        (Path("clips") / name).touch()
    a, photo = Path("clips/a.mp4"), Path("clips/c.jpg")
    found = plan([a, a, tmp_path / a, Path("clips"), photo], None, videos=True)
    assert [source.name for source in found.sources] == [a, Path("clips/b.mp4"), photo, photo]
    assert found.notes == [
        "clips/a.mp4 is named twice; it is read once",
        f"{tmp_path / a} is named twice, as clips/a.mp4; it is read once",
        "clips/a.mp4 is named twice; it is read once",
    ]


def test_a_line_says_that_the_photos_of_an_archive_are_not_drawn() -> None:
    found = plan([Path("a.tar"), Path("b.jpg")], Path("drawn"))
    assert [source.drawn for source in found.sources] == [None, Path("drawn/b.jpg")]
    assert found.notes == ["a.tar: photos in archives get no annotated copies"]
    assert plan([Path("a.tar")], None).notes == []
