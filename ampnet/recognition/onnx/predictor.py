"""Predictor on ONNX Runtime: what `ampnet.Predictor` answers, without importing torch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ampnet.checkpoints.model_id import ModelId
from ampnet.detection.any_size import AnySizeDetector
from ampnet.errors import CheckpointError, DataError
from ampnet.faces.alignment import AlignedFace, resize_face
from ampnet.faces.framing import Framing
from ampnet.files.printable import printable
from ampnet.recognition.onnx.detector import OnnxFaceDetector
from ampnet.recognition.onnx.session import open_model
from ampnet.recognition.recognizer import Recognizer
from ampnet.runtime.cores import usable_cores
from ampnet.runtime.threads import MAX_NETWORKS
from ampnet.settings import IMAGE_SIZE, FacePolicy


class Predictor(Recognizer):
    """An exported detector and classifier, for photos of any size.

    Args:
        classifier: file written by `ampnet export CHECKPOINT --format onnx`.
        detector: finds the faces: file written by `ampnet export detector`, or a detector.
        threads: of one run; None takes as many as this process may use cores. With fewer, a list of photos is
            worked at side by side: ``threads=1`` is the fastest for many photos, None for one.

    Raises:
        CheckpointError: a file cannot be used.
    """

    def __init__(
        self,
        classifier: Path | str,
        detector: Path | str | AnySizeDetector,
        batch_size: int = 32,
        threads: int | None = None,
    ) -> None:
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
        self._made_of = (Path(classifier), detector, batch_size, threads)
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
        """Pickle the files that it was made of, which are opened again."""
        return _restored, (self._made_of, self.face, self.min_face, self.model)


def _restored(made_of: tuple[Any, ...], face: FacePolicy, min_face: float, model: ModelId) -> Predictor:
    predictor = Predictor(*made_of)
    predictor.face, predictor.min_face, predictor.model = face, min_face, model
    return predictor
