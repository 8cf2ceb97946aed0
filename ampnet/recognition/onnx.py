"""Detector and Predictor with exported models on ONNX Runtime; nothing here imports torch."""

import ctypes
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ampnet.checkpoints.model_files import ModelId
from ampnet.detection.any_size import AnySizeDetector, Candidates
from ampnet.detection.multiscale import Letterbox
from ampnet.errors import CheckpointError, DataError
from ampnet.faces.alignment import AlignedFace, resize_face
from ampnet.faces.framing import Framing
from ampnet.files.opening import read_bytes
from ampnet.files.printable import printable
from ampnet.recognition.pickling import pickled
from ampnet.recognition.recognizer import Recognizer
from ampnet.runtime.cores import usable_cores
from ampnet.runtime.threads import MAX_NETWORKS
from ampnet.settings import IMAGE_SIZE, DetectorConfig, PredictConfig

MAX_MODEL_BYTES = 1 << 30
KEY = "ampnet"


class OnnxModel:
    """A model ready to run, and its metadata.

    Args:
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
        kind: ``classifier``, ``detector`` or ``whole``.
        threads: of one run; None takes one for each core that this process may use.

    Raises:
        CheckpointError: the file is missing, damaged, or not such a model of ampnet.
    """
    try:
        model = OnnxModel(path, threads or usable_cores())
    except Exception as error:  # ONNX Runtime raises many types, and the file may be anything
        raise CheckpointError(f"cannot read {printable(path)}: {printable(error)}") from error
    if not isinstance(model.metadata, dict) or model.metadata.get("kind") != kind:
        how = {"classifier": "MODEL --part classifier", "detector": "detector"}.get(kind, "MODEL")
        raise CheckpointError(f"{printable(path)} is no {kind} of ampnet; write one with `ampnet export {how}`")
    return model


class OnnxFaceDetector(AnySizeDetector):
    """The detector that `ampnet export detector` writes; finds what :class:`ampnet.FaceDetector` finds.

    Args:
        path: the ``.onnx`` file.
        config: thresholds; its network and weights are the file's.
        threads: of one run; None takes one for each core that this process may use.

    Raises:
        CheckpointError: the file cannot be used.
    """

    def __init__(self, path: Path, config: DetectorConfig | None = None, threads: int | None = None) -> None:
        model = open_model(path, "detector", threads)
        self.config = config or DetectorConfig()
        self.weights_sha256 = str(model.metadata.get("weights_sha256"))
        self._path, self._threads = path, threads
        self._onnx = model
        self._padding = np.array(model.metadata.get("padding_color", (0, 0, 0)), dtype=np.uint8)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the path of its file, which is opened again."""
        return OnnxFaceDetector, (self._path, self.config, self._threads)

    def candidates(self, batch: list[Letterbox], threshold: float) -> Candidates:
        """See :meth:`AnySizeDetector.candidates`."""
        height, width = batch[0].padded_hw
        pixels = np.full((len(batch), height, width, 3), self._padding, dtype=np.uint8)
        for canvas, item in zip(pixels, batch, strict=True):
            canvas[: item.image.shape[0], : item.image.shape[1]] = item.image
        boxes, landmarks, scores = self._onnx.run(None, {"images": pixels})
        owner, anchor = np.nonzero(scores > threshold)
        return Candidates(owner, boxes[owner, anchor], scores[owner, anchor], landmarks[owner, anchor])


class Predictor(Recognizer):
    """An exported detector and classifier, for photos of any size.

    Args:
        classifier: file written by `ampnet export CHECKPOINT --format onnx`.
        detector: finds the faces: file written by `ampnet export detector`, or a detector.
        threads: of one run; None takes one for each core that this process may use. With fewer, a list of photos is
            processed in parallel: ``threads=1`` is the fastest for many photos, None for one.

    Raises:
        CheckpointError: a file cannot be used.
        RangeError: ``batch_size`` is less than 1.
    """

    def __init__(
        self,
        classifier: Path | str,
        detector: Path | str | AnySizeDetector,
        batch_size: int = 32,
        threads: int | None = None,
    ) -> None:
        PredictConfig(batch_size=batch_size)  # checks it
        model = open_model(Path(classifier), "classifier", threads)
        self.metadata = model.metadata
        self.batch_size = batch_size
        try:
            self.class_names = tuple(str(name) for name in model.metadata["class_names"])
            self.framing = Framing.from_dict(model.metadata["framing"])
            self.image_size = int(model.metadata["image_size"])
            self.rejection_threshold = float(model.metadata.get("rejection_threshold", 0.0))
        except (KeyError, TypeError, ValueError, DataError) as error:
            raise CheckpointError(f"{printable(classifier)} is damaged: {printable(error)}; export it again") from error
        self.model = ModelId.of_file(Path(classifier))
        self._path, self._asked_threads = Path(classifier), threads
        self._onnx, self._threads = model, threads or usable_cores()
        self.detector = (
            detector if isinstance(detector, AnySizeDetector) else OnnxFaceDetector(Path(detector), threads=threads)
        )

    @property
    def parallel(self) -> int:
        """See :attr:`Recognizer.parallel`; 1 with a detector of your own, which may keep a state."""
        is_divided = isinstance(self.detector, OnnxFaceDetector)
        return min(max(self.cores // self._threads, 1), MAX_NETWORKS) if is_divided else 1

    def classify(self, faces: Sequence[AlignedFace]) -> NDArray[np.float32]:
        """See :meth:`Recognizer.classify`."""
        parts = [np.zeros((0, len(self.class_names)), dtype=np.float32)]
        for start in range(0, len(faces), self.batch_size):
            batch = faces[start : start + self.batch_size]
            pixels = np.stack([resize_face(face.image, self.image_size) for face in batch])
            landmarks = np.stack([face.landmarks for face in batch]) * (self.image_size / IMAGE_SIZE)
            found = self._onnx.run(["probabilities"], {"images": pixels, "landmarks": landmarks.astype(np.float32)})
            parts.append(np.asarray(found[0], dtype=np.float32))
        return np.concatenate(parts)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the paths of its files, which are opened again."""
        made_of = (self._path, self.detector, self.batch_size, self._asked_threads)
        return pickled(self, Predictor, made_of)
