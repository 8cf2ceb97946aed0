"""The detection network on CPUs: weights laid out for oneDNN once, activations computed within the convolutions."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

SMALL_HW, TIMES = (96, 128), 10
"""Weights are laid out for inputs of ``TIMES`` this height and width; other sizes work as well."""


def pack(network: nn.Module) -> nn.Module:
    """Convert a network's convolutions, in place; a photo at 1280 px takes two thirds of the time.

    Args:
        network: in eval mode, on the CPU, in float32 or bfloat16; with convolutions, leaky ReLUs directly after them in
            an ``nn.Sequential``, and whatever is not a module.

    Returns:
        The network, with the same outputs within rounding. It cannot be trained, saved or moved to another device.
    """
    shapes: dict[nn.Module, torch.Size] = {}

    def note(module: nn.Module, inputs: tuple[Tensor]) -> None:
        batch, channels, height, width = inputs[0].shape
        shapes[module] = torch.Size((batch, channels, height * TIMES, width * TIMES))

    hooks = [part.register_forward_pre_hook(note) for part in network.modules() if isinstance(part, nn.Conv2d)]
    weight = next(network.parameters())
    with torch.inference_mode():
        network(weight.new_zeros(1, 3, *SMALL_HW).contiguous(memory_format=torch.channels_last))
    for hook in hooks:
        hook.remove()
    _replace_parts(network, shapes)
    return network


def _replace_parts(module: nn.Module, shapes: dict[nn.Module, torch.Size]) -> None:
    for name, child in module.named_children():
        if isinstance(child, nn.Conv2d):
            setattr(module, name, PackedConv(child, shapes[child], None))
        elif isinstance(child, nn.Sequential):
            setattr(module, name, nn.Sequential(*_joined(child, shapes)))
        else:
            _replace_parts(child, shapes)


def _joined(layers: nn.Sequential, shapes: dict[nn.Module, torch.Size]) -> Iterator[nn.Module]:
    """Yield the layers, each convolution together with the activation that follows it."""
    following = [*list(layers)[1:], None]
    is_joined = False
    for layer, after in zip(layers, following, strict=True):
        if is_joined:
            is_joined = False
        elif isinstance(layer, nn.Conv2d):
            is_joined = isinstance(after, nn.LeakyReLU)
            yield PackedConv(layer, shapes[layer], after if isinstance(after, nn.LeakyReLU) else None)
        elif isinstance(layer, nn.Sequential):
            yield nn.Sequential(*_joined(layer, shapes))
        else:
            yield layer


class PackedConv(nn.Module):
    """A convolution with bias and perhaps a leaky ReLU, in one pass.

    Args:
        shape: of its typical input; oneDNN's best layout depends on it.
        leaky: what follows it, or None.
    """

    bias: Tensor

    def __init__(self, conv: nn.Conv2d, shape: torch.Size, leaky: nn.LeakyReLU | None) -> None:
        super().__init__()
        assert conv.bias is not None
        assert not isinstance(conv.padding, str)
        self.settings = list(conv.padding), list(conv.stride), [1, 1], conv.groups
        self.after = ("none", []) if leaky is None else ("leaky_relu", [leaky.negative_slope])
        weight = conv.weight.detach().contiguous(memory_format=torch.channels_last)
        self.weight = torch.ops.mkldnn._reorder_convolution_weight(weight, *self.settings, list(shape))
        self.register_buffer("bias", conv.bias.detach())

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, in_channels, H, W)``, fastest in channels-last memory, to the output."""
        result: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, self.weight, self.bias, *self.settings, *self.after, None
        )
        return result
