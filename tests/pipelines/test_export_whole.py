"""One file from a photo to its faces: what any ONNX Runtime answers is what the Recognizer answers."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from ampnet import Predictor
from ampnet.checkpoints.checkpoint import Checkpoint, save_checkpoint
from ampnet.detection.retries import detect_with_retries
from ampnet.export.parity import as_pixels
from ampnet.export.versions import OLDEST_RUNTIME
from ampnet.models.plain import build_model
from ampnet.reading.image_files import read_image
from ampnet.settings import VARIANTS, ArchitectureConfig, ExportConfig
from ampnet.settings.labels import EXPRESSIONS
from pipelines.export import ExportResult, run, write_joined
from tests.exported_models import exported_models, opened, use_exported_detector, whole_model
from tests.small_checkpoint import small_checkpoint

pytest.importorskip("onnxruntime")

SAMPLES = Path(__file__).parents[1] / "samples"
CLOSE = 0.01
"""Largest difference of a probability from the Recognizer's."""
OTHERS = ("mobilenet_v3_small", "global perception")

pytestmark = pytest.mark.slow  # torch's exporter takes ten seconds for each network


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    return whole_model(tmp_path_factory)


@pytest.fixture(scope="module")
def session(exported):
    return opened(exported)


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor()


@pytest.fixture(scope="module")
def group():
    return read_image(SAMPLES / "group.jpg")


def answer(session, photo, **inputs):
    found = session.run(None, {"photo": photo, **inputs})
    return dict(zip([one.name for one in session.get_outputs()], found, strict=True))


def require_same(found, expected) -> None:
    assert len(found["boxes"]) == len(expected)
    scores = np.array([list(face.scores.values()) for face in expected]).reshape(-1, len(expected.class_names))
    np.testing.assert_allclose(found["probabilities"], scores, atol=CLOSE)
    np.testing.assert_allclose(found["boxes"], np.array([face.box for face in expected]).reshape(-1, 4), atol=0.02)
    points = np.array([face.landmarks for face in expected]).reshape(-1, 5, 2)
    np.testing.assert_allclose(found["landmarks"], points, atol=0.02)
    assert found["class_names"].tolist() == list(expected.class_names)


@pytest.mark.parametrize("long_side", [200, 640, 1280, 2100, 2560, 2700, 5120])
def test_photos_of_any_size_get_the_recognizers_answers(session, predictor, group, long_side):
    size = (long_side, long_side * group.shape[0] // group.shape[1])
    photo = np.asarray(cv2.resize(group, size, interpolation=cv2.INTER_AREA if long_side < 1280 else cv2.INTER_CUBIC))
    require_same(answer(session, photo), predictor.predict(photo))


def test_a_tilted_head_is_found_again_upright(session, predictor):
    portrait = read_image(SAMPLES / "portrait.jpg")
    turn = cv2.getRotationMatrix2D((256, 256), 35, 0.7)
    photo = np.asarray(cv2.warpAffine(portrait, turn, (512, 512)), dtype=np.uint8)
    expected = predictor.predict(photo)
    assert len(expected) == 1
    require_same(answer(session, photo), expected)


@pytest.mark.parametrize("degrees", [60, 90, 135, 180, -150])
def test_a_photo_taken_at_any_angle_gets_the_recognizers_answers(session, predictor, group, degrees):
    turn = cv2.getRotationMatrix2D((group.shape[1] / 2, group.shape[0] / 2), degrees, 0.7)
    photo = np.asarray(cv2.warpAffine(group, turn, group.shape[1::-1]), dtype=np.uint8)
    expected = predictor.predict(photo)
    assert len(expected) >= 3
    require_same(answer(session, photo), expected)


def test_an_upside_down_head_among_upright_ones_is_found_the_right_way_round(session, predictor, group):
    photo = group.copy()
    x0, y0, x1, y1 = (int(one) for one in predictor.predict(group)[1].box)
    photo[y0:y1, x0:x1] = photo[y0:y1, x0:x1][::-1, ::-1].copy()
    expected = predictor.predict(photo)
    assert (len(expected), min(face.landmarks[4, 1] - face.landmarks[0, 1] for face in expected) < 0) == (5, True)
    require_same(answer(session, photo), expected)


def test_a_photo_without_faces_at_first_is_looked_at_turned(session, predictor):
    face = read_image(SAMPLES / "faces" / "test" / "anger" / "id04_anger_0.jpg")
    height, width = face.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 50, 1)
    photo = np.asarray(cv2.warpAffine(face, turn, (width, height)), dtype=np.uint8)
    photo[height // 2 + height // 10 :] = 0
    assert detect_with_retries(predictor.detector, [photo])[0].status == "retried"
    require_same(answer(session, photo), predictor.predict(photo))


def test_a_photo_without_faces_has_empty_answers(session):
    found = answer(session, np.full((40, 60, 3), 128, dtype=np.uint8))
    assert found["boxes"].shape == (0, 4)
    assert found["landmarks"].shape == (0, 5, 2)
    assert found["probabilities"].shape == (0, 7)
    assert found["region_contributions"].shape == (0, 9, 7)


def test_thresholds_and_the_choice_of_faces_are_optional_inputs(session, predictor, group):
    everybody = answer(session, group)
    least = np.array(np.sort(everybody["detection_scores"])[1])
    assert len(answer(session, group, score_threshold=least)["boxes"]) == len(everybody["boxes"]) - 2
    assert len(answer(session, group, max_faces=np.array(2))["boxes"]) == 2
    large = np.array((everybody["boxes"][:, 2:] - everybody["boxes"][:, :2]).min(axis=1).max() - 1)
    assert len(answer(session, group, min_face=large)["boxes"]) == 1
    for number, policy in enumerate(("all", "largest", "centre", "best")):
        predictor.face = policy
        expected = predictor.predict(group)
        predictor.face = "all"
        np.testing.assert_allclose(
            answer(session, group, choice=np.array(number))["boxes"][0], expected[0].box, atol=0.5
        )


def test_contributions_add_up_to_what_explain_says(session, predictor, group):
    result = predictor.predict(group)
    explained = predictor.explain(result)
    expected = np.array([[explained.summands(face)[name] for name in explained.names] for face in range(len(result))])
    found = answer(session, group)
    np.testing.assert_allclose(found["region_contributions"], expected, atol=0.05)
    for face, corners in zip(explained.faces, found["region_corners"], strict=True):
        np.testing.assert_allclose(corners, face.corners, atol=0.1)


@pytest.mark.parametrize("pixels", ["rgba", "nchw"])
def test_photos_may_have_transparency_or_planes(tmp_path_factory, tmp_path, session, group, pixels):
    classifier, detector = exported_models(tmp_path_factory)
    file = tmp_path / "faces.onnx"
    write_joined(classifier.file, detector.file, file, "fp32", pixels)
    white = group.copy()
    white[:, :100] = 255
    photo = as_pixels(white if pixels == "nchw" else group, pixels)
    if pixels == "rgba":
        photo[:, :100, 3] = 0  # all there is clear
    expected, found = answer(session, white), answer(opened(file), photo)
    np.testing.assert_allclose(found["boxes"], expected["boxes"], atol=0.01)
    np.testing.assert_allclose(found["probabilities"], expected["probabilities"], atol=1e-4)


def test_the_file_says_what_it_is(session):
    about = json.loads(session.get_modelmeta().custom_metadata_map["ampnet"])
    assert about["kind"] == "whole"
    assert len(about["region_names"]) == 9
    assert about["oldest_onnxruntime"] == OLDEST_RUNTIME


@pytest.mark.soak  # it installs an old release
def test_the_oldest_runtime_runs_it(exported, tmp_path):
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:", "--target", tmp_path]
    if subprocess.run([*pip, f"onnxruntime=={OLDEST_RUNTIME}.*", "numpy<2"], capture_output=True).returncode:
        pytest.skip(f"onnxruntime {OLDEST_RUNTIME} has no wheel for this Python, or there is no registry")
    program = (
        "import sys, numpy, onnxruntime; s = onnxruntime.InferenceSession(sys.argv[1]);"
        "print(s.run(['probabilities'], {'photo': numpy.zeros((64, 96, 3), numpy.uint8)})[0].shape)"
    )
    command = [sys.executable, "-c", program, exported]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.stdout.strip() == "(0, 7)", done.stderr


@pytest.fixture(scope="module", params=["resnet18", *(pytest.param(name, marks=pytest.mark.soak) for name in OTHERS)])
def simple(request, tmp_path_factory) -> tuple[Path, ExportResult]:
    """A network without local branches that learned whole images, and what its export says."""
    folder = tmp_path_factory.mktemp("simple")
    framing = replace(Predictor().checkpoint.framing, crop="none", color="rgb", spread=20.0, size=0.8)
    if request.param == "global perception":
        small_checkpoint(folder, framing=framing)
    else:
        architecture = ArchitectureConfig(**VARIANTS[request.param] | {"image_size": 64})
        save_checkpoint(folder / "best.pt", Checkpoint(build_model(architecture).eval(), EXPRESSIONS, framing))
    with pytest.MonkeyPatch.context() as patch:
        use_exported_detector(tmp_path_factory, patch)
        return folder, run(ExportConfig(model=folder, out=folder / "whole.onnx"))


def test_a_network_of_whole_images_is_shown_crops_as_they_are(simple):
    whole, result = Predictor(simple[0]), simple[1]
    assert (result.difference < CLOSE, result.faces) == (True, 10)
    model = opened(result.file)
    face = read_image(next((SAMPLES / "faces" / "test" / "happiness").glob("*.jpg")))
    for photo in (face, read_image(SAMPLES / "group.jpg")):
        require_same(answer(model, photo), whole.predict(photo))


def test_a_network_without_local_branches_has_no_contributions(simple):
    found = answer(opened(simple[1].file), read_image(SAMPLES / "portrait.jpg"))
    assert found["region_contributions"].shape[:2] == (1, 0)
