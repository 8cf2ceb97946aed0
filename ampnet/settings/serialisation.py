"""Settings as plain values."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ampnet.files.printable import as_text


def config_to_dict(config: Any) -> dict[str, Any]:
    """Convert a config to plain values (paths as strings) for JSON files and checkpoints."""

    def plain(value: Any) -> Any:
        if isinstance(value, Path):
            return as_text(value)
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [plain(item) for item in value]
        return value

    return {key: plain(value) for key, value in asdict(config).items()}
