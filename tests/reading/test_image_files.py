"""Image files of every kind, as people have them."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ampnet.errors import DataError, ImageError
from ampnet.media import decoding
from ampnet.media.images import encode_jpeg, resize
from ampnet.reading.contents import FileContent
from ampnet.reading.image_files import jpeg_as_is, list_images, read_image


def quarters(width: int = 40, height: int = 20) -> np.ndarray:
    """Red, green / blue, white quarters: every turn and mirror of it looks different."""
    picture = np.zeros((height, width, 3), dtype=np.uint8)
    picture[: height // 2, : width // 2] = (255, 0, 0)
    picture[: height // 2, width // 2 :] = (0, 255, 0)
    picture[height // 2 :, : width // 2] = (0, 0, 255)
    picture[height // 2 :, width // 2 :] = (255, 255, 255)
    return picture


def test_a_grey_picture_becomes_three_equal_channels(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 100], [200, 255]], dtype=np.uint8)).save(tmp_path / "grey.png")
    assert read_image(tmp_path / "grey.png").tolist() == [[[0] * 3, [100] * 3], [[200] * 3, [255] * 3]]


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path) -> None:
    deep = np.array([[0, 257, 32896, 65535]], dtype=np.uint16)  # 0, 1, 128 and 255 times 257
    Image.fromarray(deep).save(tmp_path / "deep.png")
    assert read_image(tmp_path / "deep.png")[0, :, 0].tolist() == [0, 1, 128, 255]


def test_cmyk_keeps_its_colours(tmp_path: Path) -> None:
    Image.fromarray(quarters()).convert("CMYK").save(tmp_path / "print.jpg", quality=100, subsampling=0)
    read = read_image(tmp_path / "print.jpg")
    assert read.shape == (20, 40, 3)
    assert np.abs(read.astype(int) - quarters()).max() <= 12


def test_transparency_is_laid_over_white(tmp_path: Path) -> None:
    pixels = np.array([[[10, 20, 30, 255], [10, 20, 30, 0]]], dtype=np.uint8)
    Image.fromarray(pixels, "RGBA").save(tmp_path / "clear.png")
    assert read_image(tmp_path / "clear.png").tolist() == [[[10, 20, 30], [255, 255, 255]]]


def test_a_palette_becomes_its_colours(tmp_path: Path) -> None:
    Image.fromarray(quarters()).convert("P").save(tmp_path / "palette.gif")
    assert np.abs(read_image(tmp_path / "palette.gif").astype(int) - quarters()).max() <= 8


def test_exif_rotation_is_honoured(tmp_path: Path) -> None:
    upright = quarters()
    # Orientation 6 means: the stored picture is to be turned by 90 degrees clockwise to stand upright.
    stored = Image.fromarray(np.rot90(upright))  # turned counter-clockwise
    exif = Image.Exif()
    exif[0x0112] = 6
    stored.save(tmp_path / "phone.jpg", exif=exif, quality=100, subsampling=0)
    assert np.abs(read_image(tmp_path / "phone.jpg").astype(int) - upright).max() <= 12


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_equals_pillows_own(tmp_path: Path, orientation: int) -> None:
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(quarters()).save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as image:
        expected = np.array(ImageOps.exif_transpose(image))
    assert np.array_equal(read_image(tmp_path / "a.png"), expected)


def test_a_one_pixel_picture_is_read(tmp_path: Path) -> None:
    Image.new("RGB", (1, 1), (1, 2, 3)).save(tmp_path / "dot.png")
    assert read_image(tmp_path / "dot.png").tolist() == [[[1, 2, 3]]]


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "the file is empty"), (b"hello, this is no picture", "not an image"), (None, "No such file")],
    ids=["empty", "text", "missing"],
)
def test_what_is_no_picture_gives_its_reason(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "face.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ImageError, match=rf"cannot read .*face\.jpg: .*{reason}"):
        read_image(path)


def test_a_truncated_jpeg_is_refused_and_not_filled_with_grey(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    whole = io.BytesIO()
    Image.fromarray(noise).save(whole, "JPEG")
    (tmp_path / "cut.jpg").write_bytes(whole.getvalue()[:-500])
    with pytest.raises(ImageError, match="truncated"):
        read_image(tmp_path / "cut.jpg")


@pytest.mark.parametrize("format_name", ["PNG", "TIFF", "WEBP", "GIF", "BMP", "JPEG"])
def test_files_with_any_damage_are_read_or_refused_but_never_crash(tmp_path: Path, format_name: str) -> None:
    generator = np.random.default_rng(3)
    whole = io.BytesIO()
    Image.fromarray(generator.integers(0, 255, (24, 24, 3), dtype=np.uint8)).save(whole, format_name)
    data = np.frombuffer(whole.getvalue(), dtype=np.uint8)
    for trial in range(60):
        broken = data[: generator.integers(1, len(data) + 1)].copy()
        hits = generator.integers(0, len(broken), size=generator.integers(1, 6))
        broken[hits] = generator.integers(0, 256, size=len(hits))
        path = tmp_path / f"{trial}.img"
        path.write_bytes(broken.tobytes())
        try:
            picture = read_image(path)
        except ImageError:
            continue
        assert picture.ndim == 3
        assert picture.dtype == np.uint8


def test_a_decompression_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "MAX_PIXELS", 100)
    Image.new("L", (11, 10)).save(tmp_path / "bomb.png")
    with pytest.raises(ImageError, match="11 x 10 pixels"):
        read_image(tmp_path / "bomb.png")


def test_a_large_photo_is_reduced_and_keeps_its_full_size_on_record(tmp_path: Path) -> None:
    photo = np.kron(quarters(8, 4), np.ones((100, 100, 1), dtype=np.uint8))  # 800 x 400
    Image.fromarray(photo).save(tmp_path / "photo.jpg", quality=95)
    decoded = FileContent(tmp_path / "photo.jpg").decode(200)
    reduced = decoded.image
    assert decoded.size_hw == (400, 800)
    assert reduced.shape == (100, 200, 3)
    assert (
        np.abs(
            reduced[[25, 25, 75, 75], [50, 150, 50, 150]].astype(int) - quarters()[[0, 0, -1, -1], [0, -1, 0, -1]]
        ).max()
        < 12
    )


def test_our_jpeg_keeps_a_face_within_a_few_grey_levels() -> None:
    smooth = np.linspace(0, 255, 224)[None, :, None] * np.linspace(0.2, 1, 224)[:, None, None] * [1, 0.8, 0.6]
    picture = smooth.astype(np.uint8)
    decoded = np.array(Image.open(io.BytesIO(encode_jpeg(picture))))
    assert np.abs(decoded.astype(int) - picture).mean() < 1.5


def test_grey_faces_are_stored_with_one_channel() -> None:
    picture = np.full((8, 8, 3), 77, dtype=np.uint8)
    assert Image.open(io.BytesIO(encode_jpeg(picture))).mode == "L"


def test_a_jpeg_of_the_right_size_is_taken_as_it_is(tmp_path: Path) -> None:
    Image.fromarray(quarters(224, 224)).save(tmp_path / "ready.jpg")
    Image.fromarray(quarters(224, 224)).save(tmp_path / "ready.png")
    assert jpeg_as_is(tmp_path / "ready.jpg", (224, 224)) == (tmp_path / "ready.jpg").read_bytes()
    assert jpeg_as_is(tmp_path / "ready.jpg", (224, 200)) is None
    assert jpeg_as_is(tmp_path / "ready.png", (224, 224)) is None


def test_images_are_listed_sorted_once_and_without_hidden_files(tmp_path: Path) -> None:
    for name in ("b/2.JPG", "a/1.png", "a/.hidden.jpg", "a/notes.txt", ".cache/x.jpg", "c.webp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    listed = [path.relative_to(tmp_path).as_posix() for path in list_images(tmp_path)]
    assert listed == ["a/1.png", "b/2.JPG", "c.webp"]


def test_listing_a_missing_folder_names_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot list .*nowhere"):
        list_images(tmp_path / "nowhere")


def test_resize_averages_along_the_axis_that_shrinks():
    columns = np.tile(np.array([10, 30, 50, 90], np.uint8)[None, :, None], (3, 1, 3))
    assert resize(columns, (3, 2))[:, :, 0].tolist() == [[20, 70]] * 3
    assert resize(columns, (9, 2))[:, :, 0].tolist() == [[20, 70]] * 9  # equal rows stay equal when they grow


def test_resize_to_the_same_size_is_the_image_itself():
    image = np.zeros((4, 5, 3), np.uint8)
    assert resize(image, (4, 5)) is image
