"""The networks to compare AMP-Net with: torchvision's, on the whole face, without landmarks.

They are AMP-Nets with global perception alone, whose trunk is torchvision's: what reads, trains, exports and serves
AMP-Net does so with them. Landmarks are given and not used.
"""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import cast

from torch import Tensor, nn

from ampnet.models.ampnet import AMPNet
from ampnet.settings import ArchitectureConfig


def build_model(size: ArchitectureConfig) -> AMPNet:
    """Build the network that an architecture describes; the only place that chooses its class."""
    if size.network == "ampnet":
        return AMPNet(**{name: value for name, value in asdict(size).items() if name != "network"})
    return PlainNetwork(size)


class PlainNetwork(AMPNet):
    """A network of torchvision with one linear head.

    Args:
        size: its ``network`` is ``resnet18`` (He et al. 2016) or ``mobilenet_v3_small`` (Howard et al. 2019).
    """

    def __init__(self, size: ArchitectureConfig) -> None:
        nn.Module.__init__(self)
        self.architecture = size
        trunk = Trunk(size)
        self.stem, self.global_perception = nn.Identity(), trunk  # type: ignore[assignment]
        self.local_perception = self.attentional_perception = self.local_head = None
        self.global_head = nn.Linear(trunk.embed_dim, size.num_classes)


class Trunk(nn.Module):
    """All of a network of torchvision but its last layer.

    MobileNetV3's normalisation has torch's momentum (0.1). torchvision's, 0.01, is meant for a million steps: after 720
    steps on FER-2013 its statistics were so far behind that the network gave every face the same answer.

    Shape:
        - images: ``(B, 3, S, S)``
        - returns: ``(B, embed_dim)``
    """

    def __init__(self, size: ArchitectureConfig) -> None:
        super().__init__()
        from torchvision import models  # takes a moment, and most runs do without

        if size.network == "resnet18":
            self.body: nn.Module = models.resnet18()
            self.body.fc, self.embed_dim = nn.Identity(), 512
        else:
            self.body = models.mobilenet_v3_small(dropout=size.dropout, norm_layer=partial(nn.BatchNorm2d, eps=0.001))
            cast(nn.Sequential, self.body.classifier)[3], self.embed_dim = nn.Identity(), 1024

    def forward(self, images: Tensor) -> Tensor:
        """Embed the images."""
        body: Callable[[Tensor], Tensor] = self.body
        return body(images.to(next(self.parameters()).dtype))
