"""Names in an index reach files in dataset/ only."""

import os
from pathlib import Path

import pytest

from ampnet.dataset.index.prepared_images import (
    is_image_name,
    is_inside,
    is_plain,
    refuse_linked_folder,
    refuse_links_outside,
    regular_files,
    removable,
    remove,
)
from ampnet.errors import DataError


@pytest.mark.parametrize("name", ["a.jpg", "train_1.jpg", "a b.jpg", "...jpg", "ü.jpg", ".hidden.jpg"])
def test_plain_names_are_plain(name: str) -> None:
    assert is_plain(name)
    assert is_image_name(name)


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "/etc/passwd.jpg", "../a.jpg", "a/b.jpg", "a\\b.jpg", "a\0.jpg", "a\n.jpg", "x" * 256, "a.jpg\n"],
)
def test_paths_and_names_that_no_file_has_are_not(name: str) -> None:
    assert not is_plain(name)
    assert not is_image_name(name)


def test_prepare_writes_jpegs_only() -> None:
    assert not is_image_name("a.png")


def make_folder(root: Path) -> Path:
    """A folder with an image, links in and out of it, a folder, and a canary beside it."""
    folder = root / "dataset"
    folder.mkdir()
    (folder / "a.jpg").touch()
    (folder / "inside.jpg").symlink_to("a.jpg")
    (root / "canary.jpg").touch()
    (folder / "outside.jpg").symlink_to("../canary.jpg")
    (folder / "loop.jpg").symlink_to("loop.jpg")
    (folder / "folder.jpg").mkdir()
    return folder


def test_links_may_lead_to_other_images_of_the_folder_only(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    assert [name for name, is_file in regular_files(folder).items() if is_file] == ["a.jpg"]
    refuse_links_outside(folder, ["a.jpg", "inside.jpg"])
    with pytest.raises(DataError, match=r"outside\.jpg is a link to a file outside dataset/"):
        refuse_links_outside(folder, ["inside.jpg", "outside.jpg"])
    (tmp_path / "dataset2").mkdir()
    (folder / "sibling.jpg").symlink_to(tmp_path / "dataset2" / "a.jpg")
    assert not is_inside(folder / "sibling.jpg", os.path.realpath(folder))


def test_a_dataset_on_another_disk_can_be_read_through_a_link(tmp_path: Path) -> None:
    make_folder(tmp_path)
    (tmp_path / "link").symlink_to("dataset")
    refuse_links_outside(tmp_path / "link", ["inside.jpg"])
    with pytest.raises(DataError, match=r"link is a link to .*dataset, where nothing was changed"):
        refuse_linked_folder(tmp_path / "link")


@pytest.mark.parametrize("name", ["inside.jpg", "outside.jpg", "loop.jpg", "folder.jpg"])
def test_only_regular_files_are_deleted(tmp_path: Path, name: str) -> None:
    folder = make_folder(tmp_path)
    assert removable(folder, ["a.jpg", "gone.jpg"]) == ["a.jpg"]
    with pytest.raises(DataError, match=f"{name} is a link, or no file: prepare never wrote that; nothing was deleted"):
        removable(folder, ["a.jpg", name])
    remove(folder, ["a.jpg", "gone.jpg"])
    assert sorted(path.name for path in folder.iterdir()) == ["folder.jpg", "inside.jpg", "loop.jpg", "outside.jpg"]
    assert (tmp_path / "canary.jpg").exists()


def test_deleting_does_not_follow_a_folder_that_became_a_link(tmp_path: Path) -> None:
    make_folder(tmp_path)
    (tmp_path / "link").symlink_to("dataset")
    with pytest.raises(DataError, match="cannot delete from"):
        remove(tmp_path / "link", ["a.jpg"])
    remove(tmp_path / "missing", ["a.jpg"])
    assert (tmp_path / "dataset" / "a.jpg").exists()
