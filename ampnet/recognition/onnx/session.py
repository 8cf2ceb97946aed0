"""Opening an exported model with ONNX Runtime."""

import ctypes
import json
import os
from pathlib import Path
from typing import Any

import onnxruntime
from numpy.typing import NDArray

from ampnet.errors import CheckpointError
from ampnet.files.opening import read_bytes
from ampnet.files.printable import printable
from ampnet.runtime.cores import usable_cores

MAX_MODEL_BYTES = 1 << 30
KEY = "ampnet"


class OnnxModel:
    """A model ready to run, and what it says about itself.

    Args:
        path: the ``.onnx`` file.
        threads: of one run.

    Raises:
        DataError: it cannot be read.
    """

    def __init__(self, path: Path, threads: int) -> None:
        self._path, self._threads, self._process = path, threads, os.getpid()
        self._session = self._opened()
        metadata = self._session.get_modelmeta().custom_metadata_map.get(KEY, "null")
        self.metadata: dict[str, Any] = json.loads(metadata)

    def run(self, outputs: list[str] | None, inputs: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Compute the outputs; see :meth:`onnxruntime.InferenceSession.run`."""
        if self._process != os.getpid():  # forked: the session's threads are the parent's, also for its end
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._session))
            self._session, self._process = self._opened(), os.getpid()
        found: list[NDArray[Any]] = self._session.run(outputs, inputs)
        return found

    def _opened(self) -> onnxruntime.InferenceSession:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = self._threads
        content = read_bytes(self._path, MAX_MODEL_BYTES)
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


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
        model = OnnxModel(path, threads or usable_cores())
    except Exception as error:  # ONNX Runtime raises many types, and the file may be anything
        raise CheckpointError(f"cannot read {printable(path)}: {printable(error)}") from error
    if not isinstance(model.metadata, dict) or model.metadata.get("kind") != kind:
        raise CheckpointError(f"{printable(path)} is no {kind} of ampnet; write one with `ampnet export`")
    return model
