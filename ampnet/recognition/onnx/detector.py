"""The RetinaFace detector on ONNX Runtime."""

from pathlib import Path
from typing import Any

import numpy as np

from ampnet.detection.any_size import AnySizeDetector, Candidates
from ampnet.detection.letterbox import Letterbox
from ampnet.recognition.onnx.session import open_model
from ampnet.settings import DetectorConfig


class OnnxFaceDetector(AnySizeDetector):
    """The detector that `ampnet export detector` writes; finds what :class:`ampnet.FaceDetector` finds.

    Args:
        path: the ``.onnx`` file.
        config: thresholds; its network and weights are the file's.
        threads: of one run; None takes as many as this process may use cores.

    Raises:
        CheckpointError: the file cannot be used.
    """

    def __init__(self, path: Path, config: DetectorConfig | None = None, threads: int | None = None) -> None:
        model = open_model(path, "detector", threads)
        self.config = config or DetectorConfig()
        self.weights_sha256 = str(model.metadata.get("weights_sha256"))
        self._made_of = (path, self.config, threads)
        self._onnx = model
        self._padding = np.array(model.metadata.get("padding_color", (0, 0, 0)), dtype=np.uint8)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the file that it was made of, which is opened again."""
        return OnnxFaceDetector, self._made_of

    def candidates(self, batch: list[Letterbox], threshold: float) -> Candidates:
        """See :meth:`AnySizeDetector.candidates`."""
        height, width = batch[0].padded_hw
        pixels = np.full((len(batch), height, width, 3), self._padding, dtype=np.uint8)
        for canvas, item in zip(pixels, batch, strict=True):
            canvas[: item.image.shape[0], : item.image.shape[1]] = item.image
        boxes, landmarks, scores = self._onnx.run(None, {"images": pixels})
        owner, anchor = np.nonzero(scores > threshold)
        return Candidates(owner, boxes[owner, anchor], scores[owner, anchor], landmarks[owner, anchor])
