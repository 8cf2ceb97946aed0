"""Hostile pictures: through the reader one by one, and in folders beside good ones through the commands."""

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.hostile import picture_files as files
from tests.hostile.case import EITHER, NOT_DONE, REFUSED, Case, Place
from tests.hostile.making import PREDICT, PREPARE, at, becomes, copy_of, holds, photos, predicted, prepared, raw
from tests.hostile.mutations import MUTATIONS, NOT_FILES, ODD_STEMS, odd_path

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
        lambda: files.jpeg_of_zeros(64, 64, 3).replace(b"\x08\0\x40\0\x40", b"\x08\xff\xdc\xff\xdc"),
    ),
    "jpeg-progressive": (".jpg", lambda: files.jpeg_of_zeros(SIDE, SIDE, 3, True)),
    "jpeg-cmyk": (".jpg", lambda: files.jpeg_of_zeros(SIDE, SIDE, 4)),
    "tiff-60000": (".tif", lambda: files.tiff(60_000, 60_000, 8, 3)),
    "tiff-int-32": (".tif", lambda: files.tiff(SIDE, SIDE, 32)),
    "tiff-int-16": (".tif", lambda: files.tiff(SIDE, SIDE, 16)),
    "tiff-cmyk": (".tif", lambda: files.tiff(SIDE, SIDE, 8, 4)),
    "tiff-float": (".tif", lambda: files.tiff(SIDE, SIDE, 32, 1, 3)),
    "tiff-loop": (".tif", lambda: files.tiff(48, 48, 8, 3, loop=True)),
    "pgm-16": (".pgm", lambda: f"P5 {SIDE} {SIDE} 65535\n".encode()),
    "ppm-digits": (".ppm", lambda: b"P6 " + b"9" * 10_000 + b" 4 255\n"),
    "ppm-comment": (".ppm", lambda: b"P6 #" + b"x" * (64 << 20)),
    "gif-65535": (".gif", lambda: files.GIF_65535),
    "bmp-60000": (".bmp", lambda: files.BMP_60000),
}


def picture(encode: files.Encode, mutation: str | None = None) -> Callable[[Place], bytes]:
    """Draw a picture and damage its bytes."""

    def of(place: Place) -> bytes:
        content = encode(files.scene(place.rng))
        return MUTATIONS[mutation](content, place.rng) if mutation else content

    return of


def _read(name: str, reader: str, of: bytes | Callable[[Place], bytes], suffix: str = ".jpg", **more: Any) -> Case:
    path = f"picture{suffix}"

    def lengthen(place: Place) -> None:
        if suffix == ".pgm":  # pixels that take no room on the disk
            os.truncate(place.folder / path, (place.folder / path).stat().st_size + 2 * SIDE * SIDE)

    return Case(f"images/{name}", f"reader:{reader} {path}", (at(path, holds(of)), lengthen), **more)


def singles(repeats: int) -> Iterator[Case]:
    """Yield damaged pictures of every encoding, each read alone."""
    for repeat in range(repeats):
        for encoding, (suffix, encode) in files.ENCODINGS.items():
            for number, mutation in enumerate(MUTATIONS):
                reader = ("image", "reduced")[(number + repeat) % 2]
                name = f"{encoding} {mutation}{f' {repeat + 1}' if repeat else ''}"
                yield _read(name, reader, picture(encode, mutation), suffix, codes=EITHER)
    for foreign, encode in files.FOREIGN.items():
        item = "S6 " if foreign in ("dds", "blp", "eps", "psd") else ""
        yield _read(f"{item}{foreign} as jpg", "image", picture(encode))
        yield _read(f"{foreign} as jpg, damaged", "reduced", picture(encode, "flip-head"))
    yield _read("S6 eps that runs", "image", lambda place: files.eps_that_runs(place.canary))


def bombs() -> Iterator[Case]:
    """Yield pictures that are small on the disk and large in memory, through both readers."""
    for bomb, (suffix, make) in BOMBS.items():
        just_under = "60000" not in bomb and "65" not in bomb
        is_slow = (just_under and bomb.split("-")[0] in ("png", "jpeg", "tiff", "pgm")) or bomb == "ppm-comment"
        more: dict[str, Any] = {"codes": EITHER if just_under else REFUSED, "is_slow": is_slow, "seconds": 120}
        for reader in ("image", "reduced"):
            yield _read(f"M12 bomb {bomb}, {reader}", reader, lambda _place, make=make: make(), suffix, **more)


def _crowd(path: str, count: int) -> Callable[[Place], None]:
    """Fill a folder with damaged pictures, foreign formats, odd names and things that are no files."""

    def put(place: Place) -> None:
        folder, rng = place.folder / path, place.rng
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(count):
            suffix, encode = files.ENCODINGS[rng.choice(list(files.ENCODINGS))]
            (folder / f"damaged_{number}{suffix}").write_bytes(picture(encode, rng.choice(list(MUTATIONS)))(place))
        for foreign in rng.sample(list(files.FOREIGN), 8):
            (folder / f"{foreign}.jpg").write_bytes(picture(files.FOREIGN[foreign])(place))
        for name in rng.sample(list(ODD_STEMS), 5):
            odd = picture(files.ENCODINGS["jpeg"][1], rng.choice([None, "cut"]))
            odd_path(folder, ODD_STEMS[name]).write_bytes(odd(place))
        for kind in rng.sample(list(NOT_FILES), 4):
            NOT_FILES[kind](folder / f"{kind}.jpg")

    return put


def folders(repeats: int) -> Iterator[Case]:
    """Yield folders of fifty hostile pictures with good ones between them, for predict and prepare."""
    crowd: dict[str, Any] = {"codes": EITHER, "problems": 60, "seconds": 120}
    in_all_forms = f"{PREDICT} --csv t.csv --annotate drawn"
    for number in range(1, 4 * repeats + 1):
        puts, check = (_crowd("photos/below", 35), photos()), predicted(csv_file="t.csv", drawn="drawn")
        yield Case(f"images/crowd for predict {number}", in_all_forms, puts, check=check, **crowd)
        among_classes = (raw, _crowd("raw/fear", 20), _crowd("raw/happiness", 15))
        yield Case(f"images/crowd for prepare {number}", PREPARE, among_classes, check=prepared, **crowd)

    bombs = [at(f"photos/{bomb}{BOMBS[bomb][0]}", holds(lambda _place, make=BOMBS[bomb][1]: make())) for bomb in BIG]
    limits: dict[str, Any] = {"problems": 4, "seconds": 300, "megabytes": 1300, "is_slow": True}
    more: dict[str, Any] = {"codes": EITHER, "check": predicted()}
    yield Case("images/M12 bombs among photos, predict", PREDICT, (photos(), *bombs), **more, **limits)
    for kind in NOT_FILES:
        line = PREDICT if kind == "folder" else PREDICT.replace("photos", "photos photos/x.jpg")
        beside = (photos(), at("photos/x.jpg", becomes(kind)))
        yield Case(f"images/{'S6' if kind == 'loop' else 'S5'} {kind} for predict", line, beside, **more, problems=3)


BIG = ("png-rgba", "png-grey-16", "tiff-cmyk", "jpeg-progressive")

IN_DATASET = {
    "60000 x 60000": holds(lambda _place: BOMBS["png-60000"][1]()),
    "cut": holds(lambda _place: files.ENCODINGS["jpeg"][1](files.scene(random.Random(1)))[:500]),
    "text": holds(b"no picture\n"),
    "dds": holds(lambda _place: files.FOREIGN["dds"](files.scene(random.Random(1)))),
    "jpeg-65500": holds(lambda _place: BOMBS["jpeg-65500"][1]()),
    **{kind: becomes(kind) for kind in NOT_FILES},
}
LINES = {
    "eval": "eval {run} --data data --out report --quiet",
    "check": "check --data data --quiet",
    "train": "train --data data --epochs 1 {training}",
}


def prepared_sets() -> Iterator[Case]:
    """Yield prepared sets with one hostile picture, for eval, check and train."""
    for what, damage in IN_DATASET.items():
        for command, line in LINES.items():

            def put(place: Place, split: str = "train" if command == "train" else "test", damage: Any = damage) -> None:
                victim: Path = min((place.folder / "data" / "dataset").glob(f"{split}_*"))
                victim.unlink()
                damage(place, victim)

            item = "M9" if what in ("60000 x 60000", "cut") else "S5"
            # eval counts an unreadable picture as an error, train does without it, and check names it.
            codes = NOT_DONE if command == "check" and what != "cut" else EITHER
            yield Case(f"images/{item} {what} in dataset, {command}", line, (copy_of("prepared", "data"), put), codes)


def cases(repeats: int = 1) -> Iterator[Case]:
    """Yield all cases on pictures."""
    yield from singles(repeats)
    yield from bombs()
    yield from folders(repeats)
    yield from prepared_sets()
