"""Hostile videos, given to predict beside a good photo and a good video."""

import json
import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.hostile.case import DONE, EITHER, REFUSED, Case, Fault, Outcome, Place
from tests.hostile.making import Damage, becomes, holds, mutated, photos
from tests.hostile.mutations import MUTATIONS, NOT_FILES, ODD_STEMS, odd_path
from tests.hostile.seeds import CLIPS, FRAMES

EVERY = 4


def _neighbours(_place: Place, outcome: Outcome) -> Iterator[Fault]:
    """Find the good photo and all classified frames of the good clip in the results."""
    try:
        images = json.loads(outcome.stdout)["images"]
        found = [Path(image["image"]).name for image in images if image["status"] == "ok"]
    except (ValueError, KeyError, TypeError):
        found = []
    if "good_0.jpg" not in found or found.count("good.mp4") != FRAMES // EVERY:
        yield Fault("lost", f"the good photo, or some of {FRAMES // EVERY} frames of the good clip: only {found}")


def _case(
    name: str, damage: Damage, suffix: str = ".mp4", codes: frozenset[int] = EITHER, stem: bytes = b"bad"
) -> Case:
    """Give predict a good clip, after some damage."""
    bad = odd_path(Path(), stem, suffix).name

    def put(place: Place) -> None:
        shutil.copy(place.seeds.clip(".mp4"), place.folder / "good.mp4")
        shutil.copy(place.seeds.clip(suffix), place.folder / bad)
        damage(place, place.folder / bad)

    def line(place: Place) -> list[str]:
        drawn = ["--annotate", "drawn", place.rng.choice(("--explain", "--track"))] if place.rng.random() < 0.3 else []
        options = f"good_0.jpg good.mp4 --checkpoint {{run}} --every {EVERY} --json --quiet"
        return ["predict", f"./{bad}" if bad.startswith("-") else bad, *place.seeds.words(options), *drawn]

    # Longer than the reader's own limit for one frame, which ends what hangs.
    return Case(f"videos/{name}", line, (photos(".", 1), put), codes, check=_neighbours, seconds=150)


Change = Callable[[bytes], bytes]


def _changed(change: Change) -> Damage:
    return lambda _place, path: path.write_bytes(change(path.read_bytes()))


def _atom(name: bytes, offset: int, value: bytes) -> Change:
    """Overwrite bytes after the last occurrence of an atom's name."""

    def change(content: bytes) -> bytes:
        place = content.rindex(name) + len(name) + offset
        return content[:place] + value + content[place + len(value) :]

    return change


BIG = struct.pack(">I", 60_000 << 16)
LIES: dict[str, Change] = {
    "mp4: 60,000 x 60,000 in tkhd": _atom(b"tkhd", 76, BIG + BIG),
    "mp4: 60,000 x 60,000 in mp4v": _atom(b"mp4v", 24, b"\xea\x60\xea\x60"),
    "mp4: no pixels": _atom(b"mp4v", 24, b"\0\0\0\0"),
    "mp4: a time scale of 0": _atom(b"mdhd", 12, b"\0\0\0\0"),
    "mp4: a time scale of 2 ** 31": _atom(b"mdhd", 12, b"\x7f\xff\xff\xff"),
    "mp4: a duration of 2 ** 32": _atom(b"mdhd", 16, b"\xff\xff\xff\xff"),
    "mp4: 2 ** 31 samples": _atom(b"stsz", 8, b"\x7f\xff\xff\xff"),
    "mp4: samples of 2 ** 31 bytes": _atom(b"stsz", 4, b"\x7f\xff\xff\xff"),
    "mp4: 2 ** 31 chunks": _atom(b"stco", 4, b"\x7f\xff\xff\xff"),
    "mp4: chunks far away": _atom(b"stco", 8, b"\xff\xff\xff\xff"),
    "mp4: 2 ** 31 times": _atom(b"stts", 4, b"\x7f\xff\xff\xff"),
    "mp4: a delta of 2 ** 32": _atom(b"stts", 12, b"\xff\xff\xff\xff"),
    "mp4: an atom of 2 ** 32": _atom(b"moov", -8, b"\xff\xff\xff\xff"),
    "mp4: an atom in itself": _atom(b"trak", -8, b"\0\0\0\1"),
    "mp4: unknown codec": lambda content: content.replace(b"mp4v", b"zzzz"),
    "mp4: no index": lambda content: content[: content.rindex(b"moov") - 4],
    "avi: 60,000 x 60,000": _atom(b"avih", 36, struct.pack("<II", 60_000, 60_000)),
    "avi: 60,000 x 60,000 in strf": _atom(b"strf", 8, struct.pack("<ii", 60_000, 60_000)),
    "avi: 2 ** 32 frames": _atom(b"avih", 20, b"\xff\xff\xff\xff"),
    "avi: a rate of 0": _atom(b"strh", 24, struct.pack("<II", 0, 0)),
    "avi: an index of 2 ** 32": lambda content: content.replace(b"idx1", b"idx1\xff\xff\xff\xff"),
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
    no_damage: Damage = lambda _place, _path: None  # noqa: E731
    for suffix in CLIPS:
        yield _case(f"good {suffix}", no_damage, suffix, DONE)
        # A tenth of the file: what can be decoded is reported, and the rest is missed aloud.
        item = "small: " if suffix in (".mpeg", ".wmv") else ""
        tenth, half = (_changed(lambda content, part=part: content[: len(content) // part]) for part in (10, 2))
        yield _case(f"{item}{suffix} cut to a tenth", tenth, suffix, REFUSED)
        yield _case(f"{suffix} cut in half", half, suffix, REFUSED)
    for repeat in range(repeats):
        for number, suffix in enumerate(CLIPS):
            for mutation in list(MUTATIONS)[(number + repeat) % 2 :: 2]:
                yield _case(f"{suffix} {mutation} {repeat + 1}", mutated(mutation), suffix)
    for what, change in LIES.items():
        yield _case(what, _changed(change), f".{what.partition(':')[0]}")
    for what, content in PLAYLISTS.items():
        yield _case(what, holds(content), codes=REFUSED)
    for name, stem in ODD_STEMS.items():
        yield _case(f"{'S4 ' if name == 'latin-1' else ''}name: {name}", no_damage, stem=stem)
    for stem in PROTOCOL_NAMES:
        yield _case(f"name: {stem.decode()}", no_damage, stem=stem)
    for kind in NOT_FILES:
        if kind != "folder":
            yield _case(f"S5 {kind}", becomes(kind), codes=REFUSED)
    for name in ("latin-1", "newline", "escape"):

        def line(place: Place, stem: bytes = ODD_STEMS[name]) -> list[str]:
            data = odd_path(place.folder, stem, "")
            shutil.copytree(place.seeds.prepared, data)
            return [*place.seeds.words("eval {run} --out report --json --quiet --data"), data.name]

        yield Case(f"videos/S4 eval below a folder: {name}", line, (), EITHER)
