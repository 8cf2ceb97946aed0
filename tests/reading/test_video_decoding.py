"""Frames are given as they are shown, whatever codec, pixels and rotation; what cannot be decoded is named."""

import struct
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from ampnet.errors import ImageError
from ampnet.reading.video_decoding import shown
from tests.clips import frames_of, write_timed

pytestmark = pytest.mark.slow

# Red, green, blue and white quarters, clockwise from the top left.
CORNERS = np.zeros((64, 96, 3), np.uint8)
CORNERS[:32, :48] = (220, 20, 20)
CORNERS[:32, 48:] = (20, 220, 20)
CORNERS[32:, 48:] = (20, 20, 220)
CORNERS[32:, :48] = (220, 220, 220)


def named_corners(image):
    """Return the colours of the four corners, clockwise from the top left."""
    height, width = image.shape[:2]
    names = []
    for row, column in ((8, 8), (8, width - 8), (height - 8, width - 8), (height - 8, 8)):
        red, green, blue = image[row - 4 : row + 4, column - 4 : column + 4].reshape(-1, 3).mean(axis=0) > 120
        names.append({(1, 0, 0): "R", (0, 1, 0): "G", (0, 0, 1): "B", (1, 1, 1): "W"}.get((red, green, blue), "?"))
    return "".join(names)


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("hevc of 10 bits.mp4", "libx265", "yuv420p10le"),
        ("av1.mp4", "libsvtav1", "yuv420p"),
        ("vp9 with alpha.webm", "libvpx-vp9", "yuva420p"),
        ("prores with alpha.mov", "prores_ks", "yuva444p10le"),
        ("h264 of 10 bits, 4:2:2.mov", "libx264", "yuv422p10le"),
        ("ffv1.mkv", "ffv1", "bgr0"),
    ],
)
def test_codecs_and_pixels(tmp_path, name, codec, pixels):
    clip = write_timed(tmp_path / name, [0, 0.04, 0.08], [CORNERS] * 3, codec, Fraction(1, 1000), pixels)
    found = frames_of(clip)
    assert [frame.seconds for frame in found] == pytest.approx([0, 0.04, 0.08], abs=0.001)
    assert {named_corners(frame.image) for frame in found} == {"RGBW"}


@pytest.mark.parametrize(
    ("matrix", "size_hw", "corners"),
    [
        ((1, 0, 0, 1), (64, 96), "RGBW"),
        ((0, 1, -1, 0), (96, 64), "WRGB"),  # a quarter turn clockwise brings the lower left corner to the top
        ((-1, 0, 0, -1), (64, 96), "BWRG"),
        ((0, -1, 1, 0), (96, 64), "GBWR"),
        ((-1, 0, 0, 1), (64, 96), "GRWB"),  # a front camera's mirror image
    ],
)
def test_rotation_by_the_display_matrix(tmp_path, matrix, size_hw, corners):
    clip = write_timed(tmp_path / "clip.mp4", [0], [CORNERS])
    data = bytearray(clip.read_bytes())
    a, b, c, d = (value * 0x10000 for value in matrix)
    struct.pack_into(">9i", data, data.index(b"tkhd") + 44, a, b, 0, c, d, 0, 0, 0, 0x40000000)
    clip.write_bytes(data)
    (frame,) = frames_of(clip)
    assert frame.image.shape[:2] == size_hw
    assert named_corners(frame.image) == corners


def test_pixels_that_are_not_square_are_shown_in_their_shape(tmp_path):
    clip = write_timed(tmp_path / "clip.mp4", [0], [CORNERS], aspect=Fraction(4, 3))
    assert frames_of(clip)[0].image.shape == (64, 128, 3)
    wrong = write_timed(tmp_path / "wrong.mp4", [0], [CORNERS], aspect=Fraction(200, 1))
    assert frames_of(wrong)[0].image.shape == (64, 96, 3)


def test_a_codec_that_cannot_be_decoded_is_named(tmp_path):
    clip = write_timed(tmp_path / "clip.mp4", [0], [CORNERS])
    clip.write_bytes(clip.read_bytes().replace(b"avc1", b"zzzz").replace(b"avcC", b"zzzC"))
    with pytest.raises(ImageError, match=r"clip\.mp4: its codec \(.*zzzz.*\) cannot be decoded"):
        frames_of(clip)


def test_a_file_with_only_sound_is_named_so(tmp_path):
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        track = container.add_stream("aac", rate=48_000, layout="mono")
        for number in range(20):
            part = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.int16), format="s16", layout="mono")
            part.sample_rate, part.pts = 48_000, number * 1024
            container.mux(track.encode(part))
        container.mux(track.encode(None))
    with pytest.raises(ImageError, match=r"sound\.mp4: it holds only sound"):
        frames_of(tmp_path / "sound.mp4")


@pytest.mark.parametrize("pixels", ["yuv420p", "yuvj420p", "yuv420p10le", "yuv444p", "gbrp", "rgba"])
def test_a_frame_that_is_read_smaller_has_the_colours_of_the_whole_one(pixels):
    coarse = np.random.default_rng(0).integers(0, 256, (9, 16, 3)).astype(np.uint8)
    picture = np.asarray(cv2.resize(coarse, (960, 540), interpolation=cv2.INTER_CUBIC), np.uint8)
    frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format=pixels)
    whole, _ = shown(frame, 1.0)
    small, whole_hw = shown(frame, 1.0, longest=640)
    assert (small.shape, whole_hw) == ((360, 640, 3), (540, 960))
    reduced = cv2.resize(whole, (640, 360), interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - reduced).mean() < 2
