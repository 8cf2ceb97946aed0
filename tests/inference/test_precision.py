"""bfloat16 gives almost the same answers, and `auto` takes it only where it is fast and no label changes."""

import numpy as np
import pytest
import torch

from ampnet.checkpoints.checkpoint import Checkpoint, load_checkpoint
from ampnet.checkpoints.model_files import bundled_model
from ampnet.detection.detector import FaceDetector
from ampnet.inference import precision
from ampnet.inference.classifier import Classifier, network_input
from ampnet.inference.contributions import explain
from ampnet.inference.golden import sample_faces, sample_images
from ampnet.inference.optimize import optimize_for_inference
from ampnet.inference.precision import Parity, choose_precision, decide, measure_parity
from ampnet.runtime.devices import has_bf16_units, has_fast_bf16

CPU = torch.device("cpu")
needs_bf16 = pytest.mark.skipif(not has_fast_bf16(CPU), reason="bfloat16 takes minutes on this processor")


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return load_checkpoint(bundled_model())


@needs_bf16
def test_bfloat16_gives_almost_the_same_probabilities_and_the_same_labels(checkpoint: Checkpoint) -> None:
    parity = measure_parity(checkpoint, CPU)
    assert parity.faces == 10
    assert 0 < parity.largest < 0.05
    assert parity.changed == 0


@needs_bf16
def test_the_logits_are_float32_and_the_model_stays_as_it_was(checkpoint: Checkpoint) -> None:
    fast = optimize_for_inference(checkpoint.model, torch.bfloat16)
    batch = network_input(sample_faces(checkpoint.framing), checkpoint.architecture.image_size).to(CPU)
    with torch.inference_mode():
        local, global_ = fast(batch.images, batch.landmarks)
    assert (local.dtype, global_.dtype) == (torch.float32, torch.float32)
    assert fast.global_perception is not None
    assert next(fast.global_perception.parameters()).dtype == torch.bfloat16
    assert {parameter.dtype for parameter in checkpoint.model.parameters()} == {torch.float32}


@needs_bf16
def test_in_bfloat16_the_regions_contributions_add_up_as_well(checkpoint: Checkpoint) -> None:
    classifier = Classifier.from_checkpoint(checkpoint, CPU, dtype=torch.bfloat16)
    batch = network_input(sample_faces(checkpoint.framing)[:3], checkpoint.architecture.image_size).to(CPU)
    parts = explain(classifier, batch)
    np.testing.assert_allclose(parts.regions.sum(axis=1) + parts.bias, parts.local, atol=1e-4)


@needs_bf16
def test_the_detector_finds_the_same_faces_in_bfloat16() -> None:
    expected, found = (FaceDetector(dtype=dtype).detect(sample_images()) for dtype in (torch.float32, torch.bfloat16))
    assert [len(faces) for faces in found] == [len(faces) for faces in expected] == [5, 5]
    for exact in expected[0]:
        nearest = min(found[0], key=lambda face: float(np.abs(face.box - exact.box).max()))
        assert np.abs(nearest.landmarks - exact.landmarks).max() < 0.05 * exact.side
        assert nearest.landmarks.dtype == np.float32


def test_fp32_needs_no_comparison(checkpoint: Checkpoint) -> None:
    chosen = choose_precision("fp32", checkpoint, CPU)
    assert (chosen.dtype, chosen.note) == (torch.float32, None)


def test_auto_is_fp32_on_a_processor_without_bfloat16(checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "has_bf16_units", lambda _device: False)
    chosen = choose_precision("auto", checkpoint, CPU)
    assert chosen.dtype == torch.float32
    assert "no bfloat16 instructions" in str(chosen.note)


@needs_bf16
def test_auto_is_bfloat16_where_the_processor_has_it(checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "has_bf16_units", lambda _device: True)
    chosen = choose_precision("auto", checkpoint, CPU)
    assert chosen.dtype == torch.bfloat16
    assert "probabilities differ by at most 0.0" in str(chosen.note)


def test_a_changed_label_makes_auto_fall_back_and_is_said_where_bf16_was_asked_for() -> None:
    parity = Parity(faces=12, largest=0.08, changed=1)
    automatic, asked = decide("auto", parity), decide("bf16", parity)
    assert automatic.dtype == torch.float32
    assert asked.dtype == torch.bfloat16
    for note in (automatic.note, asked.note):
        assert "0.080 from fp32 on 12 sample faces, 1 of which get another label" in str(note)


def test_a_processor_with_units_is_fast() -> None:
    assert has_fast_bf16(CPU) or not has_bf16_units(CPU)
