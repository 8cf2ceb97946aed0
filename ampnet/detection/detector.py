"""The RetinaFace detector in torch."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ampnet.detection.any_size import AnySizeDetector, Candidates
from ampnet.detection.multiscale import Letterbox
from ampnet.detection.networks import DetectionNetwork, anchor_boxes, decode_boxes, decode_landmarks, load_network
from ampnet.detection.packed import pack
from ampnet.runtime.devices import has_fast_bf16, has_onednn_convolutions, usable_device
from ampnet.runtime.progress import ProgressBar, silent
from ampnet.settings import DetectorConfig


class FaceDetector(AnySizeDetector):
    """The RetinaFace detector (Deng et al. 2020, arXiv:1905.00641).

    Args:
        config: network, weights and thresholds.
        bar: progress bar for downloading weights that are not in the package.
        dtype: of the network's maps and weights; in bfloat16, landmarks move by 0.3% of a face's side (median).

    Raises:
        ArgumentError: the device cannot be used; a ValueError, too.
        DetectorError: the weights are unavailable or do not match the network.

    Attributes:
        name: the network's name, as in the config.
        weights_sha256: hexadecimal SHA-256 of the weights file in use.
    """

    def __init__(
        self,
        config: DetectorConfig | None = None,
        device: torch.device | str = "cpu",
        bar: ProgressBar = silent,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.config = config or DetectorConfig()
        self.device = usable_device(device)
        self.name: str = self.config.name
        self.dtype = dtype
        is_embedded = self.name == "mobilenet0.25" and self.config.weights is None and self.device.type == "cpu"
        network = _embedded(self.device, dtype) if is_embedded else _ready(self.config, self.device, dtype, bar)
        self.weights_sha256, self.network = network.weights_sha256, network.module
        self._mean = torch.tensor(network.mean, device=self.device).view(1, 3, 1, 1)
        self._std = torch.tensor(network.std, device=self.device).view(1, 3, 1, 1)
        self._is_unscaled = network.std == (1.0, 1.0, 1.0)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the settings: the weights, laid out for this machine, are loaded again when it is unpickled."""
        return FaceDetector, (self.config, self.device, silent, self.dtype)

    @torch.inference_mode()
    def candidates(self, batch: list[Letterbox], threshold: float) -> Candidates:
        """See :meth:`AnySizeDetector.candidates`."""
        height, width = batch[0].padded_hw
        pixels = self._network_input(batch)
        outputs = self.network(pixels)
        box_offsets, logits, landmark_offsets = (part.float() for part in outputs)  # (B, A, 4), (B, A, 2), (B, A, 10)
        scores = logits.softmax(dim=-1)[..., 1]
        owner, anchor = torch.nonzero(scores > threshold, as_tuple=True)
        anchors = anchor_boxes(height, width, self.device)[anchor]
        boxes = decode_boxes(box_offsets[owner, anchor], anchors).cpu().numpy()
        landmarks = decode_landmarks(landmark_offsets[owner, anchor], anchors).cpu().numpy()
        return Candidates(owner.cpu().numpy(), boxes, scores[owner, anchor].cpu().numpy(), landmarks)

    def _network_input(self, batch: list[Letterbox]) -> Tensor:
        height, width = batch[0].padded_hw
        if all(item.image.shape[:2] == (height, width) for item in batch):
            stacked = torch.from_numpy(np.stack([item.image for item in batch])).to(self.device)
            return self._normalised(stacked.permute(0, 3, 1, 2))  # (B, 3, H, W), channels last
        padded = torch.zeros(len(batch), height, width, 3, device=self.device, dtype=self.dtype).permute(0, 3, 1, 2)
        for row, item in zip(padded, batch, strict=True):
            writable = np.require(item.image, requirements=["C", "W"])  # torch warns about the others
            image = torch.from_numpy(writable).to(self.device)
            h, w = image.shape[:2]
            row[:, :h, :w] = self._normalised(image.permute(2, 0, 1)[None])[0]  # padding is the mean colour
        return padded

    def _normalised(self, pixels: Tensor) -> Tensor:
        """Convert ``(B, 3, H, W)`` uint8 to the network's range and type, in as few passes as that takes."""
        values = pixels.float().sub_(self._mean)
        return (values if self._is_unscaled else values.div_(self._std)).to(self.dtype)


def _ready(config: DetectorConfig, device: torch.device, dtype: torch.dtype, bar: ProgressBar) -> DetectionNetwork:
    network = load_network(config, bar)
    module = network.module.eval().requires_grad_(False).to(dtype)
    module = module.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    is_known = dtype == torch.float32 or (dtype == torch.bfloat16 and has_fast_bf16(device))
    if config.name == "mobilenet0.25" and device.type == "cpu" and is_known and has_onednn_convolutions():
        module = pack(module)
    return replace(network, module=module)


@cache  # nothing changes it, so that all detectors of a process share it
def _embedded(device: torch.device, dtype: torch.dtype) -> DetectionNetwork:
    return _ready(DetectorConfig(), device, dtype, silent)
