"""Photos so large that they are reduced while they are decoded: results are in pixels of the whole photo."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from ampnet.dataset.index.raw_images import SourceImage
from ampnet.media import decoding_memory
from ampnet.reading import photo
from cli import app
from tests.prepared_faces import SAMPLES
from tests.small_checkpoint import small_checkpoint

PORTRAIT = SAMPLES / "portrait.jpg"


def predicted(photo: Path, run: Path, *options: str) -> dict[str, Any]:
    arguments = ["predict", str(photo), "--checkpoint", str(run), "--gpus", "0", "--json", "--quiet", *options]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    image: dict[str, Any] = json.loads(result.stdout)["images"][0]
    return image


def test_faces_in_a_reduced_photo_are_given_in_pixels_of_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = small_checkpoint(tmp_path / "run")
    whole = predicted(PORTRAIT, run)
    monkeypatch.setattr(photo, "ENOUGH_SIDE", whole["width"] // 2)
    reduced = predicted(PORTRAIT, run)
    assert (reduced["width"], reduced["height"]) == (whole["width"], whole["height"])
    (face,), (expected,) = reduced["faces"], whole["faces"]
    assert face["box"] != expected["box"]  # else nothing was reduced
    side = expected["box"][2] - expected["box"][0]
    assert np.abs(np.subtract(face["box"], expected["box"])).max() < 0.06 * side
    assert np.abs(np.subtract(face["landmarks"], expected["landmarks"])).max() < 0.06 * side
    assert len(predicted(PORTRAIT, run, "--min-face", str(0.9 * side))["faces"]) == 1
    assert predicted(PORTRAIT, run, "--min-face", str(1.6 * side))["faces"] == []


def test_the_part_around_a_box_is_cut_from_the_reduced_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(PORTRAIT, tmp_path)
    item = SourceImage(tmp_path, PORTRAIT.name, "train", "joy", box=(81, 61, 180, 200))
    whole, reduced = item.picture(), item.picture()
    pixels = whole.photo.whole
    monkeypatch.setattr(decoding_memory, "MAX_DECODED", 10_000)
    half = reduced.photo.whole
    assert (reduced.photo.size_hw, reduced.origin_xy) == (whole.photo.size_hw, whole.origin_xy)
    assert reduced.whole_hw == whole.whole_hw
    assert half.shape[0] == pytest.approx(pixels.shape[0] / 2, abs=1)
    assert abs(float(half.mean()) - float(pixels.mean())) < 2
