"""The detection network laid out for the CPU gives the same numbers at every size."""

import pytest
import torch

from ampnet.detection.networks import load_network
from ampnet.detection.packed import PackedConv, pack
from ampnet.runtime.devices import has_onednn_convolutions
from ampnet.settings import DetectorConfig

pytestmark = pytest.mark.skipif(not has_onednn_convolutions(), reason="torch was built without oneDNN")


@pytest.mark.parametrize(("batch", "height", "width"), [(1, 32, 32), (3, 96, 160), (16, 224, 224), (1, 480, 640)])
def test_the_outputs_are_those_of_the_plain_network(batch: int, height: int, width: int) -> None:
    plain = load_network(DetectorConfig()).module.eval()
    packed = pack(load_network(DetectorConfig()).module.eval().to(memory_format=torch.channels_last))
    torch.manual_seed(0)
    images = torch.rand(batch, 3, height, width).mul(255).sub(117).contiguous(memory_format=torch.channels_last)
    kept = images.clone()
    with torch.inference_mode():
        for ours, theirs in zip(packed(images), plain(images), strict=True):
            torch.testing.assert_close(ours, theirs, atol=2e-4, rtol=1e-4)
    assert torch.equal(images, kept)


def test_every_convolution_is_converted_and_every_activation_that_follows_one() -> None:
    packed = pack(load_network(DetectorConfig()).module.eval())
    kinds = [type(module) for module in packed.modules()]
    assert torch.nn.Conv2d not in kinds
    assert torch.nn.LeakyReLU not in kinds
    count = sum(isinstance(part, torch.nn.Conv2d) for part in load_network(DetectorConfig()).module.modules())
    assert kinds.count(PackedConv) == count
