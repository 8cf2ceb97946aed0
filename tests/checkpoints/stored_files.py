"""Checkpoints of a very small network, and how to change one part of a file."""

import io
import json
import zipfile
from functools import cache

import torch
from safetensors.torch import save

from ampnet.checkpoints.checkpoint import Checkpoint, save_checkpoint
from ampnet.faces.framing import Framing
from ampnet.models.ampnet import AMPNet

NAMES = ("smile", "frown", "straße")
SUFFIXES = (".pt", ".safetensors")


@cache
def tiny_model():
    torch.manual_seed(0)
    return AMPNet(num_classes=3, width=0.05, image_size=48, dropout=0.2, modules=("gp",)).eval()


def tiny_checkpoint(**changes):
    values = {
        "framing": Framing(crop="none", color="grey", face_resolution=48.0),
        "config": {"seed": 4, "recipe": {"lr": 0.1}},
        "epoch": 7,
        "metrics": {"val_accuracy": 1 / 3},
        "branch_weight": 0.3,
        "selected_on": "test",
        "temperature": 1.25,
        "class_shares": (0.5, 0.25, 0.25),
        "prior_strength": 0.35,
        "rejection_threshold": 0.45,
    }
    return Checkpoint(tiny_model(), NAMES, **{**values, **changes})


def write_changed(file, change):
    """Write the tiny checkpoint after ``change(content)``, where ``content`` is the header with the weights.

    A safetensors file gets the header as JSON with Python's extensions (NaN, Infinity).
    """
    checkpoint = tiny_checkpoint()
    weights = {name: value.clone() for name, value in checkpoint.model.state_dict().items()}
    content = checkpoint.header() | {"model": weights}
    change(content)
    if file.suffix == ".pt":
        torch.save(content, file)
        return file
    weights = {name: value.contiguous() for name, value in content.pop("model", {}).items()}
    file.write_bytes(save(weights, metadata={"ampnet": json.dumps(content)}))
    return file


def saved_bytes(tmp_path, suffix):
    save_checkpoint(tmp_path / f"whole{suffix}", tiny_checkpoint())
    return (tmp_path / f"whole{suffix}").read_bytes()


def with_pickle(file, body, numbers=b"", compression=zipfile.ZIP_STORED):
    """Write a zip archive of torch's form around a pickle."""
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("x/data.pkl", body)
        archive.writestr("x/data/0", numbers)
    return file


def replace_entry(data, name, change):
    """Rewrite an archive with one entry changed, checksums being right."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(out, "w") as changed:
        for entry in archive.namelist():
            body = archive.read(entry)
            changed.writestr(entry, change(body) if entry.endswith(name) else body)
    return out.getvalue()
