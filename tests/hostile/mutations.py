"""Damage to the bytes of any file, and hostile file names."""

import os
import random
import socket
from collections.abc import Callable
from pathlib import Path

Mutation = Callable[[bytes, random.Random], bytes]


def cut(content: bytes, rng: random.Random) -> bytes:
    """Keep the beginning."""
    return content[: rng.randrange(len(content))] if content else content


def cut_end(content: bytes, rng: random.Random) -> bytes:
    """Lose the last few bytes."""
    return content[: -rng.randint(1, 16)]


def flip_bit(content: bytes, rng: random.Random) -> bytes:
    """Flip one bit."""
    return flip_bits(content, rng, 1)


def flip_bits(content: bytes, rng: random.Random, count: int = 40) -> bytes:
    """Flip bits anywhere."""
    data = bytearray(content)
    for _ in range(count):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def flip_head(content: bytes, rng: random.Random) -> bytes:
    """Flip bits in the first bytes, where headers are."""
    head = flip_bits(content[:64], rng, 6)
    return head + content[64:]


def zero_run(content: bytes, rng: random.Random) -> bytes:
    """Overwrite a part with zeros, as a disk does that lost a block."""
    start = rng.randrange(len(content))
    length = min(rng.randint(8, 512), len(content) - start)
    return content[:start] + bytes(length) + content[start + length :]


def swap_parts(content: bytes, rng: random.Random) -> bytes:
    """Exchange two parts."""
    a, b, c = sorted(rng.sample(range(len(content) + 1), 3))
    return content[:a] + content[b:c] + content[a:b] + content[c:]


def repeat_part(content: bytes, rng: random.Random) -> bytes:
    """Repeat a part several times."""
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
    """Keep the first bytes, and continue with noise."""
    return content[:16] + rng.randbytes(max(len(content) - 16, 16))


MUTATIONS: dict[str, Mutation] = {
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


def fifo(path: Path) -> Path:
    """Make a pipe that nobody writes to."""
    os.mkfifo(path)
    return path


def unix_socket(path: Path) -> Path:
    """Make a socket in the file system."""
    here = Path.cwd()
    with socket.socket(socket.AF_UNIX) as server:
        try:
            os.chdir(path.parent)  # the length of a socket's path is limited
            server.bind(path.name)
        finally:
            os.chdir(here)
    return path


def endless(path: Path) -> Path:
    """Make a link to a device that never ends."""
    path.symlink_to("/dev/zero")
    return path


def loop(path: Path) -> Path:
    """Make a link to itself."""
    path.symlink_to(path.name)
    return path


def dangling(path: Path) -> Path:
    """Make a link to nothing."""
    path.symlink_to("missing")
    return path


def as_folder(path: Path) -> Path:
    """Make a folder where a file is expected."""
    path.mkdir()
    return path


def huge(path: Path, size: int = 6 << 30) -> Path:
    """Make a file of several gigabytes that takes no room on the disk."""
    with path.open("wb") as file:
        file.truncate(size)
    return path


def empty(path: Path) -> Path:
    """Make an empty file."""
    path.touch()
    return path


NOT_FILES: dict[str, Callable[[Path], Path]] = {
    "fifo": fifo,
    "socket": unix_socket,
    "endless": endless,
    "loop": loop,
    "dangling": dangling,
    "folder": as_folder,
    "huge": huge,
    "empty": empty,
}
"""What may stand where a file is expected."""
