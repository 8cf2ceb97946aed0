"""The two networks as self-contained graphs, and the metadata of exported files."""

import json
from typing import Any

import torch
from torch import Tensor, nn

from ampnet import __version__
from ampnet.checkpoints.checkpoint import Checkpoint
from ampnet.detection.networks import anchor_boxes, decode_boxes, decode_landmarks, load_network
from ampnet.inference.calibration import prior_offsets
from ampnet.inference.contributions import decompose, region_boxes
from ampnet.inference.optimize import optimize_for_inference
from ampnet.models.ampnet import fuse_logits
from ampnet.models.regions import QUADRANTS, SALIENT
from ampnet.settings import DetectorConfig


class ClassifierGraph(nn.Module):
    """A trained network with everything that turns its logits into probabilities.

    Args:
        checkpoint: the network, its fusion weight, its own prior and its temperature.

    Shape:
        - images: ``(B, S, S, 3)`` uint8 RGB faces framed as in training
        - landmarks: ``(B, 5, 2)`` float32 in pixels of those images; the regions are placed inside the graph
        - returns: probabilities, local and global logits, ``(B, K)`` float32 each; ``(B, R, K)`` what each of the R
          regions adds to the logits before the softmax, temperature applied; and ``(B, R, 4)`` their boxes in pixels
    """

    offsets: Tensor

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__()
        self.network = optimize_for_inference(checkpoint.model, is_portable=True)
        self.branch_weight, self.temperature = checkpoint.branch_weight, checkpoint.temperature
        offsets = prior_offsets(checkpoint, None)
        self.register_buffer("offsets", torch.zeros(len(checkpoint.class_names)) if offsets is None else offsets)

    def forward(self, images: Tensor, landmarks: Tensor) -> tuple[Tensor, ...]:
        """Classify."""
        pixels = images.permute(0, 3, 1, 2).float() / 255
        if self.network.local_head is None:
            local, global_ = self.network(pixels, landmarks)
            faces = local.shape[0]  # len() would fix the exported graph to the example's number of faces
            regions, boxes = local.new_zeros(faces, 0, local.shape[1]), local.new_zeros(faces, 0, 4)
        else:
            regions, local, global_ = decompose(self.network, pixels, landmarks)
            boxes = region_boxes(self.network, landmarks)
        if global_ is local:  # of a network with a single head: an exported graph's outputs have a tensor each
            global_ = local.clone()
        fused = fuse_logits(local, global_, self.branch_weight) + self.offsets
        share = 1.0 if self.network.global_head is None else self.branch_weight
        probabilities = (fused / self.temperature).softmax(dim=1)
        return probabilities, local, global_, regions * (share / self.temperature), boxes


class DetectorGraph(nn.Module):
    """A detection network with normalisation and decoding; only the removal of overlapping boxes is left to do.

    Shape:
        - images: ``(B, H, W, 3)`` uint8 RGB, H and W multiples of 32
        - returns: ``(B, A, 4)`` boxes x0, y0, x1, y1 and ``(B, A, 5, 2)`` landmarks in pixels, ``(B, A)`` scores

    Raises:
        DetectorError: the weights are unavailable.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__()
        loaded = load_network(config)
        self.network = loaded.module.eval().requires_grad_(False)
        for layer in self.network.modules():
            if isinstance(layer, nn.LeakyReLU):
                layer.inplace = False  # which torch's exporter takes apart for each layer: a quarter of its time
        self.padding_color = tuple(round(value) for value in loaded.mean)
        self.weights_sha256 = loaded.weights_sha256
        self.register_buffer("mean", torch.tensor(loaded.mean).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(loaded.std).view(3, 1, 1))
        self._is_unscaled = loaded.std == (1.0, 1.0, 1.0)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Detect."""
        pixels = images.permute(0, 3, 1, 2).float() - self.mean  # bytes are reordered faster than numbers
        pixels = pixels if self._is_unscaled else pixels / self.std
        box_offsets, logits, landmark_offsets = self.network(pixels)
        anchors = anchor_boxes.__wrapped__(images.shape[1], images.shape[2], images.device)  # sizes stay symbolic
        boxes, landmarks = decode_boxes(box_offsets, anchors), decode_landmarks(landmark_offsets, anchors)
        return boxes, landmarks, logits.softmax(dim=-1)[..., 1]


KEY = "ampnet"
"""Metadata key of the JSON text."""

UNKNOWN = "not stated"


def classifier_metadata(checkpoint: Checkpoint, precision: str, licence: str, training_data: str) -> dict[str, Any]:
    """Describe an exported network as plain values: everything that its user needs to know.

    Args:
        precision: fp32, fp16 or int8.
        licence: terms of the weights, in words.
        training_data: what the weights were trained on, in words.
    """
    header = checkpoint.header()
    wanted = ("architecture", "class_names", "framing", "branch_weight", "temperature", "class_shares")
    return {
        "kind": "classifier",
        "ampnet": __version__,
        "precision": precision,
        "region_names": region_names(checkpoint),
        "image_size": checkpoint.architecture.image_size,
        "licence": licence or UNKNOWN,
        "training_data": training_data or UNKNOWN,
        **{name: header[name] for name in (*wanted, "prior_strength", "rejection_threshold")},
    }


def region_names(checkpoint: Checkpoint) -> list[str]:
    """Name the regions of a network, in the order of their contributions."""
    modules = checkpoint.architecture.modules
    return [*(QUADRANTS if "lp" in modules else ()), *(SALIENT if "ap" in modules else ())]


def detector_metadata(name: str, graph: DetectorGraph) -> dict[str, Any]:
    """Describe an exported detector as plain values."""
    return {
        "kind": "detector",
        "ampnet": __version__,
        "name": name,
        "weights_sha256": graph.weights_sha256,
        "padding_color": list(graph.padding_color),
    }


def whole_metadata(classifier: dict[str, Any], detector: dict[str, Any]) -> dict[str, Any]:
    """Describe a whole graph by the metadata of its two networks."""
    return {**classifier, "kind": "whole", "detector": detector}


def decode(model: Any) -> dict[str, Any]:
    """Return the metadata of an ONNX model of ampnet."""
    about: dict[str, Any] = json.loads(next(entry.value for entry in model.metadata_props if entry.key == KEY))
    return about


def encode(metadata: dict[str, Any]) -> dict[str, str]:
    """Return metadata as the strings that model files hold."""
    return {KEY: json.dumps(metadata, ensure_ascii=False, allow_nan=False)}
