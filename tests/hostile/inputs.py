"""Hostile inputs that are no files of a folder: web servers' answers, list files, and stdin; and HEIC's dimensions."""

import os
import random
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.hostile import picture_files as files
from tests.hostile.case import EITHER, NOT_DONE, REFUSED, WRONG_USAGE, Case, Place
from tests.hostile.mutations import MUTATIONS, NOT_FILES, ODD_STEMS
from tests.hostile.neighbours import predicted, put_good_photos

OWNER = "predict-inputs"
TALL = struct.pack(">II", 60_000, 60_000)


def _answer(head: str, body: bytes = b"") -> bytes:
    return head.replace("\n", "\r\n").encode("latin-1") + body


def _photo(rng: random.Random) -> bytes:
    return files.ENCODINGS["jpeg"][1](files.scene(rng))


def _good_answer(rng: random.Random) -> bytes:
    photo = _photo(rng)
    return _answer(f"HTTP/1.1 200 OK\nContent-Length: {len(photo)}\nConnection: close\n\n", photo)


ANSWERS: dict[str, Callable[[random.Random], bytes]] = {
    "nothing": lambda _r: b"",
    "no status line": lambda _r: b"\0\xff" * 99,
    "a status line without end": lambda _r: b"HTTP/1.1 " + b"2" * (1 << 20),
    "a reason with escapes": lambda _r: _answer("HTTP/1.1 500 \x1b[31mampnet: forged\x07\n\n"),
    "a reason of a megabyte": lambda _r: _answer(f"HTTP/1.1 404 {'x' * (1 << 20)}\n\n"),
    "a status of 0": lambda _r: _answer("HTTP/1.1 000 no\n\n"),
    "100,000 headers": lambda r: _answer("HTTP/1.1 200 OK\n" + "a: b\n" * 100_000 + "\n", _photo(r)),
    "a header of a megabyte": lambda r: _answer(f"HTTP/1.1 200 OK\na: {'b' * (1 << 20)}\n\n", _photo(r)),
    "10,000 times continue": lambda _r: _answer("HTTP/1.1 100 Continue\n\n" * 10_000),
    "a length of -1": lambda r: _answer("HTTP/1.1 200 OK\nContent-Length: -1\n\n", _photo(r)),
    "a length of 2 ** 63": lambda r: _answer(f"HTTP/1.1 200 OK\nContent-Length: {2**63}\n\n", _photo(r)),
    "a length of 5,000 digits": lambda r: _answer(f"HTTP/1.1 200 OK\nContent-Length: {'9' * 5000}\n\n", _photo(r)),
    "a length in words": lambda r: _answer("HTTP/1.1 200 OK\nContent-Length: many\n\n", _photo(r)),
    "a length that is too short": lambda r: _answer("HTTP/1.1 200 OK\nContent-Length: 99\n\n", _photo(r)),
    "a length that is too long": lambda r: _answer("HTTP/1.1 200 OK\nContent-Length: 99999\n\n", _photo(r)),
    "chunks of 2 ** 64": lambda _r: _answer("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\nffffffffffffffff\n", b"x"),
    "chunks of -1": lambda _r: _answer("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n-1\n", b"x"),
    "chunks in words": lambda _r: _answer("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\nmany\n", b"x"),
    "a compressed body": lambda _r: _answer("HTTP/1.1 200 OK\nContent-Encoding: gzip\n\n", b"\x1f\x8b" + bytes(999)),
    "no content": lambda _r: _answer("HTTP/1.1 204 No Content\n\n"),
    "a page": lambda _r: _answer("HTTP/1.1 200 OK\nContent-Type: text/html\n\n", b"<html>" * 99),
    "a redirect to itself": lambda _r: _answer("HTTP/1.1 302 Found\nLocation: /photo.jpg\n\n"),
    "a redirect to a file": lambda _r: _answer("HTTP/1.1 302 Found\nLocation: file:///etc/hostname\n\n"),
    "a redirect to nowhere": lambda _r: _answer("HTTP/1.1 302 Found\n\n"),
    "a redirect to a metadata service": lambda _r: _answer("HTTP/1.1 302 Found\nLocation: http://169.254.169.254/\n\n"),
    "a redirect to a forged line": lambda _r: _answer(
        "HTTP/1.1 302 Found\nLocation: http://\x1b[2J%0aampnet: forged\n\n"
    ),
    "a redirect to a port of 5,000 digits": lambda _r: _answer(
        f"HTTP/1.1 302 Found\nLocation: http://127.0.0.1:{'9' * 5000}/\n\n"
    ),
    "a redirect to an open bracket": lambda _r: _answer("HTTP/1.1 302 Found\nLocation: http://[::1/\n\n"),
}
"""What a server sends, to the last byte, before it hangs up."""

LOCAL_ADDRESSES = (
    "http://127.0.0.1:9/a.jpg",
    "http://[::1]:9/a.jpg",
    "http://2130706433/a.jpg",
    "http://0/a.jpg",
    "http://169.254.169.254/latest",
    "http://[::ffff:10.0.0.1]/a.jpg",
    "http://user:secret@10.0.0.1/a.jpg",
    "http://",
    "http://[",
    "http://a:b:c/",
    "HTTP://127.1/" + "x" * 5000,
)

LISTS: dict[str, Callable[[Place], bytes]] = {
    "local addresses": lambda _p: "\n".join(LOCAL_ADDRESSES).encode(),
    "odd names": lambda _p: b"\n".join(stem.replace(b"\n", b"") + b".jpg" for stem in ODD_STEMS.values()),
    "itself": lambda _p: b"list.txt\n./list.txt\n",
    "null bytes": lambda _p: b"a\0b.jpg\n\0\n",
    "a name of 100,000 bytes": lambda _p: b"n" * 100_000,
    "noise": lambda p: p.rng.randbytes(4000),
    "stdin, options and devices": lambda _p: b"-\n--force\n/dev/zero\n/dev/stdin\n/proc/self/mem\n/\n"[:-3],
    "patterns": lambda _p: b"*.jpg\n**/*\n[a-\n",
    "UTF-16": lambda _p: "good_0.jpg\n".encode("utf-16"),
}


def cases(repeats: int = 1) -> Iterator[Case]:
    """Yield all cases on inputs."""
    for what, answer in ANSWERS.items():
        is_named = what in ("a redirect to a file", "a reason with escapes")
        yield _of_a_server(what, answer, is_named=is_named)
    for repeat in range(repeats):
        for mutation, change in MUTATIONS.items():
            yield _of_a_server(f"{mutation} {repeat + 1}", lambda r, c=change: c(_good_answer(r), r))  # type: ignore[misc]
            yield _on_stdin(f"{mutation} {repeat + 1}", lambda p, c=change: c(_photo(p.rng), p.rng))  # type: ignore[misc]
    for what, content in LISTS.items():
        yield _of_a_list(what, content, is_named=what == "local addresses")
    for kind, make in NOT_FILES.items():
        yield _that_is_no_list(kind, make)
    for what, data in {"nothing": b"", "text": b"milk, eggs\n", "a mark of HEIC": b"\0\0\0\x18ftypheic"}.items():
        yield _on_stdin(what, lambda _p, d=data: d, REFUSED)  # type: ignore[misc]
    for what, device in {"a folder": ".", "an endless device": "/dev/zero"}.items():
        yield Case(
            f"inputs/{what} on stdin",
            OWNER,
            lambda place: _command(place, "-"),
            NOT_DONE,
            2,
            stdin=device,
            megabytes=1500,
            is_named=True,
            is_slow=device == "/dev/zero",
        )
    for encoding in files.ENCODINGS:
        if encoding in ("heic", "avif"):
            yield _too_large(encoding)


def _command(place: Place, *inputs: str) -> list[str]:
    put_good_photos(place, place.folder)
    return ["predict", *inputs, "--checkpoint", str(place.seeds.run), "--json", "--quiet"]


def _of_a_server(what: str, answer: Callable[[random.Random], bytes], is_named: bool = False) -> Case:
    def make(place: Place) -> Sequence[str]:
        (place.folder / "answer").write_bytes(answer(place.rng))
        return ["reader:web", "answer"]

    return Case(f"inputs/server: {what}", OWNER, make, EITHER, is_named=is_named)


def _of_a_list(what: str, content: Callable[[Place], bytes], is_named: bool = False) -> Case:
    def make(place: Place) -> Sequence[str]:
        (place.folder / "list.txt").write_bytes(b"good_0.jpg\n" + content(place) + b"\ngood_1.jpg\n")
        return _command(place, "--list", "list.txt")

    many = 200  # a line for each input that cannot be read
    return Case(f"inputs/list: {what}", OWNER, make, EITHER, many, predicted(), is_named=is_named)


def _that_is_no_list(kind: str, put: Callable[[Path], Path]) -> Case:
    def make(place: Place) -> Sequence[str]:
        put(place.folder / "list.txt")
        return _command(place, "--list", "list.txt")

    return Case(f"inputs/list that is {kind}", OWNER, make, WRONG_USAGE)


def _on_stdin(what: str, content: Callable[[Place], bytes], codes: frozenset[int] = EITHER) -> Case:
    def make(place: Place) -> Sequence[str]:
        (place.folder / "stdin").write_bytes(content(place))
        return _command(place, "-", "good_0.jpg")

    return Case(f"inputs/stdin: {what}", OWNER, make, codes, check=predicted(1), stdin="stdin")


def _too_large(encoding: str) -> Case:
    """Let the box of a photo's size promise 3.6 thousand million pixels."""

    def make(place: Place) -> Sequence[str]:
        suffix, encode = files.ENCODINGS[encoding]
        data = encode(files.scene(place.rng))
        at = data.index(b"ispe") + 8
        path = place.folder / f"picture{suffix}"
        path.write_bytes(data[:at] + TALL + data[at + len(TALL) :])
        return ["reader:image", os.fspath(path)]

    return Case(f"inputs/{encoding} of 60,000 x 60,000", OWNER, make, REFUSED, is_named=True)
