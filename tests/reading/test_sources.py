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
