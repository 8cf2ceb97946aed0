import os
import socket
from pathlib import Path

import pytest

from ampnet.errors import DataError
from ampnet.files.opening import open_regular, read_bytes, read_text


def test_a_regular_file_and_a_link_to_one_are_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"\xef\xbb\xbftext")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert read_bytes(tmp_path / "file") == b"\xef\xbb\xbftext"
    assert read_text(tmp_path / "link") == "text"


def test_pipes_sockets_devices_and_folders_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    for path, reason in ((tmp_path / "pipe", "a pipe"), (tmp_path / "link", "a device"), (tmp_path, "a folder")):
        with pytest.raises(DataError, match=f"it is {reason}, not a regular file"):
            open_regular(path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        with pytest.raises(DataError, match="No such device"):
            open_regular(tmp_path / "socket")


def test_a_file_above_the_limit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    assert read_bytes(tmp_path / "file", limit=5) == b"12345"
    with pytest.raises(DataError, match="5 bytes, more than the limit of 4"):
        read_bytes(tmp_path / "file", limit=4)


@pytest.mark.parametrize(("name", "reason"), [("missing", "No such file"), ("x" * 300, "too long"), ("a\0b", "name")])
def test_a_name_without_a_file_is_a_data_error(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        open_regular(tmp_path / name)


def test_bytes_that_are_not_text_are_a_data_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"caf\xe9")
    with pytest.raises(DataError, match=r"not UTF-8 text \(byte 3\)"):
        read_text(tmp_path / "file")
