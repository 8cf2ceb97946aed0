"""From faces to probabilities: the single path used by validation, `eval`, `predict` and distillation.

The network computes both heads' logits, optionally averaged over each face and its mirror image; the heads are fused,
the class prior is adjusted, and temperature and softmax turn the result into probabilities.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ampnet.checkpoints.checkpoint import Checkpoint
from ampnet.dataset.index.face_index import FaceIndex
from ampnet.dataset.loading.dataset import Batch, FaceBatches, FaceDataset
from ampnet.dataset.loading.loader import batch_loader
from ampnet.dataset.loading.sampling import ShardedSequentialSampler
from ampnet.dataset.loading.unreadable import describe_unreadable
from ampnet.errors import CheckpointError, DataError
from ampnet.faces.alignment import AlignedFace, resize_face
from ampnet.faces.framing import reframing
from ampnet.faces.geometry import MIRROR_ORDER
from ampnet.inference.calibration import Prior, prior_offsets
from ampnet.inference.optimize import optimize_for_inference
from ampnet.models.ampnet import Logits, fuse_logits
from ampnet.runtime.progress import Advance, ignore_progress
from ampnet.runtime.threads import MAX_NETWORKS, in_order, start_threads
from ampnet.settings import IMAGE_SIZE


@dataclass(frozen=True, eq=False)
class LabelledLogits:
    """Both heads' logits for N labelled faces."""

    labels: NDArray[np.int64]
    """``(N,)``."""
    local: Tensor
    """``(N, K)`` of the local head, on the CPU."""
    global_: Tensor
    """``(N, K)`` of the global head, on the CPU."""
    positions: NDArray[np.int64]
    """``(N,)`` of the faces in their dataset; ascending, but without those whose images cannot be read."""
    unreadable: Mapping[str, str]
    """Name -> reason of each image that cannot be read."""


class Classifier:
    """A network, and everything that turns its logits into predictions.

    Args:
        network: ``network(images, landmarks) -> (local_logits, global_logits)``, in eval mode.
        branch_weight: weight of the local head in the fused logits (beta in the paper), in [0, 1].
        mirror: average the logits of each face and its mirror image, at twice the cost.
        offsets: ``(K,)`` added to the fused logits, see :func:`ampnet.inference.calibration.prior_offsets`; None: none.
        temperature: divides the fused logits before the softmax (Guo et al. 2017, arXiv:1706.04599).
    """

    def __init__(
        self,
        network: nn.Module,
        device: torch.device,
        branch_weight: float = 0.5,
        mirror: bool = False,
        offsets: Tensor | None = None,
        temperature: float = 1.0,
    ) -> None:
        self.network, self.device, self.mirror = network, device, mirror
        self.branch_weight, self.offsets, self.temperature = branch_weight, offsets, temperature

    @classmethod
    def from_checkpoint(
        cls,
        checkpoint: Checkpoint,
        device: torch.device,
        mirror: bool = False,
        prior: Prior | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> "Classifier":
        """Build a classifier from a checkpoint, with its network optimised for inference.

        Args:
            checkpoint: the trained network; it is moved to the device.
            prior: expected class frequencies; None takes the checkpoint's own prior.
            dtype: of the network's maps and weights; see :mod:`ampnet.inference.precision`.

        Raises:
            ConfigError: the prior does not match the checkpoint.
        """
        return cls(
            optimize_for_inference(checkpoint.model.to(device), dtype),
            device,
            checkpoint.branch_weight,
            mirror,
            prior_offsets(checkpoint, prior),
            checkpoint.temperature,
        )

    def head_logits(self, batch: Batch) -> Logits:
        """Run the network on a batch on the device: local and global logits, ``(B, K)`` float32 each."""
        return mean_logits([self.network(*view) for view in self.views(batch)])

    def views(self, batch: Batch) -> list[tuple[Tensor, Tensor]]:
        """Return the images and landmarks whose logits are averaged: as they are and, if requested, mirrored."""
        view = batch.images, batch.landmarks
        return [view, mirror_faces(*view)] if self.mirror else [view]

    def decide(self, local: Tensor, global_: Tensor) -> Tensor:
        """Fuse both heads and apply prior and temperature: ``(B, K)``, whose maximum is the prediction."""
        fused = fuse_logits(local, global_, self.branch_weight)
        if self.offsets is not None:
            fused = fused + self.offsets.to(fused)
        return fused / self.temperature

    def probabilities(self, local: Tensor, global_: Tensor) -> NDArray[np.float32]:
        """Convert both heads' logits to ``(B, K)`` class probabilities.

        Raises:
            CheckpointError: the network says NaN of a face; its weights are finite, but far too large.
        """
        probabilities = np.asarray(self.decide(local, global_).softmax(dim=1).cpu().numpy(), dtype=np.float32)
        if not np.isfinite(probabilities).all():
            raise CheckpointError("the network returned NaN; this checkpoint is unusable, choose another")
        return probabilities

    def collect(self, batches: Iterable[Batch], advance: Advance = ignore_progress) -> LabelledLogits:
        """Run the network over labelled faces.

        Args:
            batches: at least one batch of a dataset, in its order.
            advance: called with the number of finished faces.

        Raises:
            DataError: none of the images can be read.
        """
        return _gather(map(self._answer, batches), advance)

    def collect_faces(
        self, faces: FaceDataset, batch_size: int, workers: int, advance: Advance = ignore_progress
    ) -> LabelledLogits:
        """Run the network over a dataset, which is loaded meanwhile.

        On CPUs each core loads and classifies its own batches: with loading processes beside a network that uses
        all cores, everything takes longer than one after the other.

        Args:
            faces: the dataset, with at least one face.
            workers: processes that load images for a GPU; 0 loads in this process.
            advance: called with the number of finished faces.

        Raises:
            DataError: none of the images can be read.
        """
        order = ShardedSequentialSampler(len(faces), batch_size)
        if self.device.type != "cpu":
            return self.collect(batch_loader(faces, order, workers, self.device), advance)
        batches, cores = FaceBatches(faces), torch.get_num_threads()
        with start_threads(cores, min(cores, MAX_NETWORKS)) as threads:
            answered = in_order(lambda keys: self._answer(batches[keys]), order, threads.networks, threads.parallel + 1)
            return _gather((answer for _, answer in answered), advance)

    def _answer(self, batch: Batch) -> "_Answered":
        """Run the network on a batch; without a readable image there is nothing to run."""
        if not len(batch.labels):
            return _Answered(batch, None)
        with torch.inference_mode():
            local, global_ = self.head_logits(batch.to(self.device))
            return _Answered(batch, (local.cpu(), global_.cpu()))

    @torch.inference_mode()
    def classify(self, faces: Sequence[AlignedFace], image_size: int) -> NDArray[np.float32]:
        """Return ``(B, K)`` class probabilities of B framed faces, at least one.

        Args:
            faces: 224 x 224 faces from :func:`ampnet.faces.framing.frame_face`.
        """
        return self.probabilities(*self.head_logits(network_input(faces, image_size).to(self.device)))


class _Answered(NamedTuple):
    """A batch, and both heads' logits for its faces on the CPU."""

    batch: Batch
    logits: Logits | None


def _gather(answers: Iterable[_Answered], advance: Advance) -> LabelledLogits:
    unreadable: dict[str, str] = {}
    labels, positions, locals_, globals_ = [], [], [], []
    for batch, logits in answers:
        unreadable.update(batch.unreadable)
        if logits is not None:
            assert batch.positions is not None
            labels.append(batch.labels.numpy())
            positions.append(batch.positions.numpy())
            locals_.append(logits[0])
            globals_.append(logits[1])
        advance(len(batch.labels) + len(batch.unreadable))
    if unreadable and not labels:
        raise DataError(f"{describe_unreadable(unreadable)}; no image is left; run prepare again")
    return LabelledLogits(
        labels=np.concatenate(labels),
        local=torch.cat(locals_),
        global_=torch.cat(globals_),
        positions=np.concatenate(positions),
        unreadable=unreadable,
    )


def faces_for(checkpoint: Checkpoint, faces: FaceIndex) -> FaceDataset:
    """Return prepared faces as a checkpoint's network needs them: in its size and colour, and warped to its framing."""
    reframe = reframing(faces.framing, faces.landmarks, checkpoint.framing)
    size, color = checkpoint.architecture.image_size, checkpoint.framing.color
    return FaceDataset(faces, np.arange(len(faces)), size, color=color, reframe=reframe)


def network_input(faces: Sequence[AlignedFace], image_size: int) -> Batch:
    """Build a batch of framed faces; all labels are 0."""
    pixels = torch.from_numpy(np.stack([resize_face(face.image, image_size) for face in faces]))
    landmarks = np.stack([face.landmarks for face in faces]) * (image_size / IMAGE_SIZE)
    return Batch(
        pixels.permute(0, 3, 1, 2),  # (B, 3, S, S), channels last in memory
        torch.from_numpy(landmarks.astype(np.float32)),
        torch.zeros(len(faces), dtype=torch.int64),
    )


def mean_logits(views: Sequence[Logits]) -> Logits:
    """Average the logits of several views of the same faces, as float32."""
    local, global_ = zip(*views, strict=True)
    return sum(local).float() / len(views), sum(global_).float() / len(views)


def mirror_faces(images: Tensor, landmarks: Tensor) -> tuple[Tensor, Tensor]:
    """Mirror ``(B, 3, S, S)`` images and their ``(B, 5, 2)`` landmarks; left is still the image's left."""
    mirrored = landmarks[:, list(MIRROR_ORDER)]
    flipped = torch.stack([images.shape[-1] - mirrored[..., 0], mirrored[..., 1]], dim=-1)  # (B, 5, 2)
    return images.flip(-1), flipped
