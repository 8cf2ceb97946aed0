"""What the service says about its model."""

from dataclasses import asdict, dataclass
from typing import Any

from ampnet.service.guard import is_loopback
from ampnet.settings import ServeConfig

SHOWN_LIMITS = (
    "max_megabytes",
    "max_megapixels",
    "max_files",
    "max_faces",
    "max_seconds",
    "max_decode_seconds",
    "max_requests",
    "queue",
)


@dataclass(frozen=True, kw_only=True)
class AboutModel:
    """Whose answers these are."""

    name: str
    sha256: str
    """Of the model's file."""
    runtime: str
    """``onnx`` or ``torch``."""
    ampnet: str
    """The version of ampnet."""
    class_names: tuple[str, ...]
    rejection_threshold: float
    """Least probability of a sure answer."""
    detector_sha256: str
    can_explain: bool
    """Whether ``explain=1`` is possible."""
    card: str | None
    """Markdown: what the model was trained on, what it is for, what it is not for."""

    def to_dict(self, config: ServeConfig) -> dict[str, Any]:
        """Return plain values, with the limits of the service, and whether only this machine reaches it."""
        limits = {name: value for name, value in asdict(config).items() if name in SHOWN_LIMITS}
        return asdict(self) | {"is_local": is_loopback(config.host) and not config.proxies, "limits": limits}
