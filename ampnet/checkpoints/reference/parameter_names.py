"""The reference program's names for our parameters, and the tensors that only it has."""

import re
from functools import cache

import torch
from torch import Tensor

from ampnet.checkpoints.network import WithoutNumbers
from ampnet.models.attention import attention_stack

IDENTITIES = 8631
"""Classes of the VGGFace2 pre-training; two unused heads of the reference network always have this size."""

LOCAL_HEAD, GLOBAL_HEAD = "fc_5", "fc_3"

_PARTS: tuple[tuple[str, str], ...] = (
    (r"^stem\.first\.conv\.", "conv1."),
    (r"^stem\.first\.bn\.", "bn1."),
    (r"^stem\.layer", "layer"),
    (r"^local_perception\.fuse\.", "fc_1."),
    (r"^attentional_perception\.fuse\.", "fc_2."),
    (r"^global_head\.", f"{GLOBAL_HEAD}."),
    (r"^local_head\.", f"{LOCAL_HEAD}."),
    (r"\.first\.conv\.", ".conv1."),
    (r"\.first\.bn\.", ".bn1."),
    (r"\.second\.conv\.", ".conv2."),
    (r"\.second\.bn\.", ".bn2."),
    (r"\.shortcut\.conv\.", ".downsample.0."),
    (r"\.shortcut\.bn\.", ".downsample.1."),
    (r"\.gate\.0\.mlp\.0\.", ".cbam.ChannelGate.mlp.1."),
    (r"\.gate\.0\.mlp\.2\.", ".cbam.ChannelGate.mlp.3."),
    (r"\.gate\.1\.project\.", ".cbam.SpatialGate.spatial."),
)
_BRANCH = re.compile(r"^(local|attentional)_perception\.branches\.(\d)\.(\d)\.")
_STAGE = re.compile(r"^global_perception\.stages\.(\d)\.")


@cache
def reference_name(name: str) -> str:
    """Translate one of our tensor names to the reference program's."""
    if stage := _STAGE.match(name):
        return _stage_name(int(stage[1]) + 2, name[stage.end() :])
    if branch := _BRANCH.match(name):
        index, block = int(branch[2]) + 1, int(branch[3])
        # layer3_1_i and layer3_2_i are the two halves of quadrant i; layer4_1_i is salient region i.
        layer = f"layer3_{1 + block // 2}_{index}" if branch[1] == "local" else f"layer4_1_{index}"
        name = f"{layer}.{block % 2}.{name[branch.end() :]}"
    for ours, theirs in _PARTS:
        name = re.sub(ours, theirs, name)
    return name


def _stage_name(number: int, rest: str) -> str:
    block = f"OSA{number}_1"
    rest = re.sub(r"^layers\.(\d)\.0\.", rf"layers.\1.{block}_\1/", rest)
    rest = re.sub(r"^layers\.(\d)\.1\.project\.", rf"layers.\1.{block}_\1/pw_cbam.sigatten.fc2.", rest)
    rest = re.sub(r"^join\.", f"concat.{block}_concat/", rest)
    rest = re.sub(r"^squeeze\.project\.", "ese.fc.", rest)
    return f"stage{number}.{block}." + rest.replace("/bn.", "/norm.")


def unused_tensors(num_classes: int) -> dict[str, Tensor]:
    """Create zeros for the tensors that the reference network holds but never uses (55 million numbers).

    Args:
        num_classes: classes of its heads; two of the unused heads have 8631 regardless.

    Returns:
        Tensors by reference name.
    """
    unused: dict[str, Tensor] = {}
    with WithoutNumbers():
        stack = attention_stack(256, (512, 1)).state_dict()
    for region in range(1, 6):
        for name, value in stack.items():
            unused[reference_name(f"layer4_2_{region}.{name}")] = torch.zeros(value.shape, dtype=value.dtype)
    for layer, channels in (("Occlusionlayer", 128), ("Occlusionlayer1", 256)):
        for conv, inputs in (("spatial", 2 * channels), ("spatial1", channels)):
            unused[f"{layer}.{conv}.conv.weight"] = torch.zeros(channels, inputs, 3, 3)
            for name in ("weight", "bias", "running_mean", "running_var"):
                unused[f"{layer}.{conv}.bn.{name}"] = torch.zeros(channels)
            unused[f"{layer}.{conv}.bn.num_batches_tracked"] = torch.zeros((), dtype=torch.int64)
        unused |= _linear(f"{layer}.fc2", channels, 1)
    heads = (
        ("fc_1_1", 512, num_classes),
        ("fc_2_1", 512, IDENTITIES),
        ("fc_4", 3328, 512),
        ("fc_4_1", 512, IDENTITIES),
    )
    for name, inputs, outputs in heads:
        unused |= _linear(name, inputs, outputs)
    return unused


def _linear(name: str, inputs: int, outputs: int) -> dict[str, Tensor]:
    return {f"{name}.weight": torch.zeros(outputs, inputs), f"{name}.bias": torch.zeros(outputs)}
