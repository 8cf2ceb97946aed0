"""Exported models answer what their checkpoints answer, and run without torch."""

import json
import os
import pickle
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest

from ampnet import Predictor
from ampnet.checkpoints.checkpoint import load_checkpoint
from ampnet.errors import CheckpointError, ConfigError, RangeError, UsageError
from ampnet.export.parity import run_torchscript, sample_inputs
from ampnet.export.versions import OLDEST_RUNTIME
from ampnet.export.writers import store_small
from ampnet.reading.image_files import read_image
from ampnet.recognition.onnx import Predictor as OnnxPredictor
from ampnet.runtime.cores import usable_cores
from ampnet.runtime.threads import MAX_NETWORKS
from ampnet.settings import ExportConfig, ExportFormat
from pipelines.export import ExportResult, run
from tests.clips import write_clip
from tests.exported_models import exported_models, opened
from tests.small_checkpoint import ALL, small_checkpoint

SAMPLES = Path(__file__).parents[1] / "samples"
ALL_FORMS = ("exact", "half", "int8", "detector")

pytestmark = pytest.mark.slow  # torch's exporter takes ten seconds for each network


@pytest.fixture(scope="module")
def classifier(tmp_path_factory) -> ExportResult:
    return exported_models(tmp_path_factory)[0]


@pytest.fixture(scope="module")
def detector(tmp_path_factory) -> ExportResult:
    return exported_models(tmp_path_factory)[1]


@pytest.fixture(scope="module")
def inputs() -> dict[str, np.ndarray]:
    return sample_inputs(Predictor().checkpoint)


@pytest.fixture(scope="module")
def forms(classifier, detector, tmp_path_factory) -> dict[str, Path]:
    """The classifier in all precisions, and the detector."""
    half, int8 = (tmp_path_factory.mktemp("forms") / f"{name}.onnx" for name in ("half", "int8"))
    for file in (half, int8):
        model = onnx.load(classifier.file)
        store_small(model, is_int8=file == int8)
        onnx.save(model, file)
    return {"exact": classifier.file, "half": half, "int8": int8, "detector": detector.file}


def test_the_difference_is_measured_on_real_faces(classifier, detector):
    assert classifier.difference < 1e-4
    assert classifier.faces >= 10
    assert detector.difference < 1e-2
    assert detector.faces >= 5


def test_an_export_that_differs_too_much_does_not_replace_an_earlier_file(tmp_path, monkeypatch):
    out = tmp_path / "model.safetensors"
    config = ExportConfig(model=small_checkpoint(tmp_path / "run"), out=out, format="safetensors")
    run(config)
    before = out.read_bytes()
    monkeypatch.setattr("pipelines.export.TOLERANCE", {"fp16": -1.0})
    with pytest.raises(CheckpointError, match="nothing was written"):
        run(replace(config, force=True))
    assert out.read_bytes() == before
    assert set(tmp_path.iterdir()) == {tmp_path / "run", out}


def test_a_photo_gets_the_same_answers_as_from_torch(classifier, detector):
    photo = read_image(SAMPLES / "group.jpg")
    portrait = read_image(SAMPLES / "portrait.jpg")
    exported = OnnxPredictor(classifier.file, detector.file, threads=1).predict([photo, portrait])
    for found, expected in zip(exported, Predictor().predict([photo, portrait]), strict=True):
        assert [face.label for face in found] == [face.label for face in expected]
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one.box, other.box, atol=0.01)
            np.testing.assert_allclose(one.landmarks, other.landmarks, atol=0.01)
            assert one.scores == pytest.approx(other.scores, abs=1e-3)
    assert len(exported[0]) >= 5


def test_a_folder_is_a_stream_of_what_its_photos_are_alone(classifier, detector, tmp_path):
    for name in ("1.jpg", "2.jpg", "4.jpg"):
        shutil.copy(SAMPLES / "portrait.jpg", tmp_path / name)
    (tmp_path / "3.jpg").write_text("milk, eggs")
    write_clip(tmp_path / "5.avi", 3)
    predictor = OnnxPredictor(classifier.file, detector.file, threads=1)
    assert predictor.parallel == min(usable_cores(), MAX_NETWORKS)
    (face,) = predictor.predict(tmp_path / "1.jpg")
    for stream in (False, True):
        results = list(predictor.predict(tmp_path, stream=stream, videos=True, every=1))
        assert [len(one) for one in results] == [1, 1, 0, 1, 0, 0, 0]
        assert [one.frame for one in results[4:]] == [0, 1, 2]
        assert "3.jpg" in results[2].problem
        assert results[3][0].scores == pytest.approx(face.scores, abs=1e-5)


def test_a_pickled_predictor_finds_the_faces_that_it_found_before(classifier, detector):
    predictor = OnnxPredictor(classifier.file, detector.file, threads=1)
    predictor.score_threshold, predictor.fast, predictor.rejection_threshold = 0.9999, True, 1.0
    again = pickle.loads(pickle.dumps(predictor))
    assert (again.score_threshold, again.fast, again.rejection_threshold) == (0.9999, True, 1.0)
    photo = SAMPLES / "group.jpg"
    assert again.predict(photo).to_dict() == predictor.predict(photo).to_dict()


def test_torch_is_not_imported(classifier, detector):
    program = (
        "import sys; from pathlib import Path;"
        "from ampnet.reading.image_files import read_image; from ampnet.recognition.onnx import Predictor;"
        "faces = Predictor(sys.argv[1], sys.argv[2]).predict([read_image(Path(sys.argv[3]))])[0];"
        "print(faces[0].label, 'torch' in sys.modules)"
    )
    arguments = [str(classifier.file), str(detector.file), str(SAMPLES / "portrait.jpg")]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, cwd=Path(__file__).parents[2]
    )
    assert done.stderr == ""
    assert done.stdout.split() == ["happiness", "False"]


def test_the_batch_is_dynamic_and_the_metadata_says_what_the_model_is(classifier, inputs):
    checkpoint = Predictor().checkpoint
    session = opened(classifier.file)
    about = json.loads(session.get_modelmeta().custom_metadata_map["ampnet"])
    assert about["class_names"] == list(checkpoint.class_names)
    assert about["temperature"] == checkpoint.temperature
    assert about["framing"]["mean_landmarks"] == [list(point) for point in checkpoint.framing.mean_landmarks]
    assert "MIT" in about["licence"]
    assert "FER+" in about["training_data"]
    whole = session.run(["probabilities"], inputs)[0]
    single = session.run(["probabilities"], {name: rows[:1] for name, rows in inputs.items()})[0]
    np.testing.assert_allclose(single, whole[:1], atol=1e-5)


def test_half_precision_and_int8_are_smaller_and_choose_the_same_classes(forms, inputs):
    exact = _probabilities(forms["exact"], inputs)
    for name, share, tolerance in (("half", 0.6, 0.01), ("int8", 0.4, 0.1)):
        assert forms[name].stat().st_size < share * forms["exact"].stat().st_size
        found = _probabilities(forms[name], inputs)
        assert np.abs(found - exact).max() < tolerance
        assert (found.argmax(axis=1) == exact.argmax(axis=1)).all()


def _old_runtime(version: str, folder: Path) -> dict[str, str]:
    """Install an old ONNX Runtime, and give the environment in which Python imports it."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:", "--target"]
    packages = [str(folder), f"onnxruntime=={version}.*", "numpy<2"]
    if subprocess.run([*pip, *packages], capture_output=True, timeout=600).returncode:
        pytest.skip(f"onnxruntime {version} has no wheel for this Python, or there is no registry")
    return os.environ | {"PYTHONPATH": str(folder)}


@pytest.mark.parametrize("form", ALL_FORMS)
def test_every_form_says_the_oldest_runtime_that_knows_its_operators(forms, form):
    model = onnx.load(forms[form])
    metadata = json.loads({entry.key: entry.value for entry in model.metadata_props}["ampnet"])
    assert metadata["oldest_onnxruntime"] == OLDEST_RUNTIME
    assert (model.ir_version, [(one.domain, one.version) for one in model.opset_import]) == (8, [("", 18)])


@pytest.mark.soak  # it installs an old release
def test_the_oldest_runtime_loads_every_form_and_takes_no_faces(forms, tmp_path):
    runtime = _old_runtime(OLDEST_RUNTIME, tmp_path / "runtime")
    for form in ALL_FORMS:
        command = [sys.executable, Path(__file__).parents[1] / "old_onnxruntime.py", forms[form], "0", "2"]
        done = subprocess.run(command, env=runtime, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        none, two = done.stdout.splitlines()
        assert none.replace("(0,", "(2,") == two


def test_no_faces_are_accepted_in_every_form(forms, inputs):
    inputs = {name: values[:0] for name, values in inputs.items()}
    for form in ("exact", "half", "int8"):
        assert _probabilities(forms[form], inputs).shape == (0, 7)
    session = opened(forms["detector"])
    shapes = [found.shape for found in session.run(None, {"images": np.zeros((0, 64, 96, 3), np.uint8)})]
    assert shapes == [(0, 252, 4), (0, 252, 5, 2), (0, 252)]


def test_torchscript_and_safetensors_answer_alike_and_of_no_faces_nothing(tmp_path):
    run_folder = small_checkpoint(tmp_path / "run", modules=ALL)
    forms: dict[ExportFormat, str] = {"torchscript": "ts", "safetensors": "safetensors"}
    for format, suffix in forms.items():
        result = run(ExportConfig(model=run_folder, format=format, out=tmp_path / f"model.{suffix}"))
        assert result.difference < (1e-4 if format == "torchscript" else 1e-2)
        assert result.file.stat().st_size > 10_000
    none = {name: values[:0] for name, values in sample_inputs(load_checkpoint(run_folder / "best.pt")).items()}
    assert run_torchscript(tmp_path / "model.ts", none).shape == (0, 7)
    with pytest.raises(CheckpointError, match="it is a TorchScript file"):
        load_checkpoint(tmp_path / "model.ts")


def test_an_existing_file_is_kept_and_a_wrong_request_refused(classifier, tmp_path):
    with pytest.raises(UsageError, match="exists"):
        run(ExportConfig(model=Path("bundled"), out=classifier.file))
    with pytest.raises(ConfigError, match="precision int8 is for --format onnx"):
        ExportConfig(model=Path("bundled"), format="torchscript", precision="int8")
    with pytest.raises(UsageError, match="the detector can only be exported as"):
        run(ExportConfig(model=Path("detector"), format="torchscript", out=tmp_path / "d"))
    for more in ({"pixels": "nchw"}, {"licence": "mine"}, {"part": "classifier", "data": tmp_path}):
        with pytest.raises(UsageError, match=r"without --pixels and --licence|omit it for the detector"):
            run(ExportConfig(model=Path("detector"), out=tmp_path / "d", **more))
    with pytest.raises(ConfigError, match=r"must end in \.safetensors"):
        ExportConfig(model=Path("bundled"), format="safetensors", out=tmp_path / "model.pt")


def test_a_file_that_is_no_exported_model_is_refused_in_one_line(classifier, detector, tmp_path):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(classifier.file.read_bytes()[:5000])
    for file, reason in (
        (broken, "cannot read"),
        (detector.file, "is no classifier of ampnet; write one with `ampnet export MODEL --part classifier`"),
        (tmp_path / "no", "No such file"),
    ):
        with pytest.raises(CheckpointError, match=reason) as raised:
            OnnxPredictor(file, detector.file)
        assert "\n" not in str(raised.value)
    with pytest.raises(RangeError, match="batch_size must be at least 1, got 0"):
        OnnxPredictor(classifier.file, detector.file, batch_size=0)
    with pytest.raises(
        CheckpointError, match="is an exported model, not a checkpoint; predict and serve --runtime onnx"
    ):
        load_checkpoint(classifier.file)


def _probabilities(file, inputs):
    session = opened(file)
    return session.run(["probabilities"], inputs)[0]


def test_what_a_page_needs_is_looked_for_before_the_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.export.load_checkpoint", lambda _file: pytest.fail("it has begun to export"))
    with pytest.raises(UsageError, match=r"dist has no ort\.wasm\.bundle\.min\.mjs; name the folder"):
        run(ExportConfig(model=Path("bundled"), format="web", out=tmp_path / "page", runtime=tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="npm, which gets onnxruntime-web, is not installed"):
        run(ExportConfig(model=Path("bundled"), format="web", out=tmp_path / "page"))
    assert not (tmp_path / "page").exists()


def test_what_else_can_be_exported_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nope does not exist; .* `detector` or `bundled`"):
        run(ExportConfig(model=tmp_path / "nope"))


def test_a_page_names_its_model_not_where_it_lay(tmp_path, monkeypatch):
    named: list[str] = []
    monkeypatch.setattr("pipelines.export.run", lambda config: ExportResult(config.out, 0.0, 1, is_detector=False))
    monkeypatch.setattr("pipelines.export.open_model", lambda *_: SimpleNamespace(metadata={}))
    monkeypatch.setattr("pipelines.export_web.find_runtime", lambda *_: tmp_path)
    monkeypatch.setattr("pipelines.export_web.write_page", lambda folder, model, name, *_: named.append(name))
    small_checkpoint(tmp_path / "ada" / "patients")
    for model in (tmp_path / "ada" / "patients", Path("bundled")):
        run(ExportConfig(model=model, format="web", out=tmp_path / f"site{len(named)}"))
    assert named == ["patients", "bundled:ferplus"]
