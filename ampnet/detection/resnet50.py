"""The larger detector: retinaface-pytorch's RetinaFace on ResNet-50, with the weights its author released."""

import hashlib
import io
import os
import pickle
import struct
import urllib.request
import warnings
import zipfile
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any

import torch
from retinaface.network import RetinaFace
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ampnet.errors import DetectorError
from ampnet.media.files import sha256_of
from ampnet.runtime.progress import ProgressBar, silent

URL = "https://github.com/ternaus/retinaface/releases/download/0.01/retinaface_resnet50_2020-07-20-f168fae3c.zip"
"""Released weights: a zip around one torch file that holds a plain state dict (97 MB)."""
HASH_PREFIX = "f168fae3c"
"""Start of the SHA-256, as the file's name gives it (torch hub's convention)."""
MEAN = (0.485 * 255, 0.456 * 255, 0.406 * 255)
STD = (0.229 * 255, 0.224 * 255, 0.225 * 255)
"""ImageNet's, RGB in grey levels of 0 to 255, as the released network was trained."""

ARCHITECTURE: dict[str, Any] = {
    "name": "Resnet50",
    "pretrained": False,
    "return_layers": {"layer2": 1, "layer3": 2, "layer4": 3},
    "in_channels": 256,
    "out_channels": 256,
}
"""As the package itself builds it for the released weights."""

TIMEOUT_SECONDS = 30
CHUNK = 1 << 20
LARGEST_MEMBER = 1 << 29
"""Bytes that a zipped weights file may unfold to; the released one has 109 million."""
UNREADABLE = (
    *(RuntimeError, pickle.UnpicklingError, zipfile.BadZipFile, struct.error),
    *(EOFError, LookupError, ValueError, TypeError, AttributeError, AssertionError),
)
"""What torch's safe reader raises on a file that is none of its own, or whose tensors do not fit."""


def build_resnet50(weights: Path) -> nn.Module:
    """Load the network for inference, its batch norms folded into the convolutions.

    Args:
        weights: the released zip, or a torch file with the same state dict; read without running any code in it.

    Raises:
        DetectorError: the file cannot be read or holds something else.
    """
    try:
        state = _read_state_dict(weights)
    except OSError as error:
        raise DetectorError(f"cannot read the detector's weights {weights}: {error.strerror or error}") from error
    except UNREADABLE as error:
        raise DetectorError(f"{weights} is no file of torch weights; the released one is at {URL}") from error
    with warnings.catch_warnings(), torch.device("meta"):  # no random weights are drawn
        warnings.simplefilter("ignore")  # the package passes torchvision an argument that is deprecated
        network: nn.Module = RetinaFace(**ARCHITECTURE)
    try:
        network.load_state_dict(state, assign=True)
    except UNREADABLE as error:
        raise DetectorError(
            f"{weights} does not hold the weights of resnet50; the released ones are at {URL}"
        ) from error
    fold_batch_norms(network.eval().requires_grad_(False))
    return network


def _read_state_dict(path: Path) -> Mapping[str, Any]:
    source: Path | io.BytesIO = path
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) == 1:  # a zip around a torch file; torch's own zips hold several
                if members[0].file_size > LARGEST_MEMBER:
                    raise ValueError("unfolds to more than any weights of this network")
                source = io.BytesIO(archive.read(members[0]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about foreign pickles: they end as errors
        state = torch.load(source, map_location="cpu", weights_only=True)
    if not isinstance(state, Mapping):
        raise TypeError("no state dict")
    return state


def fold_batch_norms(module: nn.Module) -> None:
    """Replace each convolution followed by a batch norm by one convolution, in place; in eval mode only."""
    previous: tuple[str, nn.Module] | None = None
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm2d) and previous and isinstance(previous[1], nn.Conv2d):
            setattr(module, previous[0], fuse_conv_bn_eval(previous[1], child))
            setattr(module, name, nn.Identity())
        else:
            fold_batch_norms(child)
        previous = name, child


def released_weights(bar: ProgressBar = silent) -> Path:
    """Give the released weights file in torch hub's cache; download it when it is not there yet.

    Args:
        bar: shows the download in megabytes.

    Raises:
        DetectorError: there is no network, or the file is not the released one; says both ways out.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / URL.rsplit("/", 1)[1]
    ways_out = (
        f"download {URL} on a machine with network, then put it there or pass it with --weights FILE; "
        "or use the embedded detector, --detector mobilenet0.25"
    )
    if not path.exists():
        aside = path.with_name(f".{path.name}.{os.getpid()}.partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _download(URL, aside, bar)
            _require_released(aside, ways_out)
            aside.replace(path)
        except (OSError, HTTPException) as error:  # URLError and timeouts are OSErrors
            raise DetectorError(
                f"cannot download the resnet50 weights to {path} ({getattr(error, 'reason', error)}); {ways_out}"
            ) from error
        finally:
            aside.unlink(missing_ok=True)
    else:
        _require_released(path, ways_out)
    return path


def _download(url: str, path: Path, bar: ProgressBar) -> None:
    with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response, path.open("wb") as file:
        megabytes = int(response.headers.get("Content-Length", 0)) // CHUNK
        with bar("downloading weights (MB)", megabytes) as advance:
            while block := response.read(CHUNK):
                file.write(block)
                advance()


def _require_released(path: Path, ways_out: str) -> None:
    """Compare with the hash in the name, of the zip itself or of the one file in it: the name leaves that open."""
    digests = [sha256_of(path)]
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) == 1 and members[0].file_size <= LARGEST_MEMBER:
                digests.append(hashlib.sha256(archive.read(members[0])).hexdigest())
    if not any(digest.startswith(HASH_PREFIX) for digest in digests):
        raise DetectorError(
            f"{path} is damaged: its SHA-256 is {digests[0]}, not {HASH_PREFIX}...; remove it and {ways_out}"
        )
