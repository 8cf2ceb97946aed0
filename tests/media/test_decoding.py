"""Decoding untrusted images: a failure affects only that file, nothing is printed, memory is bounded."""

import io
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps, TiffImagePlugin

from ampnet.errors import ImageError
from ampnet.media import decoding, decoding_memory
from ampnet.media.decoding import MAX_PIXELS, decode, is_plain_jpeg
from ampnet.reading.image_files import jpeg_as_is, read_image
from tests.hostile_images import claiming, saved, tiff_with_tile, with_scans

NOISE = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
PICTURE = Image.fromarray(NOISE)


@pytest.mark.parametrize(
    "format_name", ["DDS", "EPS", "ICO", "TGA", "PCX", "SGI", "JPEG2000", "PDF", "ICNS", "MSP", "XBM"]
)
def test_formats_that_are_not_on_the_list_are_no_images_whatever_they_are_called(
    tmp_path: Path, format_name: str
) -> None:
    picture = PICTURE.convert("1") if format_name in ("MSP", "XBM") else PICTURE
    (tmp_path / "face.jpg").write_bytes(saved(picture, format_name))
    with pytest.raises(ImageError, match=r"face\.jpg: (not an image|it is an? )"):
        read_image(tmp_path / "face.jpg")


def test_a_blp_file_is_no_image() -> None:
    with pytest.raises(ImageError, match="not an image"):
        decode(saved(PICTURE.convert("P"), "BLP"))


def test_decoding_imports_no_other_reader_of_pillow() -> None:
    script = (
        "import sys; from ampnet.media.decoding import decode\n"
        "from ampnet.errors import ImageError\n"
        "try: decode(b'%!PS-Adobe-3.0 EPSF-3.0')\n"
        "except ImageError: pass\n"
        "print(sorted(name for name in sys.modules if name.startswith('PIL.') and name.endswith('Plugin')))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "Eps" not in done.stdout
    assert "Dds" not in done.stdout


@pytest.mark.parametrize(
    "error",
    [
        RecursionError("maximum recursion depth exceeded"),
        NotImplementedError("unimplemented pixel format"),
        AssertionError(),
        AttributeError("no attribute"),
        ZeroDivisionError("division by zero"),
        UserWarning("a warning that was made an error"),
        MemoryError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_a_decoder_raises_becomes_the_reason(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(_image: object) -> None:
        raise error

    monkeypatch.setattr(TiffImagePlugin.TiffImageFile, "load", fail)
    with pytest.raises(ImageError) as caught:
        decode(saved(PICTURE, "TIFF"))
    words = "not enough memory" if isinstance(error, MemoryError) else str(error) or type(error).__name__
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def put_pipe(path: Path) -> None:
    os.mkfifo(path)


def put_socket(path: Path) -> None:
    server = socket.socket(socket.AF_UNIX)
    server.bind(os.path.relpath(path))  # the whole path may be too long for a socket
    server.close()


@pytest.mark.parametrize(
    ("put", "reason"),
    [
        (put_pipe, "it is a pipe"),
        (put_socket, "No such device|it is a socket"),
        (lambda path: path.symlink_to("/dev/zero"), "it is a device"),
        (lambda path: path.symlink_to("/dev/tty"), "it is a device|No such device"),
        (lambda path: path.mkdir(), "it is a folder"),
        (lambda path: path.symlink_to(path), "symbolic links"),
        (lambda path: path.symlink_to(path.with_name("gone")), "No such file"),
    ],
    ids=["pipe", "socket", "device", "terminal", "folder", "loop", "dangling"],
)
def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path, put: Callable[[Path], None], reason: str) -> None:
    path = tmp_path / "x.jpg"
    put(path)
    with pytest.raises(ImageError, match=rf"x\.jpg: .*({reason})"):
        read_image(path)
    assert jpeg_as_is(path, (48, 64)) is None


def test_a_file_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.jpg"
    path.write_bytes(saved(PICTURE, "JPEG"))
    os.truncate(path, 500_000_000)  # takes no room on the disk
    with pytest.raises(ImageError, match="500,000,000 bytes, more than the limit"):
        read_image(path)


def test_a_name_of_control_characters_stays_on_one_line_of_the_message(tmp_path: Path) -> None:
    with pytest.raises(ImageError) as caught:
        read_image(tmp_path / "a\nampnet: forged\x1b[2J.jpg")
    assert r"a\nampnet: forged\x1b[2J.jpg: No such file" in str(caught.value)


@pytest.mark.parametrize(("width", "height"), [(60_000, 60_000), (65_500, 65_500), (15_000, 10_001)])
def test_a_claimed_size_is_refused_before_anything_is_allocated(width: int, height: int) -> None:
    with pytest.raises(ImageError, match=f"more than {MAX_PIXELS:,}"):
        decode(claiming(width, height))


@pytest.mark.parametrize(("width", "height"), [(100_001, 1), (1, 140_000_000)])
def test_a_very_long_side_is_refused(width: int, height: int) -> None:
    with pytest.raises(ImageError, match=f"{width} x {height} pixels; a side has at most 100,000"):
        decode(f"P5 {width} {height} 255\n".encode())


def test_what_would_take_too_much_memory_is_refused_and_says_how_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "MAX_MEMORY", decoding_memory._BANDS + 30_000)
    with pytest.raises(ImageError, match="64 x 48 pixels of WEBP take 40 MB to decode, more than 40"):
        decode(saved(PICTURE, "WEBP", lossless=True))


def test_tiles_larger_than_the_image_count(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImageError, match="to decode, more than 950"):
        decode(tiff_with_tile(64, 32_768))


def test_a_progressive_jpeg_of_thousands_of_scans_is_refused() -> None:
    assert decode(with_scans(100)).size_hw == (64, 64)
    with pytest.raises(ImageError, match="more than 100 scans"):
        decode(with_scans(5_000))


def test_scans_behind_the_end_of_the_image_do_not_count() -> None:
    photo_with_video = saved(PICTURE, "JPEG", progressive=True) + b"\xff\xda\x00\x02" * 500
    assert decode(photo_with_video).size_hw == (48, 64)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
def test_a_tiff_file_is_turned_once(orientation: int, compression: str) -> None:
    data = saved(PICTURE, "TIFF", tiffinfo={274: orientation}, compression=compression)
    expected = np.array(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    decoded = decode(data)
    assert np.array_equal(decoded.image, expected)
    assert decoded.size_hw == expected.shape[:2]


def test_a_prepared_image_is_not_turned() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert np.array_equal(decode(saved(PICTURE, "PNG", exif=exif), upright=False).image, NOISE)


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "RGBA", "LA", "CMYK", "I;16"])
@pytest.mark.parametrize("enough_side", [None, 30])
def test_pictures_converted_in_bands_equal_those_converted_whole(
    monkeypatch: pytest.MonkeyPatch, mode: str, enough_side: int | None
) -> None:
    if mode == "I;16":
        data = saved(Image.fromarray(NOISE[..., 0].astype(np.uint16) * 257), "PNG")
    else:
        data = saved(PICTURE.convert(mode), "TIFF" if mode == "CMYK" else "PNG")
    whole = decode(data, enough_side)
    monkeypatch.setattr("ampnet.media.images._BAND", 300)  # four rows
    assert np.array_equal(decode(data, enough_side).image, whole.image)


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize("size", [(64, 48), (65, 47)])
def test_very_large_pictures_are_halved_and_keep_their_size_on_record(
    monkeypatch: pytest.MonkeyPatch, format_name: str, size: tuple[int, int]
) -> None:
    smooth = Image.linear_gradient("L").convert("RGB").resize(size)
    monkeypatch.setattr(decoding_memory, "MAX_DECODED", 2_000)
    decoded = decode(saved(smooth, format_name, **({"quality": 95} if format_name == "JPEG" else {})))
    assert decoded.size_hw == size[::-1]
    assert decoded.image.shape == (-(-size[1] // 2), -(-size[0] // 2), 3)
    expected = np.array(smooth.resize(decoded.image.shape[1::-1], Image.Resampling.BOX), dtype=int)
    assert np.abs(decoded.image - expected).max() <= 6


def test_very_large_pictures_are_reduced_like_others(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(Image.linear_gradient("L").convert("RGBA"), "PNG")
    usual = decode(data, 32)
    monkeypatch.setattr(decoding_memory, "MAX_DECODED", 2_000)
    small = decode(data, 32)
    assert (small.size_hw, small.image.shape) == ((256, 256), (32, 32, 3))
    assert np.abs(small.image.astype(int) - usual.image).max() <= 1


@pytest.mark.parametrize("format_name", ["JPEG", "PNG"])
@pytest.mark.parametrize(
    ("enough", "expected_hw"),
    [(65, (48, 64)), (64, (48, 64)), (33, (48, 64)), (32, (24, 32)), (16, (12, 16)), (8, (6, 8)), (1, (6, 8))],
)
def test_a_picture_is_reduced_as_far_as_its_longer_side_is_long_enough(
    format_name: str, enough: int, expected_hw: tuple[int, int]
) -> None:
    smooth = Image.linear_gradient("L").convert("RGB").resize((64, 48))
    decoded = decode(
        saved(smooth, format_name, **({"quality": 95} if format_name == "JPEG" else {})), enough_side=enough
    )
    assert decoded.image.shape == (*expected_hw, 3)
    assert decoded.size_hw == (48, 64)
    expected = np.array(smooth.resize(expected_hw[::-1], Image.Resampling.BOX), dtype=int)
    assert np.abs(decoded.image - expected).max() <= 6


def test_a_reduced_photo_is_turned() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    decoded = decode(saved(Image.linear_gradient("L").resize((64, 48)), "JPEG", exif=exif), enough_side=30)
    assert (decoded.image.shape[:2], decoded.size_hw) == ((32, 24), (64, 48))
    assert decoded.image[0, 0, 0] > 200  # the bottom of the stored picture is white, and on the left now


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("enough", [None, 32, 16])
def test_a_plain_jpeg_has_the_same_pixels_as_from_pillow(
    monkeypatch: pytest.MonkeyPatch, mode: str, progressive: bool, enough: int | None
) -> None:
    data = saved(PICTURE.convert(mode).resize((65, 47)), "JPEG", progressive=progressive)
    fast = decode(data, enough_side=enough).image
    monkeypatch.setattr(decoding, "_plain_jpeg", lambda *_: None)
    assert np.array_equal(fast, decode(data, enough_side=enough).image)


DAMAGED_TIFF = """
import io, sys
import numpy as np
from PIL import Image
from ampnet.media.decoding import decode
from ampnet.errors import ImageError
generator = np.random.default_rng(0)
pixels = generator.integers(0, 255, (64, 64, 3), dtype=np.uint8)
refused = 0
for options in ({"compression": "tiff_lzw"}, {"compression": "tiff_adobe_deflate"}, {"compression": "jpeg"}, {}):
    whole = io.BytesIO()
    Image.fromarray(pixels).save(whole, "TIFF", **options)
    data = np.frombuffer(whole.getvalue(), np.uint8)
    for _ in range(40):
        broken = data.copy()
        places = generator.integers(0, len(broken), 6)
        broken[places] = generator.integers(0, 256, 6)
        try:
            decode(broken.tobytes())
        except ImageError:
            refused += 1
print(refused)
"""


def test_damaged_tiff_files_leave_no_line_on_standard_error() -> None:
    done = subprocess.run([sys.executable, "-c", DAMAGED_TIFF], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert int(done.stdout) > 50


@pytest.mark.filterwarnings("error")  # also where old packages' warnings are let through
def test_warnings_of_pillow_do_not_make_a_file_unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2_000)  # Pillow warns of pictures of more than 89 megapixels
    with pytest.raises(Image.DecompressionBombWarning):  # an error in all tests
        Image.open(io.BytesIO(saved(PICTURE, "PNG")))
    assert np.array_equal(decode(saved(PICTURE, "PNG")).image, NOISE)


def test_pictures_are_decoded_in_threads_as_alone() -> None:
    contents = [saved(PICTURE, name) for name in ("PNG", "BMP", "TIFF", "GIF", "WEBP", "JPEG")] * 4
    alone = [decode(content).image for content in contents]
    found: dict[int, np.ndarray] = {}
    threads = [
        threading.Thread(target=lambda i=i, content=content: found.update({i: decode(content).image}))
        for i, content in enumerate(contents)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(found[i], alone[i]) for i in range(len(contents)))


def test_only_an_upright_jpeg_of_the_size_is_plain() -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    assert is_plain_jpeg(saved(PICTURE, "JPEG"), (48, 64))
    assert not is_plain_jpeg(saved(PICTURE, "JPEG"), (64, 48))
    assert not is_plain_jpeg(saved(PICTURE, "JPEG", exif=exif), (48, 64))
    assert not is_plain_jpeg(saved(PICTURE, "PNG"), (48, 64))
    assert not is_plain_jpeg(saved(PICTURE.convert("CMYK"), "JPEG"), (48, 64))


def test_a_jpeg_with_a_megabyte_attached_is_not_copied(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(saved(PICTURE, "JPEG") + bytes(1 << 20))
    assert jpeg_as_is(tmp_path / "a.jpg", (48, 64)) is None
    assert read_image(tmp_path / "a.jpg").shape == (48, 64, 3)
