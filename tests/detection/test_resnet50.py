"""The larger detector runs retinaface-pytorch's network from a file in its released format; no network is needed."""

import io
import pickle
import warnings
import zipfile
from typing import Any

import numpy as np
import pytest
import torch
from retinaface.box_utils import decode, decode_landm
from retinaface.network import RetinaFace
from retinaface.prior_box import priorbox
from torch import nn

from ampnet.detection import resnet50
from ampnet.detection.detector import FaceDetector
from ampnet.detection.networks import anchor_boxes, decode_boxes, decode_landmarks
from ampnet.errors import DetectorError
from ampnet.settings import DetectorConfig


def published_network():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package's own use of a deprecated argument
        network = RetinaFace(**resnet50.ARCHITECTURE)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.uniform_(module.running_mean, -0.1, 0.1)
            nn.init.uniform_(module.running_var, 0.8, 1.2)
    return network.eval()


@pytest.fixture(scope="module")
def published():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return published_network()


@pytest.fixture(scope="module")
def released_file(published, tmp_path_factory):
    """A zip around one torch file with the plain state dict, as the author's release is."""
    inner = io.BytesIO()
    torch.save(published.state_dict(), inner)
    path = tmp_path_factory.mktemp("weights") / "released.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("retinaface_resnet50_2020-07-20.pth", inner.getvalue())
    return path


@pytest.fixture(scope="module")
def ours(released_file):
    return resnet50.build_resnet50(released_file)


@torch.inference_mode()
def test_folding_the_batch_norms_changes_no_output(published, ours):
    pixels = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(1)) * 4 - 2
    assert not any(isinstance(module, nn.BatchNorm2d) for module in ours.modules())
    for output, expected in zip(ours(pixels), published(pixels), strict=True):
        torch.testing.assert_close(output, expected, atol=1e-3, rtol=1e-3)


def test_anchors_and_decoding_are_the_packages():
    height, width = 100, 164  # no multiple of any stride
    generator = torch.Generator().manual_seed(2)
    priors = priorbox([[16, 32], [64, 128], [256, 512]], [8, 16, 32], clip=False, image_size=(height, width))
    anchors = anchor_boxes(height, width, torch.device("cpu"))
    boxes = torch.randn(len(priors), 4, generator=generator)
    points = torch.randn(len(priors), 10, generator=generator)
    size = torch.tensor([width, height])
    pixels: dict[str, Any] = {"atol": 1e-3, "rtol": 0.0}
    torch.testing.assert_close(
        decode_boxes(boxes, anchors), decode(boxes, priors, [0.1, 0.2]) * size.repeat(2), **pixels
    )
    torch.testing.assert_close(
        decode_landmarks(points, anchors).flatten(1),
        decode_landm(points, priors, [0.1, 0.2]) * size.repeat(5),
        **pixels,
    )


def test_a_weights_file_makes_a_working_detector(released_file):
    detector = FaceDetector(DetectorConfig(name="resnet50", weights=released_file))
    images = [np.full((40, 60, 3), 128, np.uint8), np.full((224, 224, 3), 10, np.uint8)]
    assert detector.name == "resnet50"
    assert len(detector.weights_sha256) == 64
    assert [isinstance(faces, list) for faces in detector.detect(images)] == [True, True]


@pytest.mark.parametrize("new_format", [True, False])
def test_plain_torch_files_in_both_formats_are_read_too(published, tmp_path, new_format):
    path = tmp_path / "weights.pth"
    torch.save({"head": published.ClassHead[0].conv1x1.weight}, path, _use_new_zipfile_serialization=new_format)
    with pytest.raises(
        DetectorError, match=r"cannot read .*weights\.pth: the network has no head; the released weights"
    ):
        resnet50.build_resnet50(path)


class RunsCode:
    def __reduce__(self):
        return exec, ("raise SystemExit('ran')",)


def test_a_weights_file_that_carries_code_is_refused_without_running_it(tmp_path):
    path = tmp_path / "weights.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weights.pth", pickle.dumps(RunsCode()))
    with pytest.raises(DetectorError, match=r"cannot read .*weights\.zip"):
        resnet50.build_resnet50(path)


@pytest.mark.parametrize("content", [b"", b"not a model", b"PK\x03\x04 broken", b"\x80\x02N."])
def test_a_file_of_something_else_is_refused(tmp_path, content):
    path = tmp_path / "weights.zip"
    path.write_bytes(content)
    with pytest.raises(DetectorError, match=r"cannot read .*weights\.zip"):
        resnet50.build_resnet50(path)


def test_a_missing_weights_file_is_named(tmp_path):
    with pytest.raises(DetectorError, match=r"cannot read .*nowhere\.zip: No such file"):
        FaceDetector(DetectorConfig(name="resnet50", weights=tmp_path / "nowhere.zip"))


def serve(monkeypatch, tmp_path, file):
    """Let the release be a local file, and the cache a new folder."""
    monkeypatch.setattr(resnet50, "URL", file.as_uri())
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return tmp_path / "hub" / "checkpoints" / file.name


def test_without_a_network_the_error_names_both_ways_out(monkeypatch, tmp_path):
    serve(monkeypatch, tmp_path, tmp_path / "unreachable.zip")
    with pytest.raises(DetectorError) as caught:
        FaceDetector(DetectorConfig(name="resnet50"))
    message = str(caught.value)
    assert "cannot download" in message
    assert "--weights FILE" in message
    assert "--detector mobilenet0.25" in message
    assert not list((tmp_path / "hub" / "checkpoints").iterdir())


def test_a_download_that_is_not_the_release_is_not_kept(monkeypatch, tmp_path, released_file):
    cached = serve(monkeypatch, tmp_path, released_file)
    with pytest.raises(DetectorError, match=r"damaged: its SHA-256 is .* not f168fae3c"):
        resnet50.released_weights()
    assert not list(cached.parent.iterdir())


def test_the_release_is_downloaded_once_and_checked_each_time(monkeypatch, tmp_path, released_file):
    from ampnet.files.writing import sha256_of

    cached = serve(monkeypatch, tmp_path, released_file)
    monkeypatch.setattr(resnet50, "HASH_PREFIX", sha256_of(released_file)[:9])
    assert resnet50.released_weights() == cached
    monkeypatch.setattr(resnet50, "URL", (tmp_path / "gone" / released_file.name).as_uri())
    assert resnet50.released_weights() == cached
    cached.write_bytes(b"cut short")
    with pytest.raises(DetectorError, match="damaged"):
        resnet50.released_weights()
