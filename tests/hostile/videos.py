"""Hostile videos, given to predict beside a good photo and a good video."""

import json
import shutil
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.hostile.case import EITHER, REFUSED, Case, Fault, Outcome, Place
from tests.hostile.mutations import MUTATIONS, NOT_FILES, ODD_STEMS, odd_path
from tests.hostile.neighbours import put_good_photos
from tests.hostile.seeds import CLIPS, FRAMES

OWNER = "image-wall"
EVERY = 4


def _neighbours(place: Place, outcome: Outcome) -> Iterator[Fault]:
    """Find the good photo and all classified frames of the good clip in the results."""
    try:
        images = json.loads(outcome.stdout)["images"]
        good = [image for image in images if Path(image["image"]).name == "good_0.jpg" and image["status"] == "ok"]
        frames = [image for image in images if Path(image["image"]).name == "good.mp4" and image["status"] == "ok"]
    except (ValueError, KeyError, TypeError):
        good = frames = []
    if not good or len(frames) != FRAMES // EVERY:
        yield Fault("lost", f"{len(good)} of 1 good photos, {len(frames)} of {FRAMES // EVERY} frames of the good clip")


def _case(
    name: str, put: Callable[[Place, Path], object], suffix: str = ".mp4", codes: frozenset[int] = EITHER, **more: Any
) -> Case:
    bad = odd_path(Path(), more.pop("file_name", b"bad"), suffix).name

    def make(place: Place) -> Sequence[str]:
        put_good_photos(place, place.folder, 1)
        shutil.copy(place.seeds.clip(".mp4"), place.folder / "good.mp4")
        put(place, place.folder / bad)
        drawn = ["--annotate", "drawn", place.rng.choice(("--explain", "--track"))] if place.rng.random() < 0.3 else []
        first = f"./{bad}" if bad.startswith("-") else bad
        options = ["--checkpoint", str(place.seeds.run), "--every", str(EVERY), "--json", "--quiet"]
        return ["predict", first, "good_0.jpg", "good.mp4", *options, *drawn]

    # Longer than the reader's own limit for one frame, which ends what hangs.
    return Case(f"videos/{name}", OWNER, make, codes, check=_neighbours, seconds=150, **more)


def _damaged(suffix: str, change: Callable[[bytes], bytes]) -> Callable[[Place, Path], object]:
    return lambda place, path: path.write_bytes(change(place.seeds.clip(suffix).read_bytes()))


def _atom(name: bytes, offset: int, value: bytes) -> Callable[[bytes], bytes]:
    """Overwrite bytes after the last occurrence of an atom's name."""

    def change(content: bytes) -> bytes:
        place = content.rindex(name) + len(name) + offset
        return content[:place] + value + content[place + len(value) :]

    return change


BIG = struct.pack(">I", 60_000 << 16)
LIES: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "mp4: 60,000 x 60,000 in tkhd": (".mp4", _atom(b"tkhd", 76, BIG + BIG)),
    "mp4: 60,000 x 60,000 in mp4v": (".mp4", _atom(b"mp4v", 24, b"\xea\x60\xea\x60")),
    "mp4: no pixels": (".mp4", _atom(b"mp4v", 24, b"\0\0\0\0")),
    "mp4: a time scale of 0": (".mp4", _atom(b"mdhd", 12, b"\0\0\0\0")),
    "mp4: a time scale of 2 ** 31": (".mp4", _atom(b"mdhd", 12, b"\x7f\xff\xff\xff")),
    "mp4: a duration of 2 ** 32": (".mp4", _atom(b"mdhd", 16, b"\xff\xff\xff\xff")),
    "mp4: 2 ** 31 samples": (".mp4", _atom(b"stsz", 8, b"\x7f\xff\xff\xff")),
    "mp4: samples of 2 ** 31 bytes": (".mp4", _atom(b"stsz", 4, b"\x7f\xff\xff\xff")),
    "mp4: 2 ** 31 chunks": (".mp4", _atom(b"stco", 4, b"\x7f\xff\xff\xff")),
    "mp4: chunks far away": (".mp4", _atom(b"stco", 8, b"\xff\xff\xff\xff")),
    "mp4: 2 ** 31 times": (".mp4", _atom(b"stts", 4, b"\x7f\xff\xff\xff")),
    "mp4: a delta of 2 ** 32": (".mp4", _atom(b"stts", 12, b"\xff\xff\xff\xff")),
    "mp4: an atom of 2 ** 32": (".mp4", _atom(b"moov", -8, b"\xff\xff\xff\xff")),
    "mp4: an atom in itself": (".mp4", _atom(b"trak", -8, b"\0\0\0\1")),
    "mp4: unknown codec": (".mp4", lambda content: content.replace(b"mp4v", b"zzzz")),
    "mp4: no index": (".mp4", lambda content: content[: content.rindex(b"moov") - 4]),
    "avi: 60,000 x 60,000": (".avi", _atom(b"avih", 36, struct.pack("<II", 60_000, 60_000))),
    "avi: 60,000 x 60,000 in strf": (".avi", _atom(b"strf", 8, struct.pack("<ii", 60_000, 60_000))),
    "avi: 2 ** 32 frames": (".avi", _atom(b"avih", 20, b"\xff\xff\xff\xff")),
    "avi: a rate of 0": (".avi", _atom(b"strh", 24, struct.pack("<II", 0, 0))),
    "avi: an index of 2 ** 32": (".avi", lambda content: content.replace(b"idx1", b"idx1\xff\xff\xff\xff")),
}
PLAYLISTS: dict[str, bytes] = {
    "HLS playlist of a local file": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\ngood.mp4\n#EXT-X-ENDLIST\n",
    "HLS playlist of a device": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///dev/zero\n#EXT-X-ENDLIST\n",
    "HLS playlist of a web page": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n",
    "concat script": b"ffconcat version 1.0\nfile good.mp4\n",
    "concat script of a device": b"ffconcat version 1.0\nfile /dev/zero\n",
    "DASH manifest": (
        b"<?xml version='1.0'?><MPD type='static'><Period><AdaptationSet><Representation id='1'>"
        b"<BaseURL>good.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>"
    ),
    "SDP description": (
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
        b"m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
    ),
    "text": b"no video\n" * 99,
    "nothing": b"",
    "zeros": bytes(1 << 20),
}
"""Contents without a video that a decoder follows elsewhere, or waits for."""

PROTOCOL_NAMES = (
    b"pipe:0",
    b"concat:good.mp4|good",
    b"data:video",
    b"file:good",
    b"subfile,,start,0,end,99,,:good",
    b"frame%03d",
    b"http:127.0.0.1",
)


def cases(repeats: int = 1) -> Iterator[Case]:
    """Yield all cases on videos."""
    copy: Callable[[Place, Path], object] = lambda place, path: shutil.copy(place.seeds.clip(path.suffix), path)  # noqa: E731
    for suffix in CLIPS:
        yield _case(f"good {suffix}", copy, suffix, frozenset((0,)), is_named=suffix == ".mp4")
        # A tenth of the file: what can be decoded is reported, and the rest is missed aloud.
        cut = _damaged(suffix, lambda content: content[: len(content) // 10])
        item = "small: " if suffix in (".mpeg", ".wmv") else ""
        yield _case(f"{item}{suffix} cut to a tenth", cut, suffix, REFUSED, is_named=bool(item))
        half = _damaged(suffix, lambda content: content[: len(content) // 2])
        yield _case(f"{suffix} cut in half", half, suffix, REFUSED)
    for repeat in range(repeats):
        for number, suffix in enumerate(CLIPS):
            for mutation in list(MUTATIONS)[(number + repeat) % 2 :: 2]:
                put = lambda place, path, m=mutation: path.write_bytes(  # type: ignore[misc]  # noqa: E731
                    MUTATIONS[m](place.seeds.clip(path.suffix).read_bytes(), place.rng)
                )
                yield _case(f"{suffix} {mutation} {repeat + 1}", put, suffix)
    for what, (suffix, change) in LIES.items():
        yield _case(what, _damaged(suffix, change), suffix)
    for what, content in PLAYLISTS.items():
        yield _case(
            what, lambda _place, path, c=content: path.write_bytes(c), ".mp4", REFUSED, is_named="device" in what
        )  # type: ignore[misc]
    for name, stem in ODD_STEMS.items():
        item = "S4 " if name == "latin-1" else ""
        yield _case(
            f"{item}name: {name}", copy, ".mp4", file_name=stem, is_named=bool(item) or name in ("escape", "250-bytes")
        )
    for stem in PROTOCOL_NAMES:
        yield _case(f"name: {stem.decode()}", copy, ".mp4", file_name=stem)
    for kind, make in NOT_FILES.items():
        put = lambda _place, path, m=make: m(path)  # type: ignore[misc]  # noqa: E731
        if kind != "folder":
            yield _case(f"S5 {kind}", put, ".mp4", REFUSED, is_named=kind in ("fifo", "endless", "loop"))
    yield from _below_odd_folders()


def _below_odd_folders() -> Iterator[Case]:
    for name in ("latin-1", "newline", "escape"):

        def make(place: Place, s: bytes = ODD_STEMS[name]) -> Sequence[str]:
            data = odd_path(place.folder, s, "")
            shutil.copytree(place.seeds.prepared, data)
            return ["eval", str(place.seeds.run), "--data", data.name, "--out", "report", "--json", "--quiet"]

        yield Case(f"videos/S4 eval below a folder: {name}", "eval", make, EITHER, is_named=name == "latin-1")
