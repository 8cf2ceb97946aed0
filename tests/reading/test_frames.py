"""Of pictures with several frames, the frames that are not read are told."""

import io

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from ampnet.reading.python_inputs import photo_of
from cli import app
from tests.small_checkpoint import small_checkpoint


def content(kind: str, frames: int) -> bytes:
    shades = [Image.fromarray(np.full((40, 60, 3), 40 * number, np.uint8)) for number in range(1, frames + 1)]
    file = io.BytesIO()
    shades[0].save(file, kind, save_all=True, append_images=shades[1:])
    return file.getvalue()


@pytest.mark.parametrize("kind", ["gif", "png", "webp", "tiff"])
@pytest.mark.parametrize("frames", [1, 3])
def test_the_frames_of_a_picture_are_counted(kind, frames):
    photo = photo_of(content(kind, frames))
    assert photo.size_hw == (40, 60)
    assert photo.frames == frames


def test_the_previews_of_a_phone_photo_are_no_frames():
    assert photo_of(content("mpo", 2)).problem is None
    assert photo_of(content("mpo", 2)).frames == 1


def test_frames_that_are_not_read_are_told_also_without_a_face(tmp_path):
    (tmp_path / "clip.webp").write_bytes(content("webp", 3))
    words = ["predict", str(tmp_path / "clip.webp"), "--checkpoint", str(small_checkpoint(tmp_path)), "--gpus", "0"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0
    assert f"{tmp_path / 'clip.webp'}: 2 of 3 frames not read" in result.stderr
