"""A folder is listed as far as that goes, and what is left out is counted."""

import os
from pathlib import Path

import pytest

from ampnet.files.listing import list_folder


def names(folder, listing):
    return [path.relative_to(folder).as_posix() for path in listing.files]


def test_files_are_found_at_any_depth_in_order_and_the_others_are_counted(tmp_path):
    for name in ("b.JPG", "a/z.jpg", "a/b/c.png", "clip.mp4", "a/CLIP.MP4", "notes.txt", "README", ".hidden.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x.jpg").touch()
    listing = list_folder(tmp_path, {".jpg", ".png"})
    assert names(tmp_path, listing) == ["a/b/c.png", "a/z.jpg", "b.JPG"]
    assert listing.left_out == {".mp4": 2, ".txt": 1, "": 1}
    assert listing.problems == {}


def test_links_are_followed_and_circles_end(tmp_path):
    (tmp_path / "album").mkdir()
    (tmp_path / "album" / "me.jpg").touch()
    (tmp_path / "album" / "again").symlink_to(tmp_path)
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "circle.jpg").symlink_to("circle.jpg")
    (tmp_path / "gone.jpg").symlink_to("nowhere.jpg")
    listing = list_folder(tmp_path, {".jpg"})
    assert names(tmp_path, listing) == ["album/me.jpg", "circle.jpg", "gone.jpg"]  # reading them gives the reason


def test_a_folder_too_deep_to_be_listed_is_an_entry_with_its_reason(tmp_path, monkeypatch):
    (tmp_path / "me.jpg").touch()
    monkeypatch.chdir(tmp_path)
    for _ in range(25):
        Path("d" * 200).mkdir()
        os.chdir("d" * 200)
    listing = list_folder(tmp_path, {".jpg"})
    (problem,) = listing.problems.values()
    assert "cannot list" in problem
    assert "File name too long" in problem
    assert len(problem) < 300
    assert {path.name for path in listing.files} == {"me.jpg", "d" * 200}


def test_a_folder_without_rights_is_an_entry_with_its_reason(tmp_path):
    (tmp_path / "private").mkdir(mode=0)
    if os.access(tmp_path / "private", os.R_OK):
        pytest.skip("nothing is forbidden to this user")
    (tmp_path / "me.jpg").touch()
    listing = list_folder(tmp_path, {".jpg"})
    assert names(tmp_path, listing) == ["me.jpg", "private"]
    assert "Permission denied" in listing.problems[tmp_path / "private"]


def test_a_missing_folder_is_a_problem_of_its_own(tmp_path):
    listing = list_folder(tmp_path / "gone", {".jpg"})
    assert listing.problems == {tmp_path / "gone": f"cannot list {tmp_path / 'gone'}: No such file or directory"}
