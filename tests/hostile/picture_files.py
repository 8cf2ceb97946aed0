"""Pictures as bytes: every encoding in small, unsupported formats, headers that lie, and bombs."""

import importlib
import io
import random
import struct
import zlib
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
from PIL import Image, features

JUST_UNDER = 12_200
"""Side of a square picture just under the limit of 150 million pixels."""


def scene(rng: random.Random, side: int = 48) -> Image.Image:
    """Draw smooth waves of colour."""
    y, x = np.mgrid[:side, :side]
    waves = [np.sin(x * rng.uniform(0.05, 0.4) + y * rng.uniform(0.05, 0.4) + rng.random()) for _ in range(3)]
    return Image.fromarray(((np.stack(waves, axis=2) + 1) * 127).astype(np.uint8))


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format=kind, **options)
    return file.getvalue()


def _exif(orientation: int) -> Any:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def _sixteen(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)


def _heic(image: Image.Image) -> bytes:
    importlib.import_module("pillow_heif").register_heif_opener()
    return _saved(image, "HEIF")


Encode = Callable[[Image.Image], bytes]

ENCODINGS: dict[str, tuple[str, Encode]] = {
    "jpeg": (".jpg", lambda i: _saved(i, "JPEG")),
    "jpeg-grey": (".jpeg", lambda i: _saved(i.convert("L"), "JPEG")),
    "jpeg-progressive": (".jpg", lambda i: _saved(i, "JPEG", progressive=True)),
    "jpeg-cmyk": (".jpg", lambda i: _saved(i.convert("CMYK"), "JPEG")),
    "jpeg-exif": (".jpg", lambda i: _saved(i, "JPEG", exif=_exif(6))),
    "jpeg-restart": (".jpg", lambda i: _saved(i, "JPEG", restart_marker_blocks=2)),
    "png": (".png", lambda i: _saved(i, "PNG")),
    "png-rgba": (".png", lambda i: _saved(i.convert("RGBA"), "PNG")),
    "png-16": (".png", lambda i: _saved(_sixteen(i), "PNG")),
    "png-palette": (".png", lambda i: _saved(i.quantize(16), "PNG", transparency=3)),
    "png-1": (".png", lambda i: _saved(i.convert("1"), "PNG")),
    "png-animated": (".png", lambda i: _saved(i, "PNG", save_all=True, append_images=[i.rotate(90)])),
    "bmp": (".bmp", lambda i: _saved(i, "BMP")),
    "bmp-palette": (".bmp", lambda i: _saved(i.quantize(16), "BMP")),
    "tiff": (".tif", lambda i: _saved(i, "TIFF")),
    "tiff-lzw": (".tiff", lambda i: _saved(i, "TIFF", compression="tiff_lzw")),
    "tiff-deflate": (".tiff", lambda i: _saved(i, "TIFF", compression="tiff_adobe_deflate")),
    "tiff-jpeg": (".tif", lambda i: _saved(i, "TIFF", compression="jpeg")),
    "tiff-fax": (".tif", lambda i: _saved(i.convert("1"), "TIFF", compression="group4")),
    "tiff-16": (".tif", lambda i: _saved(_sixteen(i), "TIFF")),
    "tiff-float": (".tif", lambda i: _saved(i.convert("F"), "TIFF")),
    "tiff-pages": (".tif", lambda i: _saved(i, "TIFF", save_all=True, append_images=[i.rotate(90)] * 3)),
    "webp": (".webp", lambda i: _saved(i, "WEBP")),
    "webp-lossless": (".webp", lambda i: _saved(i.convert("RGBA"), "WEBP", lossless=True)),
    "webp-animated": (".webp", lambda i: _saved(i, "WEBP", save_all=True, append_images=[i.rotate(90)])),
    "gif": (".gif", lambda i: _saved(i, "GIF")),
    "gif-animated": (".gif", lambda i: _saved(i, "GIF", save_all=True, append_images=[i.rotate(90)] * 3)),
    "pgm": (".pgm", lambda i: _saved(i.convert("L"), "PPM")),
    "ppm": (".ppm", lambda i: _saved(i, "PPM")),
    **({"heic": (".heic", _heic)} if find_spec("pillow_heif") else {}),
    **({"avif": (".avif", lambda i: _saved(i, "AVIF"))} if features.check("avif") else {}),
    "ppm-text": (".pnm", lambda i: f"P3 {i.width} {i.height} 255\n{' '.join(map(str, i.tobytes()))}\n".encode()),
}
"""Suffix and writer of what the reader accepts."""

FOREIGN: dict[str, Encode] = {
    "dds": lambda i: _saved(i, "DDS"),
    "blp": lambda i: _saved(i.quantize(256), "BLP"),
    "eps": lambda i: _saved(i, "EPS"),
    "pcx": lambda i: _saved(i, "PCX"),
    "ico": lambda i: _saved(i, "ICO"),
    "icns": lambda i: _saved(i.resize((128, 128)), "ICNS"),
    "tga": lambda i: _saved(i, "TGA"),
    "sgi": lambda i: _saved(i, "SGI"),
    "im": lambda i: _saved(i, "IM"),
    "msp": lambda i: _saved(i.convert("1"), "MSP"),
    "xbm": lambda i: _saved(i.convert("1"), "XBM"),
    "pdf": lambda i: _saved(i, "PDF"),
    "jpeg-2000": lambda i: _saved(i, "JPEG2000"),
    "spider": lambda i: _saved(i.convert("F"), "SPIDER"),
    "psd": lambda i: (
        b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 48, 48, 8, 3) + bytes(12) + b"\0\0" + i.tobytes()
    ),
    "wmf": lambda _: struct.pack("<IHhhhhHIH", 0x9AC6CDD7, 0, 0, 0, 90, 90, 96, 0, 0) + bytes(64),
    "emf": lambda _: struct.pack("<I", 1) + bytes(36) + b" EMF" + bytes(64),
    "fits": lambda _: (
        b"SIMPLE  =                    T".ljust(80) + b"BITPIX  = 8".ljust(80) + b"END".ljust(2720) + bytes(64)
    ),
    "fli": lambda _: struct.pack("<IHHHHH", 128, 0xAF11, 1, 48, 48, 8) + bytes(114),
    "pixar": lambda _: b"\200\350\000\000" + bytes(1024),
    "sun": lambda _: struct.pack(">8I", 0x59A66A95, 48, 48, 24, 6912, 1, 0, 0) + bytes(6912),
    "xpm": lambda _: b'/* XPM */\nstatic char *x[] = {\n"2 2 1 1",\n"a c #ff0000",\n"aa",\n"aa"};\n',
    "gribstub": lambda _: b"GRIB\0\0\0\1" + bytes(64),
    "hdf5": lambda _: b"\x89HDF\r\n\x1a\n" + bytes(64),
    "qoi": lambda _: b"qoif" + struct.pack(">IIBB", 60_000, 60_000, 4, 0) + b"\xfd" * 64,
    "svg": lambda _: b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
    "html": lambda _: b"<!doctype html><title>404</title>",
    "zip": lambda _: b"PK\3\4" + bytes(64),
    "script": lambda _: b"#!/bin/sh\ntouch ../outside/canary\n",
    "python": lambda _: b"open('../outside/canary', 'w')\n",
    "text": lambda _: b"no picture at all\n" * 50,
    "zeros": lambda _: bytes(4096),
}
"""Other formats, saved as ``.jpg``: the reader tries none of them."""


GIF_65535 = b"GIF89a" + b"\xff\xff\xff\xff\xf0\0\0" + bytes(6) + b",\0\0\0\0\xff\xff\xff\xff\0\x08\1\0\0;"
BMP_60000 = b"BM" + bytes(8) + struct.pack("<IIIIHH", 54, 40, 60_000, 60_000, 1, 32) + bytes(24)
"""Headers that promise more pixels than anyone has."""


def eps_that_runs(canary: object) -> bytes:
    """Give a PostScript program that makes a file by Ghostscript's pipe device."""
    head = "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 48 48\n"
    return f"{head}(%pipe%touch {canary}) (w) file closefile\nshowpage\n".encode()


def deflated_zeros(count: int) -> bytes:
    """Compress zeros in no time: every further megabyte repeats the first one's bytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    last = packer.compress(bytes(count % (1 << 20))) + packer.flush()
    return b"\x78\x9c" + block * (count >> 20) + last + struct.pack(">HH", count % 65521, 1)


def png(
    width: int, height: int, depth: int = 8, color: int = 2, data: bytes | None = None, extra: bytes = b""
) -> bytes:
    """Give a PNG; without data, its pixels are zeros."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    row = 1 + (width * depth * channels + 7) // 8
    pixels = deflated_zeros(row * height) if data is None else data
    palette = _chunk(b"PLTE", bytes(range(48))) if color == 3 else b""
    head = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    body = palette + extra + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + body


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def text_bomb() -> bytes:
    """Give a PNG whose comment and colour profile unpack to 200 MB."""
    comment = _chunk(b"zTXt", b"Comment\0\0" + deflated_zeros(200 << 20))
    profile = _chunk(b"iCCP", b"icc\0\0" + deflated_zeros(200 << 20))
    return png(48, 48, extra=profile + comment)


def jpeg_of_zeros(width: int, height: int, components: int, progressive: bool = False) -> bytes:
    """Give a JPEG whose bits are all zero: a progressive one makes the decoder hold all coefficients."""

    def segment(marker: int, body: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body

    parts = b"".join(bytes((i + 1, 0x11, 0)) for i in range(components))
    tables = b"".join(bytes((kind, 1)) + bytes(15) + b"\0" for kind in (0x00, 0x10))
    scan = bytes((components,)) + b"".join(bytes((i + 1, 0)) for i in range(components))
    scan += bytes((0, 0, 0)) if progressive else bytes((0, 63, 0))
    bits = ((width + 7) // 8) * ((height + 7) // 8) * components * (1 if progressive else 2)
    frame = segment(0xC2 if progressive else 0xC0, struct.pack(">BHHB", 8, height, width, components) + parts)
    head = b"\xff\xd8" + segment(0xDB, b"\0" + b"\1" * 64) + frame + segment(0xC4, tables) + segment(0xDA, scan)
    return head + bytes(bits // 8 + 1) + b"\xff\xd9"


def tiff(width: int, height: int, bits: int, samples: int = 1, kind: int = 1, loop: bool = False) -> bytes:
    """Give an uncompressed TIFF whose rows are all the same few bytes of the file; its directory may lead to itself."""
    row = width * bits * samples // 8
    rows = max(1, min(height, (1 << 20) // max(row, 1)))
    strips = -(-height // rows)
    colors = 5 if samples == 4 else 2 if samples == 3 else 1
    tags: list[tuple[int, str, list[int]]] = [
        *((256, "I", [width]), (257, "I", [height]), (258, "H", [bits] * samples), (259, "H", [1])),
        *((262, "H", [colors]), (273, "I", [0] * strips), (277, "H", [samples]), (278, "I", [rows])),
        *((279, "I", [row * rows] * strips), (339, "H", [kind] * samples)),
    ]
    place = 8 + 2 + 12 * len(tags) + 4
    sizes = [len(numbers) * struct.calcsize(letter) for _tag, letter, numbers in tags]
    start = place + sum(size for size in sizes if size > 4)
    entries, values = b"", b""
    for tag, letter, numbers in tags:
        stored = [start] * len(numbers) if tag == 273 else numbers
        packed = struct.pack(f"<{len(stored)}{letter}", *stored)
        entries += struct.pack("<HHI", tag, 3 if letter == "H" else 4, len(stored))
        if len(packed) > 4:
            entries += struct.pack("<I", place + len(values))
            values += packed
        else:
            entries += packed.ljust(4, b"\0")
    following = struct.pack("<I", 8 if loop else 0)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + following + values + bytes(row * rows)
