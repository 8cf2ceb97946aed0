"""A raw set for prepare."""

from pathlib import Path
from typing import Literal

from ampnet.settings import PrepareConfig

SAMPLES = Path(__file__).parents[1] / "samples" / "faces"


def link_samples(folder: Path, count: int = 130) -> Path:
    """Link samples, by default for three chunks of 64."""
    for number, face in enumerate(sorted(SAMPLES.rglob("*.jpg"))[::2][:count]):
        link = folder / face.parent.relative_to(SAMPLES) / f"{number:03d}.jpg"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(face)
    return folder


def in_form(raw: Path, out: Path, form: Literal["files", "shards"] = "shards") -> PrepareConfig:
    """Give the settings of a prepare, in shards of 50 faces or in files."""
    size = 50 if form == "shards" else PrepareConfig.faces_per_shard
    return PrepareConfig(raw_dir=raw, out=out, crop="face", gpus=0, form=form, faces_per_shard=size)
