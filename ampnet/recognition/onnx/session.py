"""Opening an exported model with ONNX Runtime."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnxruntime

from ampnet.errors import CheckpointError
from ampnet.files.opening import read_bytes
from ampnet.files.printable import printable
from ampnet.runtime.cores import usable_cores

MAX_MODEL_BYTES = 1 << 30
KEY = "ampnet"


@dataclass(frozen=True, eq=False)
class OnnxModel:
    """A model ready to run, and what it says about itself."""

    session: onnxruntime.InferenceSession
    metadata: dict[str, Any]


def open_model(path: Path, kind: str, threads: int | None = None) -> OnnxModel:
    """Open a file written by `ampnet export`.

    Args:
        path: the ``.onnx`` file.
        kind: ``classifier`` or ``detector``.
        threads: of one run; None takes as many as this process may use cores.

    Raises:
        CheckpointError: the file is missing, damaged, or no such model of ampnet.
    """
    try:
        content = read_bytes(path, MAX_MODEL_BYTES)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = threads or usable_cores()
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        metadata = json.loads(session.get_modelmeta().custom_metadata_map.get(KEY, "null"))
    except Exception as error:  # ONNX Runtime raises many types, and the file may be anything
        raise CheckpointError(f"cannot read {printable(path)}: {printable(error)}") from error
    if not isinstance(metadata, dict) or metadata.get("kind") != kind:
        raise CheckpointError(f"{printable(path)} is no {kind} of ampnet; write one with `ampnet export`")
    return OnnxModel(session, metadata)
