"""Damage to the bytes of any file, odd file names, and what may stand where a file is expected."""

import os
import random
import socket
from collections.abc import Callable
from pathlib import Path


def cut(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content))] if content else content


def cut_end(content: bytes, rng: random.Random) -> bytes:
    return content[: -rng.randint(1, 16)]


def flip_bits(content: bytes, rng: random.Random, count: int = 40) -> bytes:
    data = bytearray(content)
    for _ in range(count):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def flip_bit(content: bytes, rng: random.Random) -> bytes:
    return flip_bits(content, rng, 1)


def flip_head(content: bytes, rng: random.Random) -> bytes:
    """Flip bits in the first bytes, where headers are."""
    return flip_bits(content[:64], rng, 6) + content[64:]


def zero_run(content: bytes, rng: random.Random) -> bytes:
    """Overwrite a part with zeros, as a disk does that lost a block."""
    start = rng.randrange(len(content))
    length = min(rng.randint(8, 512), len(content) - start)
    return content[:start] + bytes(length) + content[start + length :]


def swap_parts(content: bytes, rng: random.Random) -> bytes:
    a, b, c = sorted(rng.sample(range(len(content) + 1), 3))
    return content[:a] + content[b:c] + content[a:b] + content[c:]


def repeat_part(content: bytes, rng: random.Random) -> bytes:
    a, b = sorted(rng.sample(range(len(content) + 1), 2))
    b = min(b, a + 1024)
    return content[:b] + content[a:b] * 3 + content[b:]


def high_bytes(content: bytes, rng: random.Random) -> bytes:
    """Set a few bytes to 0xFF: lengths and counts become huge or negative."""
    data = bytearray(content)
    start = rng.randrange(len(data))
    data[start : start + 4] = b"\xff" * len(data[start : start + 4])
    return bytes(data)


def noise(content: bytes, rng: random.Random) -> bytes:
    return content[:16] + rng.randbytes(max(len(content) - 16, 16))


MUTATIONS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "cut": cut,
    "cut-end": cut_end,
    "flip-bit": flip_bit,
    "flip-bits": flip_bits,
    "flip-head": flip_head,
    "zero-run": zero_run,
    "swap-parts": swap_parts,
    "repeat-part": repeat_part,
    "high-bytes": high_bytes,
    "noise": noise,
}

ODD_STEMS: dict[str, bytes] = {
    "latin-1": "Gr\xfc\xdfe".encode("latin-1"),
    "newline": b"a\nampnet: forged line",
    "escape": b"a\x1b[31mred\x1b]0;title\x07",
    "return": b"a\rampnet: forged line",
    "250-bytes": b"n" * 246,
    "markup": b"[red]x[bold]][",
    "braces": b"{x} %s %n $HOME `id`",
    "quotes": b"a\",'b; c",
    "formula": b"=1+1",
    "dash": b"-q",
    "dots": b"a..hidden..",
    "blank": b"  two  blanks ",
    "direction": "a\u202egpj\u2066".encode(),
    "invisible": "a\u200b\u00ad\ufeffb".encode(),
    "emoji": "\U0001f642\u0301".encode(),
    "line-separator": "a\u2028ampnet: forged\x85b".encode(),
    "half-utf-8": b"a\xe2\x82",
    "surrogate": b"a\xed\xa0\x80",
    "controls": bytes(range(1, 32)).replace(b"/", b""),
    "tab": b"a\tb",
}
"""Stems that file systems accept."""


def odd_path(folder: Path, stem: bytes, suffix: str = ".jpg") -> Path:
    """Name a file by bytes."""
    return Path(os.fsdecode(os.fsencode(folder) + b"/" + stem + suffix.encode()))


def unix_socket(path: Path) -> None:
    here = Path.cwd()
    with socket.socket(socket.AF_UNIX) as server:
        try:
            os.chdir(path.parent)  # the length of a socket's path is limited
            server.bind(path.name)
        finally:
            os.chdir(here)


def huge(path: Path) -> None:
    """Make a file of several gigabytes that takes no room on the disk."""
    path.touch()
    os.truncate(path, 6 << 30)


LINKS: dict[str, Callable[[Path], object]] = {
    "endless": lambda path: path.symlink_to("/dev/zero"),
    "loop": lambda path: path.symlink_to(path.name),
    "dangling": lambda path: path.symlink_to("missing"),
}
NOT_FILES: dict[str, Callable[[Path], object]] = {
    "fifo": os.mkfifo,  # that nobody writes to
    "socket": unix_socket,
    **LINKS,
    "folder": Path.mkdir,
    "huge": huge,
    "empty": Path.touch,
}
"""What may stand where a file is expected."""
