"""What an exported file says about itself, in the file."""

import json
from typing import Any

from ampnet import __version__
from ampnet.checkpoints.checkpoint import Checkpoint
from ampnet.export.graphs import DetectorGraph
from ampnet.models.regions import QUADRANTS, SALIENT

KEY = "ampnet"
"""Metadata key of the JSON text."""

UNKNOWN = "not stated"


def classifier_metadata(checkpoint: Checkpoint, precision: str, licence: str, training_data: str) -> dict[str, Any]:
    """Describe an exported network as plain values: everything that its user has to know.

    Args:
        checkpoint: the exported one.
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
    """Name the regions that a network looks at, in the order of their contributions."""
    modules = checkpoint.architecture.modules
    return [*(QUADRANTS if "lp" in modules else ()), *(SALIENT if "ap" in modules else ())]


def detector_metadata(name: str, graph: DetectorGraph) -> dict[str, Any]:
    """Describe an exported detector as plain values.

    Args:
        name: the detector's name.
        graph: the exported graph.
    """
    return {
        "kind": "detector",
        "ampnet": __version__,
        "name": name,
        "weights_sha256": graph.weights_sha256,
        "padding_color": list(graph.padding_color),
    }


def whole_metadata(classifier: dict[str, Any], detector: dict[str, Any]) -> dict[str, Any]:
    """Describe a whole graph by what its two networks say about themselves."""
    return {**classifier, "kind": "whole", "detector": detector}


def decode(model: Any) -> dict[str, Any]:
    """Return what an ONNX model of ampnet says about itself."""
    about: dict[str, Any] = json.loads(next(entry.value for entry in model.metadata_props if entry.key == KEY))
    return about


def encode(metadata: dict[str, Any]) -> dict[str, str]:
    """Return metadata as the strings that model files hold."""
    return {KEY: json.dumps(metadata, ensure_ascii=False, allow_nan=False)}
