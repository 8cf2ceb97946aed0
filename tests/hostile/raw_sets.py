"""Small raw data sets in every layout that prepare reads, with real faces in them."""

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from PIL import Image

from tests.dataset.sources.small_files import FERPLUS_HEADER, text
from tests.hostile.case import Place

CLASSES = ("fear", "happiness", "neutral")
EIGHT_POINTS = ";".join(["1.5"] * 136)


@dataclass(frozen=True)
class RawSet:
    """A raw data set that has just been written."""

    images: tuple[Path, ...]
    """Its image files; empty if the pixels are in a table."""
    lists: tuple[Path, ...] = ()
    """Its label lists."""

    @property
    def folder(self) -> Path:
        """The folder of its last image."""
        return self.images[-1].parent


Build = Callable[[Place, Path], RawSet]


def _put(place: Place, targets: Iterable[Path]) -> tuple[Path, ...]:
    """Copy a face to each path: of the class in its name or folder if there is one."""
    put = tuple(targets)
    for number, target in enumerate(put):
        target.parent.mkdir(parents=True, exist_ok=True)
        face = place.seeds.faces[number % len(place.seeds.faces)]
        if target.suffix == face.suffix:
            shutil.copy(face, target)
        else:
            with Image.open(face) as image:
                image.save(target)
    return put


def _six(place: Place, folder: Path) -> tuple[Path, ...]:
    return _put(place, (folder / f"good_{i}.jpg" for i in range(6)))


def _list(path: Path, *lines: str) -> Path:
    return text(path, "\n".join(lines))


def folders(place: Place, root: Path) -> RawSet:
    """Class folders without splits."""
    return RawSet(_put(place, (root / name / f"good_{i}.jpg" for name in CLASSES for i in range(2))))


def split_folders(place: Place, root: Path) -> RawSet:
    """Class folders below train and test."""
    pairs = product(("train", "test"), CLASSES)
    return RawSet(_put(place, (root / split / name / f"good_{split}_{name}.jpg" for split, name in pairs)))


def table(place: Place, root: Path) -> RawSet:
    """A csv of a user's own, with boxes."""
    images = _six(place, root / "photos")
    rows = [f"photos/{image.name},{CLASSES[i % 3]},train,8,8,120,120" for i, image in enumerate(images)]
    return RawSet(images, (_list(root / "list.csv", "path,label,split,x0,y0,x1,y1", *rows),))


def table_of_votes(place: Place, root: Path) -> RawSet:
    """A csv of a user's own, with votes and subjects."""
    images = _six(place, root / "photos")
    rows = [f"photos/{image.name},p{i},{i % 3 * 5},1,{5 - i % 3}" for i, image in enumerate(images)]
    return RawSet(images, (_list(root / "list.csv", "path,subject,fear,happiness,neutral", *rows),))


def rafdb(place: Place, root: Path) -> RawSet:
    """RAF-DB."""
    names = [f"{split}_0000{i}" for split in ("train", "test") for i in range(3)]
    images = _put(place, (root / "Image" / "aligned" / f"{name}_aligned.jpg" for name in names))
    lines = [f"{name}.jpg {i % 7 + 1}" for i, name in enumerate(names)]
    return RawSet(images, (_list(root / "EmoLabel" / "list_patition_label.txt", *lines),))


def affectnet(place: Place, root: Path) -> RawSet:
    """AffectNet as first released."""
    images = _six(place, root / "Manually_Annotated_Images" / "1")
    rows = [f"1/{image.name},10,10,108,108,{EIGHT_POINTS},{i},0.1,0.2" for i, image in enumerate(images)]
    header = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"
    lists = (_list(root / "training.csv", header, *rows[:4]), _list(root / "validation.csv", *rows[4:], ""))
    return RawSet(images, lists)


def affectnet_2021(place: Place, root: Path) -> RawSet:
    """AffectNet as released in 2021."""
    images, lists = [], []
    for split, number in product(("train_set", "val_set"), range(3)):
        images.append(root / split / "images" / f"{number}.jpg")
        lists.append(root / split / "annotations" / f"{number}_exp.npy")
        lists[-1].parent.mkdir(parents=True, exist_ok=True)
        np.save(lists[-1], np.array(str(number)))
    return RawSet(_put(place, images), tuple(lists))


def _pixels(place: Place, number: int) -> str:
    with Image.open(place.seeds.faces[number % len(place.seeds.faces)]) as face:
        return " ".join(map(str, face.convert("L").resize((48, 48)).tobytes()))


USAGES = ("Training", "Training", "Training", "PublicTest", "PrivateTest", "PrivateTest")


def fer2013(place: Place, root: Path) -> RawSet:
    """FER-2013's csv."""
    rows = [f'{i},"{_pixels(place, i)}",{usage}' for i, usage in enumerate(USAGES)]
    return RawSet((), (_list(root / "fer2013.csv", "emotion,pixels,Usage", *rows),))


def fer2013_folders(place: Place, root: Path) -> RawSet:
    """FER-2013 in folders."""
    pairs = product(("Training", "PublicTest", "PrivateTest"), CLASSES)
    return RawSet(_put(place, (root / usage / name / "row00001.png" for usage, name in pairs)))


def ferplus(place: Place, root: Path) -> RawSet:
    """FER+ beside FER-2013's csv."""
    pixels = fer2013(place, root)
    votes = [f"{usage},fer000000{i}.png,{'0,' * (i % 7)}10{',0' * (9 - i % 7)}" for i, usage in enumerate(USAGES)]
    return RawSet((), (*pixels.lists, _list(root / "fer2013new.csv", FERPLUS_HEADER, *votes)))


def expw(place: Place, root: Path) -> RawSet:
    """ExpW."""
    images = _six(place, root / "image" / "origin")
    lines = [f"{image.name} 0 8 8 120 120 99.5 {i}" for i, image in enumerate(images)]
    return RawSet(images, (_list(root / "label" / "label.lst", *lines),))


def ckplus(place: Place, root: Path) -> RawSet:
    """CK+ with three people."""
    images, lists = [], []
    for person in ("S001", "S002", "S003"):
        images += [root / "cohn-kanade-images" / person / "001" / f"{person}_001_0000000{i}.png" for i in range(1, 4)]
        label = root / "Emotion" / person / "001" / f"{person}_001_00000003_emotion.txt"
        lists.append(text(label, f"   {int(person[-1])}.0000000e+00\n"))
    return RawSet(_put(place, images), tuple(lists))


def jaffe(place: Place, root: Path) -> RawSet:
    """JAFFE with three people."""
    names = [f"{person}.{code}1.{i}.tiff" for i, (person, code) in enumerate(product(("KA", "KL", "KM"), ("AN", "SU")))]
    return RawSet(_put(place, (root / name for name in names)))


def sfew(place: Place, root: Path) -> RawSet:
    """SFEW."""
    pairs = product(("Train", "Val"), ("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise"))
    return RawSet(_put(place, (root / split / name / "a.jpg" for split, name in pairs)))


def fedro(place: Place, root: Path) -> RawSet:
    """FED-RO."""
    names = ("anger", "disgust", "fear", "happy", "neural", "sad", "surprise")
    images = _put(place, (root / name / "a.jpg" for name in names))
    return RawSet(images, (_list(root / "list.txt", *(f"{name}/a.jpg" for name in names)),))


LAYOUTS: dict[str, Build] = {
    "folders": folders,
    "split folders": split_folders,
    "csv": table,
    "csv of votes": table_of_votes,
    "rafdb": rafdb,
    "affectnet": affectnet,
    "affectnet 2021": affectnet_2021,
    "fer2013": fer2013,
    "fer2013 folders": fer2013_folders,
    "ferplus": ferplus,
    "expw": expw,
    "ckplus": ckplus,
    "jaffe": jaffe,
    "sfew": sfew,
    "fedro": fedro,
}
"""Every layout by name."""
