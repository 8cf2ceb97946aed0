"""AMP-Net: adaptive multilayer perceptual attention network for facial expression recognition.

Liu, Cai, Lin, Li, Xiao, IEEE TCSVT 2022, doi:10.1109/TCSVT.2022.3165321, numerically equal to the reference program
(see docs/fidelity.md for all deliberate differences).
"""

import torch
from torch import Tensor, nn

from ampnet.models.attentional_perception import AttentionalPerception
from ampnet.models.global_perception import GlobalPerception
from ampnet.models.layers import standardised
from ampnet.models.local_perception import LocalPerception
from ampnet.models.stem import Stem
from ampnet.settings import IMAGE_SIZE, MODULES, ArchitectureConfig, Module, Placement

Logits = tuple[Tensor, Tensor]
"""Logits of the local and of the global head, each ``(B, K)``."""

Embeddings = dict[Module, Tensor]
"""Embedding of the faces by each perception module of the network, each ``(B, embed_dim)``."""


LOCAL: tuple[Module, ...] = ("lp", "ap")
"""The modules that the local head reads, in the order of its weights."""


class AMPNet(nn.Module):
    """Classifies faces by expression from three views: quadrants, salient regions and the whole face.

    Args:
        num_classes: number of expressions K.
        width: multiplier of all channel counts; 1.0 is the paper's.
        image_size: side S of the images in pixels, a multiple of 8; 224 is the paper's.
        dropout: channel dropout of global perception in training.
        modules: the perception modules to build: ``lp`` and ``ap`` feed the local head, ``gp`` the global one.
            A network with a single head returns its logits twice, so that fusion and loss do not change.
        placement: where regions may lie: on whole ``cells`` of the feature map, as in the paper, or ``continuous``.
        standardise: first set each face's brightness and contrast to the training set's (see
            :func:`ampnet.models.layers.standardised`); the paper's network does not.

    Shape:
        - images: ``(B, 3, S, S)`` float RGB in [0, 1], not standardised by the caller
        - landmarks: ``(B, 5, 2)`` float ``(x, y)`` in pixels of those images: left eye, right eye, nose tip,
          left mouth corner, right mouth corner; left is the image's left
        - returns: local and global logits, ``(B, K)`` each

    Raises:
        ConfigError: an argument is out of range (see :class:`ampnet.settings.ArchitectureConfig`).
    """

    def __init__(
        self,
        num_classes: int = 7,
        width: float = 1.0,
        image_size: int = IMAGE_SIZE,
        dropout: float = 0.5,
        modules: tuple[Module, ...] = MODULES,
        placement: Placement = "cells",
        standardise: bool = False,
    ) -> None:
        super().__init__()
        self.architecture = ArchitectureConfig(
            num_classes=num_classes,
            width=width,
            image_size=image_size,
            dropout=dropout,
            modules=tuple(modules),
            placement=placement,
            standardise=standardise,
        )
        self.stem = Stem(width)
        channels = self.stem.out_channels
        self.local_perception = LocalPerception(channels, width, placement) if "lp" in modules else None
        self.attentional_perception = AttentionalPerception(channels, width, placement) if "ap" in modules else None
        self.global_perception = GlobalPerception(channels, width, dropout) if "gp" in modules else None
        local = [module.embed_dim for module in (self.local_perception, self.attentional_perception) if module]
        self.local_head = nn.Linear(sum(local), num_classes) if local else None
        self.global_head = nn.Linear(self.global_perception.embed_dim, num_classes) if self.global_perception else None
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                module.weight.data = module.weight.data.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor, landmarks: Tensor) -> Logits:
        """Compute both heads' logits."""
        return self.heads(self.embed(images, landmarks))

    def embed(self, images: Tensor, landmarks: Tensor) -> Embeddings:
        """Embed the faces by each perception module of the network."""
        side = self.architecture.image_size
        if images.shape[1:] != (3, side, side) or landmarks.shape != (images.shape[0], 5, 2):
            raise ValueError(
                f"expected images (B, 3, {side}, {side}) and landmarks (B, 5, 2), "
                f"got {tuple(images.shape)} and {tuple(landmarks.shape)}"
            )
        features = self.features(images)  # (B, 128, 28, 28)
        embeddings: Embeddings = {}
        if self.local_perception:
            embeddings["lp"] = self.local_perception(features, landmarks)
        if self.attentional_perception:
            embeddings["ap"] = self.attentional_perception(features, landmarks)
        if self.global_perception:
            embeddings["gp"] = self.global_perception(features)
        return embeddings

    def features(self, images: Tensor) -> Tensor:
        """Compute the feature map that all perception modules read."""
        if self.architecture.standardise:
            images = standardised(images)
        features: Tensor = self.stem(images.contiguous(memory_format=torch.channels_last))
        return features

    def heads(self, embeddings: Embeddings) -> Logits:
        """Classify the embeddings of all of the network's modules."""
        heads: list[Tensor] = []
        if self.local_head:
            heads.append(self.local_head(torch.cat([embeddings[name] for name in LOCAL if name in embeddings], dim=1)))
        if self.global_head:
            heads.append(self.global_head(embeddings["gp"]))
        return heads[0], heads[-1]


def fuse_logits(local_logits: Tensor, global_logits: Tensor, branch_weight: float = 0.5) -> Tensor:
    """Fuse both heads' logits by a weighted mean.

    Args:
        local_logits: ``(B, K)``.
        global_logits: ``(B, K)``.
        branch_weight: weight of the local head (beta in the paper), in [0, 1]; the global head has the rest.

    Returns:
        ``(B, K)``; the maximum is the prediction.
    """
    return torch.lerp(global_logits, local_logits, branch_weight)
