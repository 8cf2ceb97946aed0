from typing import Any

import pytest
import torch

from ampnet.errors import ConfigError
from ampnet.models.ampnet import AMPNet, fuse_logits
from ampnet.training.loss import Loss

SIZE = 64


def faces(count: int, size: int = SIZE) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    images = torch.rand(count, 3, size, size, generator=generator)
    upright = torch.tensor([[0.33, 0.36], [0.67, 0.36], [0.5, 0.57], [0.36, 0.75], [0.64, 0.75]])
    jitter = 0.1 * torch.randn(count, 5, 2, generator=generator)
    return images, (upright + jitter) * size


@pytest.fixture(scope="module", params=["published", "steady"])
def small(request) -> AMPNet:
    torch.manual_seed(0)
    steady: dict[str, Any] = {"placement": "continuous", "standardise": True} if request.param == "steady" else {}
    return AMPNet(num_classes=5, width=0.125, image_size=SIZE, **steady)


def test_the_papers_network_has_59_million_parameters():
    with torch.device("meta"):
        model = AMPNet()
    assert sum(parameter.numel() for parameter in model.parameters()) == 59_438_671


def test_every_parameter_gets_a_gradient(small):
    small.train().zero_grad()
    Loss(branch_weight=0.5)(small(*faces(4)), torch.tensor([0, 1, 2, 3])).backward()
    without = [name for name, p in small.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert not without


def test_a_batch_gives_the_logits_of_its_images_one_by_one(small):
    small.eval()
    images, landmarks = faces(5)
    with torch.inference_mode():
        together = torch.stack(small(images, landmarks))
        alone = [torch.stack(small(images[i : i + 1], landmarks[i : i + 1])) for i in range(5)]
    torch.testing.assert_close(together, torch.cat(alone, dim=1), atol=1e-4, rtol=1e-4)


def test_any_landmarks_inside_or_outside_the_image_give_finite_logits(small):
    small.eval()
    images, _ = faces(64)
    landmarks = torch.rand(64, 5, 2, generator=torch.Generator().manual_seed(1)) * 4 * SIZE - 1.5 * SIZE
    with torch.inference_mode():
        assert all(logits.isfinite().all() for logits in small(images, landmarks))


def test_the_forward_pass_leaves_nothing_on_the_module(small):
    small.eval()
    before = set(vars(small))
    with torch.inference_mode():
        small(*faces(2))
    assert set(vars(small)) == before


@pytest.mark.slow
@pytest.mark.soak
def test_the_network_is_exported_as_one_graph_for_any_batch(small):
    small.eval()
    batch = torch.export.Dim("batch", min=2, max=64)
    program = torch.export.export(small, faces(3), dynamic_shapes=({0: batch}, {0: batch}))
    images, landmarks = faces(6)
    exported, eager = program.module()(images, landmarks), small(images, landmarks)
    torch.testing.assert_close(torch.stack(exported), torch.stack(eager), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("size", [48, 64, 88, 112])
def test_odd_and_even_maps_work_at_any_width(size):
    model = AMPNet(num_classes=3, width=0.1, image_size=size).eval()
    with torch.inference_mode():
        assert [logits.shape for logits in model(*faces(2, size))] == [(2, 3), (2, 3)]


@pytest.mark.parametrize("modules", [("gp",), ("lp",), ("ap",), ("lp", "ap"), ("gp", "lp"), ("gp", "ap")])
def test_parts_of_the_network_train_alone(modules):
    model = AMPNet(num_classes=4, width=0.1, image_size=48, modules=modules)
    logits = model(*faces(3, 48))
    Loss(branch_weight=0.5)(logits, torch.tensor([0, 1, 2])).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert ("gp" in modules and len(modules) > 1) == (logits[0] is not logits[1])


def test_a_single_head_decides_whatever_the_branch_weight():
    model = AMPNet(num_classes=4, width=0.1, image_size=48, modules=("gp",)).eval()
    local_logits, global_logits = model(*faces(3, 48))
    torch.testing.assert_close(fuse_logits(local_logits, global_logits, 0.9), global_logits)


def test_fusion_and_loss_mix_the_heads_by_the_branch_weight():
    local_logits, global_logits = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 4.0]])
    torch.testing.assert_close(fuse_logits(local_logits, global_logits, 0.75), torch.tensor([[1.5, 1.0]]))
    # Cross-entropies of class 0: log(1 + e^-2) = 0.126928 and log(1 + e^4) = 4.018150.
    loss = Loss(0.75)((local_logits, global_logits), torch.tensor([0]))
    assert loss.item() == pytest.approx(0.75 * 0.126928 + 0.25 * 4.018150, abs=1e-5)


def test_channel_dropout_zeroes_whole_channels_of_the_global_branch_in_training_only(small):
    stage = small.global_perception.stages[0]
    features = torch.rand(8, small.stem.out_channels, 8, 8, generator=torch.Generator().manual_seed(2))
    torch.manual_seed(0)
    dropped = (stage.train()(features) == 0).all(dim=(2, 3)).float().mean().item()
    kept = (stage.eval()(features) == 0).all(dim=(2, 3)).float().mean().item()
    assert 0.3 < dropped - kept < 0.7


@pytest.mark.parametrize(
    ("images", "landmarks"), [((2, 3, 56, 64), (2, 5, 2)), ((2, 1, 64, 64), (2, 5, 2)), ((2, 3, 64, 64), (1, 5, 2))]
)
def test_inputs_of_another_shape_are_refused(small, images, landmarks):
    with pytest.raises(ValueError, match=r"expected images \(B, 3, 64, 64\)"):
        small(torch.zeros(images), torch.zeros(landmarks))


@pytest.mark.parametrize(
    "wrong",
    [{"modules": ()}, {"modules": ("xp",)}, {"width": 0}, {"image_size": 100}, {"num_classes": 1}, {"dropout": 1}],
)
def test_impossible_architectures_are_refused(wrong):
    with pytest.raises(ConfigError):
        AMPNet(**wrong)
