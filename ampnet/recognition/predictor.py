"""Predictor: the Recognizer on torch."""

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ampnet.checkpoints.checkpoint import Checkpoint, load_checkpoint
from ampnet.checkpoints.model_files import ModelId, bundled_model
from ampnet.detection.any_size import AnySizeDetector
from ampnet.detection.detector import FaceDetector
from ampnet.errors import ArgumentError
from ampnet.faces.alignment import AlignedFace
from ampnet.faces.framing import frame_faces
from ampnet.inference.calibration import Prior
from ampnet.inference.classifier import Classifier, network_input
from ampnet.inference.contributions import explain
from ampnet.recognition.explanation import Explanation
from ampnet.recognition.pickling import pickled
from ampnet.recognition.recognizer import Recognizer
from ampnet.results.photo_result import PhotoResult
from ampnet.runtime.devices import usable_device
from ampnet.runtime.threads import MAX_NETWORKS
from ampnet.settings import DetectorConfig, FacePolicy, PredictConfig


class Predictor(Recognizer):
    """A face detector and a trained network, for photos of any size.

    Args:
        checkpoint: a loaded checkpoint, its file, a run folder, or the name of a bundled model; None takes the default.
        detector: finds the faces; None takes the embedded one.
        device: where both run.
        batch_size: batch size of the network, in faces.
        mirror: average the predictions for each face and its mirror image; slightly more accurate, at twice the cost.
        prior: expected class frequencies; None takes the checkpoint's own prior.
        dtype: of the networks' maps and weights; ``torch.bfloat16`` is faster if the processor supports it (a
            detector of your own keeps its type).
        face: which faces of a photo to classify: ``all``, ``largest``, ``centre`` or ``best``.
        min_face: minimum side of a face, in pixels of the photo; smaller faces are left out.
        score_threshold: minimum detection score of a face, in (0, 1); a detector of your own has its own.

    Raises:
        ArgumentError: the device cannot be used, or ``detector`` or ``dtype`` is a name; a ValueError, too.
        CheckpointError: the checkpoint cannot be used.
        ConfigError: the prior does not match the checkpoint.
        DetectorError: the detector's weights are unavailable.
        RangeError: there is no such choice of faces, or a number is out of its range.
    """

    def __init__(
        self,
        checkpoint: Checkpoint | Path | str | None = None,
        detector: AnySizeDetector | None = None,
        device: torch.device | str = "cpu",
        batch_size: int = 32,
        mirror: bool = False,
        prior: Prior | None = None,
        dtype: torch.dtype = torch.float32,
        face: FacePolicy = PredictConfig.face,
        min_face: float = PredictConfig.min_face,
        score_threshold: float = DetectorConfig.score_threshold,
    ) -> None:
        PredictConfig(face=face, min_face=min_face, batch_size=batch_size)  # checks them
        if isinstance(detector, str | Path) or not isinstance(dtype, torch.dtype):
            raise ArgumentError("detector is an object, such as FaceDetector(), dtype one of torch.dtype, not a name")
        self.device = usable_device(device)
        if not isinstance(checkpoint, Checkpoint):
            checkpoint = load_checkpoint(bundled_model() if checkpoint is None else checkpoint)
        self.checkpoint = checkpoint
        self.class_names, self.framing = checkpoint.class_names, checkpoint.framing
        self.rejection_threshold = checkpoint.rejection_threshold
        self.image_size = checkpoint.architecture.image_size
        config = DetectorConfig(score_threshold=score_threshold)
        self.detector = detector or FaceDetector(config, self.device, dtype=dtype)
        self.batch_size, self.dtype, self.classifier_prior = batch_size, dtype, prior
        self.model = ModelId.of_file(checkpoint.file)
        self.classifier = Classifier.from_checkpoint(self.checkpoint, self.device, mirror, prior, dtype)
        self.face, self.min_face = face, min_face

    def classify(self, faces: Sequence[AlignedFace]) -> NDArray[np.float32]:
        """See :meth:`Recognizer.classify`."""
        size, step = self.image_size, self.batch_size
        parts = [np.zeros((0, len(self.class_names)), dtype=np.float32)]
        parts += [self.classifier.classify(faces[start : start + step], size) for start in range(0, len(faces), step)]
        return np.concatenate(parts)

    @property
    def cores(self) -> int:
        """See :attr:`Recognizer.cores`."""
        return torch.get_num_threads()

    @property
    def parallel(self) -> int:
        """See :attr:`Recognizer.parallel`; 1 on GPUs, and with a detector of your own, which may keep a state."""
        is_divided = self.device.type == "cpu" and isinstance(self.detector, FaceDetector)
        return min(self.cores, MAX_NETWORKS) if is_divided else 1

    @property
    def can_explain(self) -> bool:
        """See :attr:`Recognizer.can_explain`."""
        return bool({"lp", "ap"} & set(self.checkpoint.architecture.modules))

    def explain(self, result: PhotoResult) -> Explanation:
        """See :meth:`Recognizer.explain`; the faces are those that were framed for the answer, while it keeps them."""
        size, step, landmarks = self.image_size, self.batch_size, [face.landmarks for face in result]
        framed = result.framed or frame_faces(result.photo, landmarks, self.framing, size)
        batches = [network_input(framed[start : start + step], size) for start in range(0, len(framed), step)]
        parts = [explain(self.classifier, batch.to(self.device)) for batch in batches]
        return Explanation(
            names=parts[0].names,
            bias=parts[0].bias,
            branch_weight=parts[0].branch_weight,
            temperature=parts[0].temperature,
            prior=parts[0].prior,
            regions=np.concatenate([part.regions for part in parts]),
            local=np.concatenate([part.local for part in parts]),
            global_=np.concatenate([part.global_ for part in parts]),
            boxes=np.concatenate([part.boxes for part in parts]),
            class_names=self.class_names,
            scores=[face.scores for face in result],
            frames=[face.image for face in framed],
            matrices=[face.matrix for face in framed],
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle its arguments: the network is prepared again for the machine that unpickles it."""
        detector, prior = self.detector, self.classifier_prior
        # as bytes: multiprocessing would share the tensors' memory between processes, which a fork cannot
        checkpoint = pickle.dumps(self.checkpoint)
        made_of = (checkpoint, detector, self.device, self.batch_size, self.classifier.mirror, prior, self.dtype)
        return pickled(self, _predictor, made_of)


def _predictor(checkpoint: bytes, *arguments: Any) -> Predictor:
    return Predictor(pickle.loads(checkpoint), *arguments)  # noqa: S301 (only a process that trusts it)
