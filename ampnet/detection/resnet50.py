"""The larger detector: retinaface-pytorch's RetinaFace on ResNet-50, with its released weights."""

import hashlib
import io
import os
import urllib.request
import warnings
import zipfile
from http.client import HTTPException
from pathlib import Path
from typing import Any, BinaryIO

import torch
from retinaface.network import RetinaFace
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ampnet.checkpoints.network import read_matching
from ampnet.checkpoints.reading import reading
from ampnet.checkpoints.torch_file import TorchFile, torch_content
from ampnet.errors import CheckpointError, DetectorError
from ampnet.files.opening import open_regular
from ampnet.files.writing import remove_leftovers, sha256_of, temporary_beside
from ampnet.runtime.progress import ProgressBar, silent

URL = "https://github.com/ternaus/retinaface/releases/download/0.01/retinaface_resnet50_2020-07-20-f168fae3c.zip"
"""Released weights: a zip archive with one torch file that holds a plain state dict (97 MB)."""
HASH_PREFIX = "f168fae3c"
"""Start of the SHA-256, as in the file name (torch hub's convention)."""
MEAN = (0.485 * 255, 0.456 * 255, 0.406 * 255)
STD = (0.229 * 255, 0.224 * 255, 0.225 * 255)
"""ImageNet's, RGB on a scale of 0 to 255, as in the released network's training."""

ARCHITECTURE: dict[str, Any] = {
    "name": "Resnet50",
    "pretrained": False,
    "return_layers": {"layer2": 1, "layer3": 2, "layer4": 3},
    "in_channels": 256,
    "out_channels": 256,
}
"""The package's own configuration for the released weights."""

TIMEOUT_SECONDS = 30
CHUNK = 1 << 20
MAX_BYTES = 1 << 28
"""Maximum size of a weights file, zipped or not; the released one has 109 million bytes."""


def build_resnet50(weights: Path) -> nn.Module:
    """Load the network for inference, its batch norms folded into the convolutions.

    Args:
        weights: the released zip, or a torch file with the same state dict; loaded without executing any code in it.

    Raises:
        DetectorError: the file cannot be read or holds other weights.
    """
    with warnings.catch_warnings(), torch.device("meta"):  # skips random initialisation
        warnings.simplefilter("ignore")  # the package passes a deprecated argument to torchvision
        network: nn.Module = RetinaFace(**ARCHITECTURE)
    try:
        with reading(weights), open_regular(weights, MAX_BYTES) as file:
            content = _torch_file(file)
            stored = {name: content.stored(record) for name, record in content.content.items()}
            network.load_state_dict(read_matching(stored, network.state_dict()), assign=True)
    except CheckpointError as error:
        raise DetectorError(f"{error}; the released weights of resnet50 are at {URL}") from error
    fold_batch_norms(network.eval().requires_grad_(False))
    return network


def _torch_file(file: BinaryIO) -> TorchFile:
    size = os.fstat(file.fileno()).st_size
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            if len(members) == 1:  # a zipped torch file; torch's own zip format has several members
                if members[0].file_size > MAX_BYTES:
                    raise CheckpointError("it is larger than any weights of resnet50")
                return torch_content(io.BytesIO(archive.read(members[0])), members[0].file_size)
    return torch_content(file, size)


def fold_batch_norms(module: nn.Module) -> None:
    """Fold each batch norm into the convolution before it, in place; the module must be in eval mode."""
    previous: tuple[str, nn.Module] | None = None
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm2d) and previous and isinstance(previous[1], nn.Conv2d):
            setattr(module, previous[0], fuse_conv_bn_eval(previous[1], child))
            setattr(module, name, nn.Identity())
        else:
            fold_batch_norms(child)
        previous = name, child


def released_weights(bar: ProgressBar = silent) -> Path:
    """Return the released weights file in torch hub's cache, downloading it if necessary.

    Args:
        bar: progress bar of the download, in megabytes.

    Raises:
        DetectorError: the download failed, or the file is not the released one.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / URL.rsplit("/", 1)[1]
    remedy = (
        f"download {URL} on a machine with network access, then copy it there or pass it with --weights FILE; "
        "or use the embedded detector, --detector mobilenet0.25"
    )
    if not path.exists():
        aside = temporary_beside(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            remove_leftovers(path.parent)
            _download(URL, aside, bar)
            _require_released(aside, remedy)
            aside.replace(path)
        except (OSError, HTTPException) as error:  # URLError and timeouts are OSErrors
            raise DetectorError(
                f"cannot download the resnet50 weights to {path} ({getattr(error, 'reason', error)}); {remedy}"
            ) from error
        finally:
            aside.unlink(missing_ok=True)
    else:
        _require_released(path, remedy)
    return path


def _download(url: str, path: Path, bar: ProgressBar) -> None:
    with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response, path.open("wb") as file:
        megabytes = int(response.headers.get("Content-Length", 0)) // CHUNK
        with bar("downloading weights (MB)", megabytes) as advance:
            while block := response.read(CHUNK):
                file.write(block)
                advance()


def _require_released(path: Path, remedy: str) -> None:
    """Check the hash in the file name, which may be that of the zip or of the file in it."""
    digests = [sha256_of(path)]
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) == 1 and members[0].file_size <= MAX_BYTES:
                digests.append(hashlib.sha256(archive.read(members[0])).hexdigest())
    if not any(digest.startswith(HASH_PREFIX) for digest in digests):
        raise DetectorError(
            f"{path} is damaged: its SHA-256 is {digests[0]}, not {HASH_PREFIX}...; delete it and {remedy}"
        )
