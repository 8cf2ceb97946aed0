"""The small good files that hostile ones are made of; built once, from the samples and from a tiny network."""

import shutil
from dataclasses import dataclass
from pathlib import Path

SAMPLES = Path(__file__).parents[1] / "samples"
SIDE = 128
"""Side of the small photos, in pixels."""


@dataclass(frozen=True)
class Seeds:
    """Paths of the good files."""

    root: Path

    @property
    def photo(self) -> Path:
        """A small photo of a face."""
        return self.root / "photo.jpg"

    @property
    def run(self) -> Path:
        """A run folder with best.pt and best.safetensors, of a tiny network."""
        return self.root / "run"

    @property
    def prepared(self) -> Path:
        """A prepared set with all splits."""
        return self.root / "prepared"

    @property
    def stopped(self) -> Path:
        """The runs of a short training, as ``--out``; its run is called ``run``."""
        return self.root / "stopped"

    @property
    def last_save(self) -> Path:
        """The last save of that run."""
        return self.stopped / "run" / "last.pt"

    @property
    def faces(self) -> list[Path]:
        """Small photos of faces with a class in their name."""
        return sorted((self.root / "faces").iterdir())

    def checkpoint(self, suffix: str = ".pt") -> Path:
        """The checkpoint of :attr:`run`."""
        return self.run / f"best{suffix}"

    def clip(self, suffix: str) -> Path:
        """A short video in the container of a suffix."""
        return self.root / f"clip{suffix}"

    def words(self, line: str) -> list[str]:
        """Fill in a command line: ``{run}``, ``{photo}`` and so on are good files, ``{training}`` a short training."""
        good = {name: getattr(self, name) for name in ("run", "photo", "prepared", "stopped")}
        return line.format(**good, training=TRAINING).split()


CLIPS = {
    ".mp4": "mp4v",
    ".mov": "jpeg",
    ".avi": "MJPG",
    ".mkv": "mp4v",
    ".webm": "VP80",
    ".mpeg": "mpg2",
    ".wmv": "WMV2",
}
"""Containers of the clips, and their codecs."""
FRAMES = 12
"""Frames of each clip."""

SIZE = "--width 0.05 --image-size 48"
TRAINING = f"{SIZE} --recipe modern --batch-size 7 --gpus 0 --processes 1 --workers 0 --quiet"
"""Options of the shortest training."""


def make_seeds(root: Path) -> None:
    """Build all good files."""
    from PIL import Image

    from cli import app
    from tests.prepared_faces import write_prepared_faces
    from tests.small_checkpoint import ALL, small_checkpoint

    seeds = Seeds(root)
    root.mkdir(parents=True, exist_ok=True)
    with Image.open(SAMPLES / "portrait.jpg") as portrait:
        portrait.resize((SIDE, SIDE)).save(seeds.photo)
    (root / "faces").mkdir()
    for expression in ("fear", "happiness", "neutral"):
        for number, path in enumerate(sorted((SAMPLES / "faces" / "train" / expression).glob("*.jpg"))[:4]):
            with Image.open(path) as face:
                face.resize((SIDE, SIDE)).save(root / "faces" / f"{expression}_{number}.jpg")
    _write_clips(seeds)
    small_checkpoint(seeds.run, modules=ALL)
    small_checkpoint(seeds.run, name="best.safetensors", modules=ALL)
    write_prepared_faces(seeds.prepared, train=2, val=1, test=1, image_size=64)
    train = "train --data {prepared} --out {stopped} --name run --epochs 2 {training}"
    app(seeds.words(train), standalone_mode=False)
    # The save before the last: of two epochs one is done, so that there is something to resume.
    shutil.copy(seeds.last_save.with_name("previous.pt"), seeds.last_save)


def _write_clips(seeds: Seeds) -> None:
    import cv2
    import numpy as np

    photo = cv2.imread(str(seeds.photo))
    assert photo is not None
    for suffix, codec in CLIPS.items():
        video = cv2.VideoWriter(str(seeds.clip(suffix)), cv2.VideoWriter.fourcc(*codec), 10, (SIDE, SIDE))
        for number in range(FRAMES):
            video.write(np.roll(photo, number, axis=1))
        video.release()
