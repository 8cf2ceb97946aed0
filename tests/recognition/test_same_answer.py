"""The same photo gets the same answer in every form and through every way."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from ampnet import Predictor
from ampnet.settings import PredictConfig
from cli import app

SAMPLES = Path(__file__).parents[1] / "samples"
SAME, BOX = 0.002, 0.1
"""Largest difference of a probability, and of a box in pixels, between two ways to the same bytes."""
PIXELS, ONNX = 0.05, 0.01
"""Largest difference of a probability between a file and its pixels, and between torch and ONNX Runtime."""

UPRIGHT, TURNED = 1, 6
QUICK = [(512, UPRIGHT), (2600, TURNED), (5200, TURNED)]
"""Decoded as a whole, at half size, at a quarter."""
SHAPES = [
    pytest.param((side, turn), id=f"{name}-{side}", marks=() if (side, turn) in QUICK else pytest.mark.soak)
    for side in (512, 2600, 4032, 5200)
    for turn, name in ((UPRIGHT, "upright"), (TURNED, "turned"))
]


def make_photo(path: Path, side: int, orientation: int) -> Path:
    """Put five faces, of a fortieth to a fifth of the side, on a grey photo of 4 by 3."""
    canvas = Image.new("RGB", (side, side * 3 // 4), (118, 125, 130))
    with Image.open(SAMPLES / "group.jpg") as group, Image.open(SAMPLES / "portrait.jpg") as portrait:
        width = side * 6 // 10
        canvas.paste(group.resize((width, width * group.height // group.width)), (side // 50, side // 50))
        canvas.paste(portrait.resize((side * 3 // 10, side * 3 // 10)), (side * 66 // 100, side * 4 // 10))
    if orientation == TURNED:
        canvas = canvas.transpose(Image.Transpose.ROTATE_90)  # which its EXIF turns back
    exif = canvas.getexif()
    exif[0x0112] = orientation
    canvas.save(path, quality=92, exif=exif)
    return path


@pytest.fixture(scope="module", params=SHAPES)
def photo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_photo(tmp_path_factory.mktemp("photos") / "photo.jpg", *request.param)


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor()


@pytest.fixture(scope="module")
def expected(predictor: Predictor, photo: Path):
    found = predictor.predict(photo)
    assert len(found) == 6
    return found.to_dict()["faces"]


def largest_differences(faces, expected) -> tuple[float, float]:
    """Of probabilities and of boxes, in pixels; faces of equal detection scores may be listed in another order."""
    assert len(faces) == len(expected)
    boxes = np.array([[face["box"] for face in of] for of in (faces, expected)])
    scores = np.array([[list(face["scores"].values()) for face in of] for of in (faces, expected)])
    order = np.abs(boxes[0][:, None] - boxes[1]).max(axis=2).argmin(axis=0)
    assert sorted(order) == list(range(len(faces)))
    return float(np.abs(scores[0][order] - scores[1]).max()), float(np.abs(boxes[0][order] - boxes[1]).max())


def require_same(faces, expected) -> None:
    scores, boxes = largest_differences(faces, expected)
    assert scores <= SAME
    assert boxes <= BOX + 1e-9


def test_the_same_bytes_get_the_same_answer_in_every_form_of_python(predictor, photo, expected):
    with Image.open(photo) as picture, photo.open("rb") as file:
        for form in (str(photo), photo.read_bytes(), file, picture):
            require_same(predictor.predict(form).to_dict()["faces"], expected)
    for several in ([photo], photo.parent, photo.parent / "*.jpg", iter([photo.read_bytes()])):
        (found,) = predictor.predict_many(several)
        require_same(found.to_dict()["faces"], expected)


def test_the_command_answers_as_python_does(photo, expected, tmp_path):
    listed = tmp_path / "list.txt"
    listed.write_text(str(photo))
    for words in ([str(photo)], [str(photo.parent)], [f"{photo.parent}/**/*.jpg"], ["--list", str(listed)]):
        result = CliRunner().invoke(
            app, ["predict", *words, "--json", "--quiet", "--checkpoint", "bundled", "--gpus", "0"]
        )
        assert result.exit_code == 0, result.stderr
        require_same(json.loads(result.stdout)["images"][0]["faces"], expected)


def test_pixels_get_nearly_the_answer_of_their_file(predictor, photo, expected):
    with Image.open(photo) as picture:
        picture.load()
        upright = picture if picture.getexif().get(0x0112) == UPRIGHT else picture.transpose(Image.Transpose.ROTATE_270)
        pixels = np.asarray(upright)
        for form in (pixels, torch.from_numpy(pixels.copy()).permute(2, 0, 1), picture):
            scores, _ = largest_differences(predictor.predict(form).to_dict()["faces"], expected)
            assert scores <= PIXELS


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service's address."""
    pytest.importorskip("fastapi")
    from tests.service.running import running

    folder = tmp_path_factory.mktemp("service")
    with running(folder, "--checkpoint", "bundled", "--runtime", "torch", "--gpus", "0") as service:
        yield service.address


@pytest.mark.slow
def test_the_service_answers_as_python_does(photo, expected, address):
    files = {"file": ("photo.jpg", photo.read_bytes())}
    answer = httpx.post(f"{address}v1/predict", files=files, timeout=600).raise_for_status().json()
    require_same(answer["photos"][0]["faces"], expected)


@pytest.mark.slow
def test_onnx_answers_as_torch_does(photo, expected, tmp_path_factory, monkeypatch):
    pytest.importorskip("onnxruntime")
    from pipelines.predictors import choose_predictor
    from pipelines.progress import notices
    from tests.exported_models import use_exported_models

    use_exported_models(tmp_path_factory, monkeypatch)
    config = PredictConfig(images=(photo,), checkpoint=Path("bundled"), runtime="onnx")
    found = choose_predictor(config, notices(quiet=True), is_single=True).predictor.predict(photo)
    scores, _ = largest_differences(found.to_dict()["faces"], expected)
    assert scores <= ONNX


@pytest.mark.soak  # tests/cluster/test_ray.py compares its rows with those of a single machine
@pytest.mark.filterwarnings("ignore")  # Ray's own warnings are not ours
def test_ray_answers_as_python_does_also_for_patterns(tmp_path, predictor):
    pytest.importorskip("ray")
    parquet = pytest.importorskip("pyarrow.parquet")
    from pipelines.predict_ray import run

    inside = tmp_path / "photos" / "deep"
    inside.mkdir(parents=True)
    photos = [make_photo(inside / f"{side}.jpg", side, TURNED) for side in (512, 2600)]
    pattern = Path(f"{tmp_path}/photos/**/*.jpg")
    config = PredictConfig(
        images=(pattern,), checkpoint=Path("bundled"), gpus=0, engine="ray", out=tmp_path / "rows", actors=1
    )
    run(config, quiet=True)
    rows = [row for file in (tmp_path / "rows").glob("*.parquet") for row in parquet.read_table(file).to_pylist()]
    for photo in photos:
        expected = predictor.predict(photo).to_dict()["faces"]
        scores = [name for name in rows[0] if name.startswith("score_")]
        faces = [
            {"scores": {name: row[name] for name in scores}, "box": [row[edge] for edge in ("x0", "y0", "x1", "y1")]}
            for row in rows
            if row["image"] == str(photo)
        ]
        require_same(faces, expected)
