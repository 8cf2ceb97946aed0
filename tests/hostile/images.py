"""Hostile pictures: through the reader one by one, and in folders beside good ones through the commands."""

import os
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.hostile import picture_files as files
from tests.hostile.case import EITHER, NOT_DONE, REFUSED, Case, Place
from tests.hostile.mutations import MUTATIONS, NOT_FILES, ODD_STEMS, odd_path
from tests.hostile.neighbours import predicted, prepared, put_good_photos, put_raw_classes

OWNER = "image-wall"
SIDE = files.JUST_UNDER

BOMBS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "png-60000": (".png", lambda: files.png(60_000, 60_000, data=files.deflated_zeros(1 << 20))),
    "png-2147483647": (".png", lambda: files.png(2**31 - 1, 2**31 - 1, data=b"")),
    "png-0": (".png", lambda: files.png(0, 0, data=files.deflated_zeros(9))),
    "png-line": (".png", lambda: files.png(149_000_000, 1)),
    "png-rgba": (".png", lambda: files.png(SIDE, SIDE, 8, 6)),
    "png-rgba-16": (".png", lambda: files.png(SIDE, SIDE, 16, 6)),
    "png-rgb-16": (".png", lambda: files.png(SIDE, SIDE, 16, 2)),
    "png-grey-16": (".png", lambda: files.png(SIDE, SIDE, 16, 0)),
    "png-grey-alpha": (".png", lambda: files.png(SIDE, SIDE, 8, 4)),
    "png-1-bit": (".png", lambda: files.png(SIDE, SIDE, 1, 0)),
    "png-text": (".png", files.text_bomb),
    "jpeg-65500": (
        ".jpg",
        lambda: files.jpeg_of_zeros(64, 64, 3, False).replace(b"\x08\0\x40\0\x40", b"\x08\xff\xdc\xff\xdc"),
    ),
    "jpeg-progressive": (".jpg", lambda: files.jpeg_of_zeros(SIDE, SIDE, 3, True)),
    "jpeg-cmyk": (".jpg", lambda: files.jpeg_of_zeros(SIDE, SIDE, 4, False)),
    "tiff-60000": (".tif", lambda: files.tiff(60_000, 60_000, 8, 3)),
    "tiff-int-32": (".tif", lambda: files.tiff(SIDE, SIDE, 32)),
    "tiff-int-16": (".tif", lambda: files.tiff(SIDE, SIDE, 16)),
    "tiff-cmyk": (".tif", lambda: files.tiff(SIDE, SIDE, 8, 4)),
    "tiff-float": (".tif", lambda: files.tiff(SIDE, SIDE, 32, 1, 3)),
    "tiff-loop": (".tif", lambda: files.tiff(48, 48, 8, 3, loop=True)),
    "pgm-16": (".pgm", lambda: f"P5 {SIDE} {SIDE} 65535\n".encode()),
    "ppm-digits": (".ppm", lambda: b"P6 " + b"9" * 10_000 + b" 4 255\n"),
    "ppm-comment": (".ppm", lambda: b"P6 #" + b"x" * (64 << 20)),
    "gif-65535": (
        ".gif",
        lambda: b"GIF89a" + b"\xff\xff\xff\xff\xf0\0\0" + bytes(6) + b",\0\0\0\0\xff\xff\xff\xff\0\x08\1\0\0;",
    ),
    "bmp-60000": (
        ".bmp",
        lambda: b"BM" + bytes(8) + b"\x36\0\0\0\x28\0\0\0\x60\xea\0\0\x60\xea\0\0\1\0\x20\0" + bytes(24),
    ),
}


def _picture(encoding: str, mutation: str | None, rng: random.Random) -> tuple[bytes, str]:
    suffix, encode = files.ENCODINGS[encoding]
    content = encode(files.scene(rng))
    return (content if mutation is None else MUTATIONS[mutation](content, rng)), suffix


def _read(
    name: str, reader: str, content: Callable[[Place], tuple[bytes, str]], codes: frozenset[int], **more: object
) -> Case:
    def make(place: Place) -> Sequence[str]:
        data, suffix = content(place)
        path = place.folder / f"picture{suffix}"
        path.write_bytes(data)
        if suffix == ".pgm":
            os.truncate(path, len(data) + 2 * SIDE * SIDE)  # pixels that take no room on the disk
        return [f"reader:{reader}", str(path)]

    return Case(f"images/{name}", OWNER, make, codes, **more)  # type: ignore[arg-type]


def singles(repeats: int) -> Iterator[Case]:
    """Yield damaged pictures of every encoding, each read alone."""
    for repeat in range(repeats):
        for encoding in files.ENCODINGS:
            for number, mutation in enumerate(MUTATIONS):
                reader = ("image", "reduced")[(number + repeat) % 2]
                name = f"{encoding} {mutation}{f' {repeat + 1}' if repeat else ''}"
                yield _read(name, reader, lambda p, e=encoding, m=mutation: _picture(e, m, p.rng), EITHER)  # type: ignore[misc]
    for foreign, encode in files.FOREIGN.items():
        named = {"is_named": True} if foreign in ("dds", "blp", "eps", "psd") else {}
        prefix = "S6 " if named else ""
        yield _read(
            f"{prefix}{foreign} as jpg", "image", lambda p, e=encode: (e(files.scene(p.rng)), ".jpg"), REFUSED, **named
        )  # type: ignore[misc]
        yield _read(
            f"{foreign} as jpg, damaged",
            "reduced",
            lambda p, e=encode: (MUTATIONS["flip-head"](e(files.scene(p.rng)), p.rng), ".jpg"),  # type: ignore[misc]
            REFUSED,
        )
    yield _read(
        "S6 eps that runs", "image", lambda p: (files.eps_that_runs(str(p.canary)), ".jpg"), REFUSED, is_named=True
    )


def bombs() -> Iterator[Case]:
    """Yield pictures that are small on the disk and large in memory, through both readers."""
    for bomb, (suffix, make) in BOMBS.items():
        for reader in ("image", "reduced"):
            just_under = "60000" not in bomb and "65" not in bomb
            yield _read(
                f"M12 bomb {bomb}, {reader}",
                reader,
                lambda _p, m=make, s=suffix: (m(), s),  # type: ignore[misc]
                EITHER if just_under else REFUSED,
                is_named=True,
                is_slow=(just_under and bomb.split("-")[0] in ("png", "jpeg", "tiff", "pgm")) or bomb == "ppm-comment",
                seconds=120,
            )


def _put_crowd(place: Place, folder: Path, count: int) -> None:
    """Fill a folder with damaged pictures, foreign formats, odd names and things that are no files."""
    rng = place.rng
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        data, suffix = _picture(rng.choice(list(files.ENCODINGS)), rng.choice(list(MUTATIONS)), rng)
        (folder / f"damaged_{number}{suffix}").write_bytes(data)
    for foreign in rng.sample(list(files.FOREIGN), 8):
        (folder / f"{foreign}.jpg").write_bytes(files.FOREIGN[foreign](files.scene(rng)))
    for name in rng.sample(list(ODD_STEMS), 5):
        odd_path(folder, ODD_STEMS[name]).write_bytes(_picture("jpeg", rng.choice([None, "cut"]), rng)[0])
    for kind in rng.sample(list(NOT_FILES), 4):
        NOT_FILES[kind](folder / f"{kind}.jpg")


def crowds(repeats: int) -> Iterator[Case]:
    """Yield folders of fifty hostile pictures with good ones between them, for predict and prepare."""

    def predict(place: Place) -> Sequence[str]:
        _put_crowd(place, place.folder / "photos" / "below", 35)
        put_good_photos(place, place.folder / "photos")
        model = ["--checkpoint", str(place.seeds.run)]
        return ["predict", "photos", *model, "--json", "--csv", "t.csv", "--annotate", "drawn", "--quiet"]

    def prepare(place: Place) -> Sequence[str]:
        put_raw_classes(place, place.folder / "raw")
        _put_crowd(place, place.folder / "raw" / "fear", 20)
        _put_crowd(place, place.folder / "raw" / "happiness", 15)
        return ["prepare", "raw", "--out", "out", "--quiet", "--gpus", "0"]

    for number in range(4 * repeats):
        check = predicted(csv_file="t.csv", drawn="drawn")
        yield Case(
            f"images/crowd for predict {number + 1}", OWNER, predict, EITHER, 60, check, 120, is_named=number == 0
        )
        yield Case(
            f"images/crowd for prepare {number + 1}", OWNER, prepare, EITHER, 60, prepared(), 120, is_named=number == 0
        )


def _bombs_among_photos(place: Place) -> Sequence[str]:
    put_good_photos(place, place.folder / "photos")
    for bomb in ("png-rgba", "png-grey-16", "tiff-cmyk", "jpeg-progressive"):
        suffix, content = BOMBS[bomb]
        (place.folder / "photos" / f"{bomb}{suffix}").write_bytes(content())
    return ["predict", "photos", "--checkpoint", str(place.seeds.run), "--json", "--quiet"]


def strangers() -> Iterator[Case]:
    """Yield things that are no files, beside good photos or among prepared faces."""

    def predict(kind: str) -> Callable[[Place], Sequence[str]]:
        def make(place: Place) -> Sequence[str]:
            put_good_photos(place, place.folder / "photos")
            NOT_FILES[kind](place.folder / "photos" / "x.jpg")
            again = [] if kind == "folder" else ["photos/x.jpg"]
            return ["predict", "photos", *again, "--checkpoint", str(place.seeds.run), "--json", "--quiet"]

        return make

    yield Case(
        "images/M12 bombs among photos, predict",
        OWNER,
        _bombs_among_photos,
        EITHER,
        4,
        predicted(),
        300,
        1300,
        is_slow=True,
    )
    for kind in NOT_FILES:
        item = "S6" if kind == "loop" else "S5"
        yield Case(f"images/{item} {kind} for predict", OWNER, predict(kind), EITHER, 3, predicted(), is_named=True)


def _in_dataset(command: str, what: str, put: Callable[[Path], object]) -> Callable[[Place], Sequence[str]]:
    def make(place: Place) -> Sequence[str]:
        data = place.folder / "data"
        shutil.copytree(place.seeds.prepared, data)
        split = "train" if command == "train" else "test"
        victim = sorted((data / "dataset").glob(f"{split}_*"))[0]
        victim.unlink()
        put(victim)
        if command == "check":
            return ["check", "--data", "data", "--quiet"]
        if command == "train":
            from tests.hostile.seeds import TRAINING

            return ["train", "--data", "data", "--epochs", "1", *TRAINING]
        return ["eval", str(place.seeds.run), "--data", "data", "--out", "report", "--quiet"]

    return make


DATASET_DAMAGE: dict[str, Callable[[Path], object]] = {
    "60000 x 60000": lambda path: path.write_bytes(BOMBS["png-60000"][1]()),
    "cut": lambda path: path.write_bytes(files.ENCODINGS["jpeg"][1](files.scene(random.Random(1)))[:500]),
    "text": lambda path: path.write_bytes(b"no picture\n"),
    "dds": lambda path: path.write_bytes(files.FOREIGN["dds"](files.scene(random.Random(1)))),
    "jpeg-65500": lambda path: path.write_bytes(BOMBS["jpeg-65500"][1]()),
    **NOT_FILES,
}


def prepared_sets() -> Iterator[Case]:
    """Yield prepared sets with one hostile picture, for eval, check and train."""
    for what, put in DATASET_DAMAGE.items():
        for command in ("eval", "check", "train"):
            item = "M9" if what in ("60000 x 60000", "cut") else "S5"
            # eval counts an unreadable picture as an error, train does without it, and check names it.
            codes = NOT_DONE if command == "check" and what != "cut" else EITHER
            make = _in_dataset(command, what, put)
            yield Case(f"images/{item} {what} in dataset, {command}", OWNER, make, codes, 1, is_named=True)


def cases(repeats: int = 1) -> Iterator[Case]:
    """Yield all cases on pictures."""
    yield from singles(repeats)
    yield from bombs()
    yield from crowds(repeats)
    yield from strangers()
    yield from prepared_sets()
