"""Whether a video was cut is told from its container, where that says so."""

from io import BytesIO

import pytest

from ampnet.reading.video_ends import is_cut
from tests.clips import write_clip


@pytest.fixture(params=["mpg", "mpeg"])
def stream(request, tmp_path):
    return write_clip(tmp_path / f"clip.{request.param}").read_bytes()


@pytest.fixture
def windows_media(tmp_path):
    return write_clip(tmp_path / "clip.wmv").read_bytes()


@pytest.mark.parametrize("missing", [1, 2, 5, 100, 1000])
def test_a_program_stream_that_ends_within_a_packet_is_cut(stream, missing):
    assert not is_cut(BytesIO(stream))
    assert is_cut(BytesIO(stream[:-missing]))


@pytest.mark.parametrize("behind", [b"\0" * 2048, b"\0\0\1\xb9", b"\0\0\1\xb9\0\0\0", b"TAG"])
def test_an_end_code_padding_or_a_tag_behind_the_last_packet_is_no_cut(stream, behind):
    assert not is_cut(BytesIO(stream + behind))


def test_windows_media_states_its_size_unless_it_is_a_broadcast(windows_media):
    assert not is_cut(BytesIO(windows_media))
    assert is_cut(BytesIO(windows_media[:-1]))
    flags = windows_media.find(bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")) + 88
    broadcast = windows_media[:flags] + b"\1" + windows_media[flags + 1 :]
    assert not is_cut(BytesIO(broadcast[:-1]))


def test_other_files_are_not_judged():
    for content in (b"", b"\0", b"milk, eggs", b"\0\0\1\xba", bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")):
        assert is_cut(BytesIO(content)) == (content == b"\0\0\1\xba")


def test_the_file_is_left_at_its_start(stream):
    file = BytesIO(stream)
    is_cut(file)
    assert file.tell() == 0


@pytest.mark.parametrize("extension", ["ogv", "ts", "avi"])
def test_streams_that_are_whole_are_not_cut_and_shortened_ones_are(tmp_path, extension):
    content = write_clip(tmp_path / f"clip.{extension}").read_bytes()
    assert not is_cut(BytesIO(content))
    for missing in (1, 2, 5, 100, 1000):
        assert is_cut(BytesIO(content[:-missing]))


def test_a_camera_s_transport_stream_has_a_time_stamp_before_each_packet(tmp_path):
    plain = write_clip(tmp_path / "clip.ts").read_bytes()
    stamped = b"".join(b"\0\0\0\0" + plain[place : place + 188] for place in range(0, len(plain), 188))
    assert not is_cut(BytesIO(stamped))
    assert is_cut(BytesIO(stamped[:-10]))
