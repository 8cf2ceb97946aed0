"""Listing the images in an untrusted folder: links that turn in circles, depth, and what cannot be listed."""

import os
from pathlib import Path

import pytest

from ampnet.errors import ImageError
from ampnet.reading.image_files import list_images, read_image
from tests.hostile_images import deep_folder


def listed(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in list_images(folder)]


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_links_that_turn_in_circles_are_no_obstacle(tmp_path: Path) -> None:
    put(tmp_path, "a/1.jpg", "b/2.jpg")
    (tmp_path / "self").symlink_to("self")
    (tmp_path / "self.jpg").symlink_to("self.jpg")
    (tmp_path / "ping").symlink_to("pong")
    (tmp_path / "pong").symlink_to("ping")
    (tmp_path / "a" / "up").symlink_to("..")
    assert listed(tmp_path) == ["a/1.jpg", "b/2.jpg", "self.jpg"]


def test_an_image_keeps_its_own_place_where_a_link_leads_there_too(tmp_path: Path) -> None:
    put(tmp_path, "happiness/1.jpg")
    (tmp_path / "a").symlink_to("happiness")  # in the alphabet before it
    assert listed(tmp_path) == ["happiness/1.jpg"]


def test_a_link_to_a_folder_elsewhere_is_followed_once(tmp_path: Path) -> None:
    put(tmp_path, "elsewhere/deep/1.jpg", "raw/2.jpg")
    for name in ("x", "y"):
        (tmp_path / "raw" / name).symlink_to(tmp_path / "elsewhere")
    assert listed(tmp_path / "raw") == ["2.jpg", "x/deep/1.jpg"]


def test_a_link_to_a_folder_around_is_not_followed(tmp_path: Path) -> None:
    put(tmp_path, "private/1.jpg", "raw/2.jpg")
    (tmp_path / "raw" / "out").symlink_to(tmp_path)
    (tmp_path / "raw" / "root").symlink_to("/")
    assert listed(tmp_path / "raw") == ["2.jpg"]


def test_a_very_deep_folder_is_listed(tmp_path: Path) -> None:
    with deep_folder(tmp_path, 1_200) as deep:
        (deep / "1.jpg").touch()
        assert list_images(tmp_path) == [deep / "1.jpg"]


def test_a_folder_deeper_than_paths_may_be_is_listed_itself_and_reading_it_says_why(tmp_path: Path) -> None:
    put(tmp_path, "good.jpg")
    descriptor = os.open(tmp_path, os.O_RDONLY)
    for _ in range(25):  # 25 names of 200 bytes are more than the 4,096 that a path may have
        os.mkdir("d" * 200, dir_fd=descriptor)
        below = os.open("d" * 200, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)
    first, second = sorted(list_images(tmp_path), key=lambda path: len(str(path)))
    assert first == tmp_path / "good.jpg"
    with pytest.raises(ImageError, match="File name too long"):
        read_image(second)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_a_folder_without_permission_is_listed_itself(tmp_path: Path) -> None:
    put(tmp_path, "good.jpg", "closed/1.jpg")
    (tmp_path / "closed").chmod(0)
    try:
        assert listed(tmp_path) == ["closed", "good.jpg"]
        with pytest.raises(ImageError, match="Permission denied"):
            read_image(tmp_path / "closed")
    finally:
        (tmp_path / "closed").chmod(0o700)


def test_names_that_are_not_utf_8_are_listed(tmp_path: Path) -> None:
    try:
        (tmp_path / os.fsdecode(b"\xfc.jpg")).touch()
    except OSError:
        pytest.skip("this file system holds UTF-8 names only")
    assert [os.fsencode(path.name) for path in list_images(tmp_path)] == [b"\xfc.jpg"]
