"""The network optimised for inference: the same logits with fewer, larger operations, or almost the same in bfloat16.

Batch normalisation is folded into the convolutions. The stacks of local and attentional perception run in parallel as
groups of one convolution. On CPUs, weights are laid out for oneDNN once, and ReLU and shortcut are fused into the
convolution.
"""

from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_weights

from ampnet.models.ampnet import AMPNet
from ampnet.models.attention import CBAM, ChannelGate, ParallelStacks, SpatialGate
from ampnet.models.layers import BasicBlock, ConvNorm, pooled_mean, share_tensors
from ampnet.runtime.devices import has_fast_bf16, has_onednn_convolutions

MapSizes = dict[nn.Module, torch.Size]
"""Height and width of each convolution's input; oneDNN's best weight layout depends on it."""


class Form(NamedTuple):
    """What the parts are converted to."""

    sizes: MapSizes
    """Of the inputs of the convolutions."""
    dtype: torch.dtype
    """Of maps and weights."""
    is_portable: bool = False
    """Whether to keep to torch's standard operators."""


TYPICAL_BATCH = 8
"""Batch size that weights are laid out for; others work as well."""


def optimize_for_inference(model: AMPNet, dtype: torch.dtype | None = None, is_portable: bool = False) -> AMPNet:
    """Copy a network into its optimised form for inference.

    Args:
        model: any network, on the device where it will run; not modified.
        dtype: of maps and weights up to the pooling, with less precise logits than the model's own type gives; what
            comes after the pooling keeps the model's type.
        is_portable: keep to torch's standard operators, which can be exported.

    Returns:
        A network with the same logits within 1e-4. It cannot be trained, saved or moved to another device.
    """
    fast = share_tensors(model).eval()
    usual = next(fast.parameters()).dtype
    dtype = dtype or usual
    _replace_parts(fast, Form(_map_sizes(fast), dtype, is_portable))
    _own_tensors(fast)
    if dtype != usual:
        if fast.global_perception is not None:
            fast.global_perception.to(dtype)  # its gates
        parts = (fast.local_perception, fast.attentional_perception)
        for layer in (fast.local_head, fast.global_head, *(part.fuse for part in parts if part is not None)):
            if layer is not None:
                layer.register_forward_pre_hook(_as_weights)
    return fast


def _own_tensors(model: nn.Module) -> None:
    """Copy the parameters that are left: those of layers which were not replaced."""
    for module in model.modules():
        for name, value in module.named_parameters(recurse=False):
            setattr(module, name, nn.Parameter(value.detach().clone(), requires_grad=False))


def _as_weights(layer: nn.Linear, inputs: tuple[Tensor]) -> tuple[Tensor]:
    """Convert a layer's input to the type of its weights."""
    return (inputs[0].to(layer.weight.dtype),)


def _map_sizes(model: AMPNet) -> MapSizes:
    """Record the size of each convolution's input by running the network once."""
    sizes: MapSizes = {}

    def note(module: nn.Module, inputs: tuple[Tensor]) -> None:
        sizes[module] = inputs[0].shape[2:]

    hooks = [part.register_forward_pre_hook(note) for part in model.modules() if isinstance(part, ConvNorm)]
    side = model.architecture.image_size
    weight = next(model.parameters())
    model(weight.new_zeros(1, 3, side, side), weight.new_full((1, 5, 2), side / 2))
    for hook in hooks:
        hook.remove()
    return sizes


def _replace_parts(module: nn.Module, form: Form) -> None:
    for name, child in module.named_children():
        if isinstance(child, ParallelStacks):
            setattr(module, name, FoldedStacks(child, form))
        elif isinstance(child, BasicBlock):
            setattr(module, name, FoldedBlock([child], form))
        elif isinstance(child, ConvNorm):
            setattr(module, name, FoldedConv([child], form))
        else:
            _replace_parts(child, form)


class FoldedConv(nn.Module):
    """Parallel convolutions of the same shape as groups of one, with their normalisation folded in.

    Args:
        layers: G convolutions that share shapes and settings.
        form: sizes of their inputs, and the type of their weights.

    Shape:
        - x: ``(B, G * in_channels, H, W)``, channels ordered by group
        - returns: ``(B, G * out_channels, H / stride, W / stride)``
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, layers: Sequence[ConvNorm], form: Form) -> None:
        super().__init__()
        folded = [_fold(layer) for layer in layers]
        conv = layers[0].conv
        self.relu = layers[0].relu
        self.groups = len(layers)
        self.stride, self.padding = list(conv.stride), [side // 2 for side in conv.kernel_size]
        self.dtype = form.dtype
        weight = torch.cat([weight for weight, _ in folded]).to(form.dtype)
        weight = weight.contiguous(memory_format=torch.channels_last)
        self.register_buffer("bias", torch.cat([bias for _, bias in folded]).to(form.dtype))
        is_known = form.dtype == torch.float32 or (form.dtype == torch.bfloat16 and has_fast_bf16(weight.device))
        may_pack = weight.device.type == "cpu" and not form.is_portable
        self.packed = may_pack and is_known and has_onednn_convolutions()
        if self.packed:
            size = [TYPICAL_BATCH, conv.in_channels * self.groups, *form.sizes[layers[0]]]
            self.weight = torch.ops.mkldnn._reorder_convolution_weight(
                weight, self.padding, self.stride, [1, 1], self.groups, size
            )
        else:
            self.register_buffer("weight", weight)  # goes along when a graph for export is moved

    def forward(self, x: Tensor) -> Tensor:
        """Convolve."""
        x = x.to(self.dtype)
        if not self.packed:
            x = F.conv2d(x, self.weight, self.bias, self.stride, self.padding, groups=self.groups)
            return F.relu_(x) if self.relu else x
        after = "relu" if self.relu else "none"
        shape = self.padding, self.stride, [1, 1], self.groups
        return torch.ops.mkldnn._convolution_pointwise(x, self.weight, self.bias, *shape, after, [], None)

    def add_to(self, shortcut: Tensor, x: Tensor) -> Tensor:
        """Convolve ``x``, add the result to ``shortcut`` in place, and apply the ReLU."""
        if not self.packed:
            return F.relu_(shortcut.add_(self(x)))
        shape = self.padding, self.stride, [1, 1], self.groups
        return torch.ops.mkldnn._convolution_pointwise_.binary(
            shortcut, x, self.weight, self.bias, *shape, "add", 1.0, "relu", [], None
        )


def _fold(layer: ConvNorm) -> tuple[Tensor, Tensor]:
    """Fold a convolution's normalisation into it; returns weight and bias."""
    conv, bn = layer.conv, layer.bn
    mean, variance = cast(Tensor, bn.running_mean), cast(Tensor, bn.running_var)
    weight, bias = fuse_conv_bn_weights(conv.weight, conv.bias, mean, variance, bn.eps, bn.weight, bn.bias)
    return weight.detach(), bias.detach()


class FoldedBlock(nn.Module):
    """Parallel basic blocks of the same shape, as groups.

    Args:
        blocks: G blocks that share shapes and settings.
    """

    def __init__(self, blocks: Sequence[BasicBlock], form: Form) -> None:
        super().__init__()
        self.first = FoldedConv([block.first for block in blocks], form)
        self.second = FoldedConv([block.second for block in blocks], form)
        shortcuts = [block.shortcut for block in blocks if isinstance(block.shortcut, ConvNorm)]
        self.shortcut = FoldedConv(shortcuts, form) if shortcuts else nn.Identity()
        gates = [block.gate for block in blocks if isinstance(block.gate, CBAM)]
        self.gate = FoldedCBAM(gates, form) if gates else None

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, G * in_channels, H, W)``, whose memory may be overwritten, to the blocks' outputs."""
        residual = self.first(x)
        if self.gate is None:
            return self.second.add_to(self.shortcut(x), residual)
        return F.relu_(self.gate(self.second(residual)).add_(self.shortcut(x)))


class FoldedCBAM(nn.Module):
    """Parallel attention gates of the same shape, as groups.

    Args:
        gates: G gates that share shapes.
    """

    squeeze: Tensor
    squeeze_bias: Tensor
    excite: Tensor
    excite_bias: Tensor

    def __init__(self, gates: Sequence[CBAM], form: Form) -> None:
        super().__init__()
        self.groups = len(gates)
        channel = [cast(ChannelGate, gate[0]).mlp for gate in gates]
        first, second = ([cast(nn.Linear, mlp[index]) for mlp in channel] for index in (0, 2))
        tensors = {
            "squeeze": torch.stack([layer.weight.T for layer in first]),  # (G, C, C / 16)
            "squeeze_bias": torch.stack([layer.bias for layer in first])[:, None],
            "excite": torch.stack([layer.weight.T for layer in second]),  # (G, C / 16, C)
            "excite_bias": 2 * torch.stack([layer.bias for layer in second])[:, None],
        }
        for name, value in tensors.items():
            self.register_buffer(name, value.detach().to(form.dtype))
        self.project = FoldedConv([cast(SpatialGate, gate[1]).project for gate in gates], form)

    def forward(self, x: Tensor) -> Tensor:
        """Scale ``(B, G * C, H, W)`` in place."""
        batch, channels, groups = x.shape[0], x.shape[1], self.groups
        pooled = torch.stack([pooled_mean(x), x.amax((2, 3))])  # (2, B, G * C)
        pooled = pooled.view(2 * batch, groups, channels // groups).transpose(0, 1)  # (G, 2 B, C)
        hidden = torch.baddbmm(self.squeeze_bias, pooled, self.squeeze).relu_()
        hidden = hidden[:, :batch] + hidden[:, batch:]  # (G, B, C / 16)
        weights = torch.baddbmm(self.excite_bias, hidden, self.excite).sigmoid_()  # (G, B, C)
        x *= weights.transpose(0, 1).reshape(batch, channels, 1, 1)
        cells = torch.unflatten(x.permute(0, 2, 3, 1), 3, (groups, channels // groups))  # (B, H, W, G, C)
        pooled = torch.stack([cells.amax(4), cells.mean(4)], dim=4).flatten(3)  # (B, H, W, 2 G)
        cells *= self.project(pooled.permute(0, 3, 1, 2)).sigmoid_().permute(0, 2, 3, 1)[..., None]
        return x


class FoldedStacks(nn.Module):
    """The stacks of :class:`ampnet.models.attention.ParallelStacks` as groups of one stack."""

    def __init__(self, stacks: ParallelStacks, form: Form) -> None:
        super().__init__()
        self.result_dtype = next(stacks.parameters()).dtype
        blocks = zip(*(cast(nn.Sequential, stack) for stack in stacks), strict=True)
        self.blocks = nn.Sequential(
            *(FoldedBlock([cast(BasicBlock, block) for block in group], form) for group in blocks)
        )

    def forward(self, patches: Tensor) -> Tensor:
        """Map patches ``(N, B, C, H, W)`` to ``(B, N * channels)``."""
        joined = patches.permute(1, 3, 4, 0, 2).flatten(3).permute(0, 3, 1, 2)  # (B, N * C, H, W), channels last
        x = self.blocks(joined)
        return x.sum((2, 3), dtype=self.result_dtype) * (1 / (x.shape[2] * x.shape[3]))
