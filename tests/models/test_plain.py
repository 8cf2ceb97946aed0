"""Plain networks train, load and run fast like AMP-Net; tests/pipelines/test_export_whole.py exports them."""

from dataclasses import replace

import pytest
import torch
from typer.testing import CliRunner

from ampnet.checkpoints.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from ampnet.errors import ConfigError
from ampnet.faces.framing import Framing
from ampnet.inference.optimize import optimize_for_inference
from ampnet.models.plain import PlainNetwork, build_model
from ampnet.settings import VARIANTS, ArchitectureConfig
from ampnet.settings.labels import EXPRESSIONS
from cli import app
from tests.prepared_faces import write_prepared_faces
from tests.small_checkpoint import small_checkpoint
from tests.small_report import draw_nothing

NAMES = ("resnet18", "mobilenet_v3_small")


def a_network(name, classes=7):
    torch.manual_seed(1)
    return build_model(ArchitectureConfig(**VARIANTS[name] | {"num_classes": classes, "image_size": 64})).eval()


def faces(count=2):
    generator = torch.Generator().manual_seed(2)
    return torch.rand(count, 3, 64, 64, generator=generator), torch.full((count, 5, 2), 30.0)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_torchvisions_network_with_one_head_for_the_classes(name):
    from torchvision import models

    network = a_network(name)
    theirs = getattr(models, name)(num_classes=7)
    assert isinstance(network, PlainNetwork)
    assert sum(map(torch.numel, network.parameters())) == sum(map(torch.numel, theirs.parameters()))
    local, global_ = network(*faces())
    assert torch.equal(local, global_)
    assert local.shape == (2, 7)


@pytest.mark.parametrize("name", NAMES)
def test_statistics_of_normalisation_follow_within_some_tens_of_steps(name):
    layers = [one for one in a_network(name).modules() if isinstance(one, torch.nn.BatchNorm2d)]
    assert {one.momentum for one in layers} == {0.1}


@pytest.mark.parametrize("name", NAMES)
def test_landmarks_change_nothing(name):
    images, landmarks = faces()
    assert torch.equal(a_network(name)(images, landmarks)[0], a_network(name)(images, landmarks + 9)[0])


@pytest.mark.parametrize("name", NAMES)
def test_a_checkpoint_holds_it_and_its_fast_form_answers_alike(name, tmp_path):
    network = a_network(name)
    save_checkpoint(tmp_path / "a.pt", Checkpoint(network, EXPRESSIONS, Framing()))
    loaded = load_checkpoint(tmp_path / "a.pt").model
    images, landmarks = faces()
    with torch.inference_mode():
        expected = network(images, landmarks)[0]
        assert torch.equal(loaded(images, landmarks)[0], expected)
        assert torch.allclose(optimize_for_inference(loaded)(images, landmarks)[0], expected, atol=1e-4)
        half = optimize_for_inference(loaded, torch.bfloat16)(images, landmarks)[0]
    assert torch.allclose(half, expected, atol=0.05 * float(expected.abs().max()))


def test_what_it_does_not_have_is_refused():
    plain = ArchitectureConfig(**VARIANTS["resnet18"])
    for change in ({"modules": ("gp", "lp")}, {"width": 0.5}, {"placement": "continuous"}):
        with pytest.raises(ConfigError, match="resnet18 has no --width, --modules or --placement"):
            replace(plain, **change)


@pytest.mark.slow
@pytest.mark.parametrize("name", [pytest.param(NAMES[0], marks=pytest.mark.soak), NAMES[1]])
def test_it_trains_and_is_compared(name, tmp_path, monkeypatch):
    draw_nothing(monkeypatch)
    data = write_prepared_faces(tmp_path / "data", train=2, val=1, test=1)
    runner, out = CliRunner(), tmp_path / "checkpoint"
    common = ["--data", str(data), "--gpus", "0", "--workers", "0", "-q"]
    small = ["--image-size", "64", "--epochs", "1", "--batch-size", "7", "--processes", "1", "--out", str(out)]
    made = runner.invoke(app, ["train", "--variant", name, "--name", name, *small, *common])
    assert made.exit_code == 0, made.stderr
    small_checkpoint(out / "ampnet-small")
    frozen = runner.invoke(app, ["train", "--variant", name, "--freeze", "stem", "--name", "x", *small, *common])
    assert frozen.exit_code == 2
    assert f"{name} has no stem to freeze" in frozen.stderr
    assert not (out / "x").exists()
    compared = runner.invoke(app, ["compare", str(out / name), str(out / "ampnet-small"), *common])
    assert compared.exit_code == 0, compared.stderr
