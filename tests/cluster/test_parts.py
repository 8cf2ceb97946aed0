"""How the inputs of a distributed prediction are divided into parts and read."""

from pathlib import Path

import pytest

from ampnet.cluster.predictions import Part, cut_into_parts
from ampnet.files import download
from ampnet.reading.reader import NOTHING, read_ahead
from ampnet.reading.video_clock import Sampling
from ampnet.runtime.threads import Threads, start_threads
from tests.web import LOCAL, content, server

fsspec = pytest.importorskip("fsspec")

PORTRAIT = Path(__file__).parents[1] / "samples" / "portrait.jpg"


def problems(part: Part, threads: Threads) -> dict[str, str | None]:
    tasks = ((source, NOTHING) for source in part.sources())
    photos = read_ahead(tasks, Sampling(), threads.reading, 2)
    return {queued.photo.name: queued.photo.problem for queued in photos}


def test_photos_of_the_web_are_fetched_under_the_same_rules_as_without_ray(monkeypatch):
    with server({"/x//a.jpg": content(PORTRAIT.read_bytes())}) as web:
        url = f"{web}/x//a.jpg"
        (part,), _ = cut_into_parts([url, PORTRAIT], 10, videos=False)
        with start_threads(cores=1, parallel=1) as threads:
            refused = problems(part, threads)
            monkeypatch.setattr(download, "POLICY", LOCAL)
            read = problems(part, threads)
    assert "not a public host" in refused[url]
    assert refused[str(PORTRAIT)] is None
    assert read == {url: None, str(PORTRAIT): None}


def test_the_videos_beside_a_tar_file_in_a_folder_are_read_if_asked_for(tmp_path):
    for name in ("photos.tar", "clip.mp4"):
        (tmp_path / name).touch()
    parts, _ = cut_into_parts([tmp_path], 10, videos=True)
    assert [part.places for part in parts] == [(str(tmp_path / "clip.mp4"),), (str(tmp_path / "photos.tar"),)]
    assert len(cut_into_parts([tmp_path], 10, videos=False)[0]) == 1


def test_a_line_says_that_videos_at_an_address_are_not_read() -> None:
    store = fsspec.filesystem("memory")
    for name in ("a.jpg", "b.mp4"):
        store.pipe_file(f"/of-a-store/{name}", b"")
    parts, notes = cut_into_parts([Path("memory://of-a-store")], 10, videos=True)
    assert [part.places for part in parts] == [("memory:///of-a-store/a.jpg",)]
    assert notes == ["memory://of-a-store: videos are not read from addresses, only photos"]
    assert cut_into_parts([Path("memory://of-a-store")], 10, videos=False)[1] == []


def test_results_below_the_inputs_are_no_inputs_when_a_run_is_resumed(tmp_path: Path) -> None:
    out, store = tmp_path / "answers", fsspec.filesystem("memory")
    out.mkdir()
    for file in (tmp_path / "photos.tar", out / "part-00000000.parquet"):
        file.touch()
    for name in ("photos.tar", "answers/part-00000000.parquet"):
        store.pipe_file(f"/another-store/{name}", b"")
    for given, folder, tar in (
        (tmp_path, str(out.resolve()), str(tmp_path / "photos.tar")),
        (Path("memory://another-store"), "memory:///another-store/answers", "memory:///another-store/photos.tar"),
    ):
        parts, _ = cut_into_parts([given], 10, videos=False, out=folder)
        assert [part.places for part in parts] == [(tar,)]


def test_a_table_of_photos_in_the_folder_of_the_results_is_an_input(tmp_path: Path) -> None:
    for name in ("photos.parquet", "part-00000000.parquet"):
        (tmp_path / name).touch()
    for given in (tmp_path, tmp_path / "photos.parquet"):
        parts, _ = cut_into_parts([given], 10, videos=False, out=str(tmp_path.resolve()))
        assert [part.places for part in parts] == [(str(tmp_path / "photos.parquet"),)]
