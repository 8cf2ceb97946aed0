"""Hostile inputs that are no files of a folder: web servers' answers, list files, and stdin; and HEIC's dimensions."""

import random
import struct
from collections.abc import Callable, Iterator
from typing import Any

from tests.hostile import picture_files as files
from tests.hostile.case import EITHER, NOT_DONE, REFUSED, WRONG_USAGE, Case, Place
from tests.hostile.making import at, becomes, holds, photos, predicted
from tests.hostile.mutations import MUTATIONS, NOT_FILES, ODD_STEMS

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

LISTS: dict[str, bytes | Callable[[Place], bytes]] = {
    "local addresses": "\n".join(LOCAL_ADDRESSES).encode(),
    "odd names": b"\n".join(stem.replace(b"\n", b"") + b".jpg" for stem in ODD_STEMS.values()),
    "itself": b"list.txt\n./list.txt\n",
    "null bytes": b"a\0b.jpg\n\0\n",
    "a name of 100,000 bytes": b"n" * 100_000,
    "noise": lambda place: place.rng.randbytes(4000),
    "stdin, options and devices": b"-\n--force\n/dev/zero\n/dev/stdin\n/proc/self/mem",
    "patterns": b"*.jpg\n**/*\n[a-\n",
    "UTF-16": "good_0.jpg\n".encode("utf-16"),
}
LINE = "predict %s --checkpoint {run} --json --quiet"


def cases(repeats: int = 1) -> Iterator[Case]:
    """Yield all cases on inputs."""
    for what, answer in ANSWERS.items():
        yield _of_a_server(what, answer)
    for repeat in range(repeats):
        for mutation, change in MUTATIONS.items():
            yield _of_a_server(f"{mutation} {repeat + 1}", lambda rng, change=change: change(_good_answer(rng), rng))
            damaged = lambda place, change=change: change(_photo(place.rng), place.rng)  # noqa: E731
            yield _on_stdin(f"{mutation} {repeat + 1}", damaged, EITHER)
    good, line = photos("."), LINE % "--list list.txt"
    for what, of in LISTS.items():
        put = at("list.txt", lambda place, path, of=of: path.write_bytes(_among_good(of, place)))
        more: dict[str, Any] = {"problems": 200, "check": predicted()}  # a line for each that cannot be read
        yield Case(f"inputs/list: {what}", line, (put, good), EITHER, **more)
    for kind in NOT_FILES:
        yield Case(f"inputs/list that is {kind}", line, (at("list.txt", becomes(kind)), good), WRONG_USAGE)
    for what, data in {"nothing": b"", "text": b"milk, eggs\n", "a mark of HEIC": b"\0\0\0\x18ftypheic"}.items():
        yield _on_stdin(what, data, REFUSED)
    for what, device in {"a folder": ".", "an endless device": "/dev/zero"}.items():
        more = {"stdin": device, "megabytes": 1500, "problems": 2, "is_slow": device == "/dev/zero"}
        yield Case(f"inputs/{what} on stdin", LINE % "-", (good,), NOT_DONE, **more)
    for encoding in (name for name in ("heic", "avif") if name in files.ENCODINGS):
        suffix, encode = files.ENCODINGS[encoding]
        put = at(f"picture{suffix}", holds(lambda place, encode=encode: _too_large(encode(files.scene(place.rng)))))
        yield Case(f"inputs/{encoding} of 60,000 x 60,000", f"reader:image picture{suffix}", (put,))


def _of_a_server(what: str, answer: Callable[[random.Random], bytes]) -> Case:
    put = at("answer", holds(lambda place: answer(place.rng)))
    return Case(f"inputs/server: {what}", "reader:web answer", (put,), EITHER)


def _on_stdin(what: str, of: bytes | Callable[[Place], bytes], codes: frozenset[int]) -> Case:
    puts = (at("stdin", holds(of)), photos("."))
    return Case(f"inputs/stdin: {what}", LINE % "- good_0.jpg", puts, codes, check=predicted(1), stdin="stdin")


def _among_good(lines: bytes | Callable[[Place], bytes], place: Place) -> bytes:
    return b"good_0.jpg\n" + (lines if isinstance(lines, bytes) else lines(place)) + b"\ngood_1.jpg\n"


def _too_large(data: bytes) -> bytes:
    """Let the box of a photo's size promise 3.6 thousand million pixels."""
    at = data.index(b"ispe") + 8
    return data[:at] + TALL + data[at + len(TALL) :]
