"""Hostile pictures: through the reader one by one, and in folders beside good ones through the commands."""

import os
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.hostile import picture_files as files
from tests.hostile.case import EITHER, NOT_DONE, REFUSED, Case, Place
from tests.hostile.making import PREPARE, case, copy_of, photos, raw, thing
from tests.hostile.mutations import MUTATIONS, NOT_FILES, ODD_STEMS, odd_path
from tests.hostile.neighbours import predicted, prepared

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

    def among_photos(place: Place) -> None:
        _put_crowd(place, place.folder / "photos" / "below", 35)

    def among_classes(place: Place) -> None:
        _put_crowd(place, place.folder / "raw" / "fear", 20)
        _put_crowd(place, place.folder / "raw" / "happiness", 15)

    predict = "predict photos --checkpoint {run} --json --csv t.csv --annotate drawn --quiet"
    for number in range(4 * repeats):
        more: dict[str, Any] = {"codes": EITHER, "problems": 60, "seconds": 120, "is_named": number == 0}
        check, puts = predicted(csv_file="t.csv", drawn="drawn"), (among_photos, photos())
        yield case(f"images/crowd for predict {number + 1}", OWNER, predict, *puts, check=check, **more)
        name = f"images/crowd for prepare {number + 1}"
        yield case(name, OWNER, PREPARE, raw, among_classes, check=prepared(), **more)


def strangers() -> Iterator[Case]:
    """Yield bombs and things that are no files, beside good photos."""

    def bombs_among_them(place: Place) -> None:
        for bomb in ("png-rgba", "png-grey-16", "tiff-cmyk", "jpeg-progressive"):
            suffix, content = BOMBS[bomb]
            (place.folder / "photos" / f"{bomb}{suffix}").write_bytes(content())

    line = "predict photos %s --checkpoint {run} --json --quiet"
    more: dict[str, Any] = {"codes": EITHER, "check": predicted()}
    limits = {"problems": 4, "seconds": 300, "megabytes": 1300, "is_slow": True}
    puts = (photos(), bombs_among_them)
    yield case("images/M12 bombs among photos, predict", OWNER, line % "", *puts, **more, **limits)
    for kind in NOT_FILES:
        name = f"images/{'S6' if kind == 'loop' else 'S5'} {kind} for predict"
        again = line % ("" if kind == "folder" else "photos/x.jpg")
        yield case(name, OWNER, again, photos(), thing(kind, "photos/x.jpg"), **more, problems=3, is_named=True)


DATASET_DAMAGE: dict[str, Callable[[Path], object]] = {
    "60000 x 60000": lambda path: path.write_bytes(BOMBS["png-60000"][1]()),
    "cut": lambda path: path.write_bytes(files.ENCODINGS["jpeg"][1](files.scene(random.Random(1)))[:500]),
    "text": lambda path: path.write_bytes(b"no picture\n"),
    "dds": lambda path: path.write_bytes(files.FOREIGN["dds"](files.scene(random.Random(1)))),
    "jpeg-65500": lambda path: path.write_bytes(BOMBS["jpeg-65500"][1]()),
    **NOT_FILES,
}


DATASET_COMMANDS = {
    "eval": "eval {run} --data data --out report --quiet",
    "check": "check --data data --quiet",
    "train": "train --data data --epochs 1 {training}",
}


def prepared_sets() -> Iterator[Case]:
    """Yield prepared sets with one hostile picture, for eval, check and train."""
    for what, damage in DATASET_DAMAGE.items():
        for command, line in DATASET_COMMANDS.items():

            def put(place: Place, d: Callable[[Path], object] = damage, c: str = command) -> None:
                split = "train" if c == "train" else "test"
                victim = sorted((place.folder / "data" / "dataset").glob(f"{split}_*"))[0]
                victim.unlink()
                d(victim)

            item = "M9" if what in ("60000 x 60000", "cut") else "S5"
            # eval counts an unreadable picture as an error, train does without it, and check names it.
            codes = NOT_DONE if command == "check" and what != "cut" else EITHER
            name = f"images/{item} {what} in dataset, {command}"
            yield case(name, OWNER, line, copy_of("prepared", "data"), put, codes=codes, is_named=True)


def cases(repeats: int = 1) -> Iterator[Case]:
    """Yield all cases on pictures."""
    yield from singles(repeats)
    yield from bombs()
    yield from crowds(repeats)
    yield from strangers()
    yield from prepared_sets()
