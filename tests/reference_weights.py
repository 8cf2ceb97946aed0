"""Weights as a function of the published names, so that the reference numbers need no weight file."""

import json
import sys
import zlib
from functools import cache, partial
from math import sqrt
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor

from ampnet.checkpoints.network import outline
from ampnet.checkpoints.reference import reference_files
from ampnet.checkpoints.reference.wrapped_weights import reference_name
from ampnet.models.ampnet import AMPNet
from ampnet.settings import ArchitectureConfig

DATA = Path(__file__).parent / "reference"
IDENTITY_HEADS = ("fc_1_1", "fc_3", "fc_5")
THIN = 0.125
"""Width of a network with all names of the published one and little to read: half a second less for each file."""


def reference_shapes(num_classes: int = 7) -> dict[str, list[int]]:
    """Read every tensor's name and shape in the published state; three heads follow the number of classes."""
    shapes = json.loads((DATA / "state_dict_keys.json").read_text())
    for head in IDENTITY_HEADS:
        shapes[f"{head}.weight"][0] = shapes[f"{head}.bias"][0] = num_classes
    return shapes


def reference_tensor(name: str, shape: list[int]) -> Tensor:
    """Draw the reference value of one tensor (the rule is in the reference's README)."""
    if name.endswith("num_batches_tracked"):
        return torch.zeros((), dtype=torch.int64)
    x = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape).astype(np.float32)
    if name.endswith("running_var"):
        x = 1 + np.float32(0.1) * np.abs(x)
    elif name.endswith("running_mean"):
        x = 0.1 * x
    elif len(shape) == 4:
        x = x * np.float32(sqrt(2 / (shape[1] * shape[2] * shape[3])))
    elif len(shape) == 2:
        x = x * np.float32(sqrt(1 / shape[1]))
    elif name.endswith("weight"):
        x = 1 + 0.1 * x
    else:
        x = 0.1 * x
    layout = torch.channels_last if len(shape) == 4 else torch.preserve_format
    return torch.from_numpy(x.astype(np.float32)).to(memory_format=layout)


def reference_model(dropout: float = 0.5) -> AMPNet:
    """Build our network with the weights behind the reference numbers."""
    model = outline(ArchitectureConfig(dropout=dropout))  # the weights of a new network would be drawn in vain
    model.load_state_dict({name: value.clone() for name, value in _drawn_weights().items()}, assign=True)
    return model


@cache
def _drawn_weights() -> dict[str, Tensor]:
    shapes = reference_shapes()
    names = {name: reference_name(name) for name in outline(ArchitectureConfig()).state_dict()}
    return {name: reference_tensor(theirs, shapes[theirs]) for name, theirs in names.items()}


def reference_state(model: AMPNet) -> dict[str, Tensor]:
    """Give the weights of :func:`reference_model` under the published names; unused ones are placeholders."""
    drawn = {reference_name(name): value for name, value in model.state_dict().items()}
    return placeholder_state() | drawn


def reference_batch() -> tuple[Tensor, Tensor, Tensor]:
    """Read the six images of the reference, their landmarks and labels."""
    reference = np.load(DATA / "forward.npz")
    images = torch.from_numpy(reference["small"]).repeat_interleave(8, 2).repeat_interleave(8, 3)
    return images, torch.from_numpy(reference["landmarks"]).float(), torch.from_numpy(reference["labels"])


def use_thin_network(patch: pytest.MonkeyPatch) -> None:
    """Have the published network be a thin one, where files of it are read and written."""
    patch.setattr(reference_files, "ArchitectureConfig", partial(ArchitectureConfig, width=THIN))
    patch.setattr(reference_files, "AMPNet", partial(AMPNet, width=THIN))


def placeholder_state(num_classes: int = 7, prefix: str = "", width: float = 1.0) -> dict[str, Tensor]:
    """Give every name and shape of the published state with zeros that take no room in a file."""
    return {
        prefix + name: torch.zeros((), dtype=torch.int64 if name.endswith("tracked") else torch.float32).expand(shape)
        for name, shape in _shapes(num_classes, width).items()
    }


@cache
def _shapes(num_classes: int, width: float) -> dict[str, list[int]]:
    shapes = reference_shapes(num_classes)
    if width != 1:
        used = outline(ArchitectureConfig(num_classes=num_classes, width=width)).state_dict()
        shapes |= {reference_name(name): list(value.shape) for name, value in used.items()}
    return shapes


class RecorderMeter:
    """Stands for the reference program's class; files name it in a module that does not exist here."""

    def __init__(self, epochs: int) -> None:
        self.total_epoch = epochs
        self.epoch_losses = np.zeros((epochs, 2), dtype=np.float32)


def write_reference_file(path: Path, state: dict[str, Tensor], *, recorder: object = None, old: bool = False) -> Path:
    """Save a checkpoint as the reference program does, in torch's new or old file format."""
    content = {
        "epoch": 62,
        "state_dict": state,
        "best_acc": torch.tensor(89.25),
        "optimizer": {
            "state": {0: {"momentum_buffer": torch.ones(3, 2)}},
            "param_groups": [{"lr": 0.01, "params": [0]}],
        },
        "recorder": recorder or RecorderMeter(100),
    }
    home = ModuleType("published_main")
    vars(home)["RecorderMeter"] = RecorderMeter
    RecorderMeter.__module__ = home.__name__
    sys.modules[home.__name__] = home
    torch.save(content, path, _use_new_zipfile_serialization=not old)
    del sys.modules[home.__name__]
    return path
