"""Pickles and archives by hand: code that must not run, instructions that make no sense, sizes that lie."""

import io
import pickle
import random
import struct
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

STORED, DEFLATED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED


class _Runs:
    """An object whose pickle calls a function when it is loaded."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


def code_that_runs(canary: Path) -> dict[str, Any]:
    """Give objects whose pickles make a file if anything executes them."""
    import builtins
    import os
    import subprocess

    touch = f"touch {canary}"
    write = f"open({str(canary)!r}, 'w').close()"
    return {
        "os.system": _Runs(os.system, touch),
        "eval": _Runs(builtins.eval, write),
        "exec": _Runs(builtins.exec, write),
        "open": _Runs(open, str(canary), "w"),
        "Popen": _Runs(subprocess.Popen, ["touch", str(canary)]),
        "getattr": _Runs(getattr, _Runs(__import__, "os"), "system"),
        "nested": {"state_dict": {"a": [_Runs(os.system, touch)]}},
        "key": {_Runs(os.system, touch): 1},
        "partial": _Runs(map, os.system, [touch]),
    }


def raw_global(module: str, name: str, argument: str) -> bytes:
    """Give a pickle of protocol 0 that calls ``module.name(argument)``."""
    return f"c{module}\n{name}\n(V{argument}\ntR.".encode()


def torch_zip(
    pickled: bytes, entries: Mapping[str, bytes] | None = None, compression: int = STORED, root: str = "archive"
) -> bytes:
    """Give an archive as torch.save writes it, around any pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr(f"{root}/data.pkl", pickled)
        archive.writestr(f"{root}/byteorder", b"little")
        for name, content in (entries or {}).items():
            archive.writestr(f"{root}/{name}", content)
        archive.writestr(f"{root}/version", b"3\n")
    return file.getvalue()


def short(text: str) -> bytes:
    """Give the instruction for a text."""
    raw = text.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def tensor(
    key: str, count: int, offset: int, size: tuple[Any, ...], stride: tuple[Any, ...], kind: str = "FloatStorage"
) -> bytes:
    """Give the instructions of a tensor over storage ``key``, with any numbers."""
    storage = (
        b"(" + short("storage") + f"ctorch\n{kind}\n".encode() + short(key) + short("cpu") + _integer(count) + b"tQ"
    )
    shape = b"(" + b"".join(map(_integer, size)) + b"t(" + b"".join(map(_integer, stride)) + b"t"
    hooks = b"\x89ccollections\nOrderedDict\n)R"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + _integer(offset) + shape + hooks + b"tR"


def _integer(value: Any) -> bytes:
    if isinstance(value, int):
        return b"I" + str(value).encode() + b"\n"
    return pickle.dumps(value, protocol=2)[2:-1]


def _dict_with(tensors: bytes) -> bytes:
    return (
        b"\x80\x02}("
        + short("format")
        + short("ampnet")
        + short("version")
        + b"K\x01"
        + short("model")
        + tensors
        + b"u."
    )


NONSENSE: dict[str, bytes] = {
    "nothing": b"",
    "stop": b".",
    "pop of nothing": b"\x80\x020.",
    "append to nothing": b"\x80\x02K\x01a.",
    "setitem on a number": b"\x80\x02K\x01K\x02K\x03s.",
    "setitems on a list": b"\x80\x02](K\x01K\x02u.",
    "setitems, odd count": b"\x80\x02}(K\x01K\x02K\x03u.",
    "appends without mark": b"\x80\x02]K\x01e.",
    "build on a number": b"\x80\x02K\x01}b.",
    "build on a tensor class": b"\x80\x02ctorch\nFloatStorage\n}b.",
    "reduce of a number": b"\x80\x02K\x01)R.",
    "reduce with a number": b"\x80\x02ccollections\nOrderedDict\nK\x01R.",
    "newobj of a number": b"\x80\x02K\x01)\x81.",
    "tuple of nothing": b"\x80\x02\x87.",
    "tuple without mark": b"\x80\x02t.",
    "get of nothing": b"\x80\x02h\x05.",
    "put of nothing": b"\x80\x02q\x05.",
    "a memo of 2 ** 31": b"\x80\x02K\x01r\xff\xff\xff\x7f.",
    "a text of 2 ** 31": b"\x80\x02X\xff\xff\xff\x7f" + b"x" * 20 + b".",
    "a text of 2 ** 62": b"\x80\x04\x8d" + struct.pack("<Q", 1 << 62) + b"x.",
    "bytes of 2 ** 62": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 62) + b"x.",
    "a frame of 2 ** 62": b"\x80\x04\x95" + struct.pack("<Q", 1 << 62) + b"N.",
    "a number of 2 ** 31 bytes": b"\x80\x02\x8b\xff\xff\xff\x7f" + b"\x01" * 20 + b".",
    "a number of 2 MB": b"\x80\x02\x8b" + struct.pack("<i", 2 << 20) + b"\x7f" * (2 << 20) + b".",
    "digits": b"\x80\x02I" + b"9" * 10_000 + b"\n.",
    "no number": b"\x80\x02Ix\n.",
    "no float": b"\x80\x02Fx\n.",
    "no UTF-8": b"\x80\x02X\x02\0\0\0\xff\xfe.",
    "protocol 200": b"\x80\xc8N.",
    "unknown instruction": b"\x80\x02\xff.",
    "extension": b"\x80\x02\x82\x01.",
    "persistent number": b"\x80\x02K\x01Q.",
    "persistent text": b"Pabc\n.",
    "persistent short tuple": b"\x80\x02(" + short("storage") + b"tQ.",
    "nested tuples": b"\x80\x02)" + b"\x85" * 300_000 + b".",
    "nested lists": b"\x80\x02" + b"]" * 300_000 + b"a" * 299_999 + b".",
    "marks": b"\x80\x02" + b"(" * 1_000_000 + b".",
    "a list in itself": b"\x80\x02]q\x00h\x00a.",
    "a dict as key": b"\x80\x02}}K\x01s.",
    "duplicates": b"\x80\x02]q\x00(" + b"h\x00" * 20 + b"e" + (b"q\x00](" + b"h\x00" * 20 + b"e") * 12 + b".",
    "instance": b"(ios\nsystem\n.",
    "storage without key": _dict_with(tensor("missing", 4, 0, (4,), (1,))),
    "storage as path": _dict_with(tensor("../../../../etc/passwd", 4, 0, (4,), (1,))),
    "storage of 2 ** 60": _dict_with(tensor("0", 1 << 60, 0, (4,), (1,))),
    "storage of -1": _dict_with(tensor("0", -1, 0, (4,), (1,))),
    "storage of text": _dict_with(tensor("0", 4, 0, ("4",), (1,))),
    "size of 2 ** 40": _dict_with(tensor("0", 4, 0, (1 << 40,), (1,))),
    "size of -4": _dict_with(tensor("0", 4, 0, (-4,), (1,))),
    "offset of 2 ** 40": _dict_with(tensor("0", 4, 1 << 40, (4,), (1,))),
    "offset of -8": _dict_with(tensor("0", 4, -8, (4,), (1,))),
    "stride of -1": _dict_with(tensor("0", 4, 3, (4,), (-1,))),
    "stride of 2 ** 40": _dict_with(tensor("0", 4, 0, (2,), (1 << 40,))),
    "too many strides": _dict_with(tensor("0", 4, 0, (4,), (1, 1, 1))),
    "quantised storage": _dict_with(tensor("0", 4, 0, (4,), (1,), "QInt8Storage")),
    "unknown storage": _dict_with(tensor("0", 4, 0, (4,), (1,), "Whatever")),
    "zero stride, 2 ** 30": _dict_with(tensor("0", 4, 0, (1 << 15, 1 << 15), (0, 0))),
}
"""Hand-made pickles; all of them are refused by every reader of checkpoints."""


def random_pickle(rng: random.Random) -> bytes:
    """Give a row of random instructions."""
    codes = b"()]}0.12NJKMGIUXcbaeustRQqrhjlotd\x81\x85\x86\x87\x88\x89\x8a\x8c\x93\x94\x95"
    return (
        b"\x80\x02" + bytes(rng.choice(codes) if rng.random() < 0.8 else rng.randrange(256) for _ in range(40)) + b"."
    )


def _archive(names: list[tuple[str, bytes]]) -> bytes:
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile dislikes two entries of one name
        with zipfile.ZipFile(file, "w") as archive:
            for name, content in names:
                archive.writestr(name, content)
    return file.getvalue()


_PLAIN = pickle.dumps({"format": "ampnet", "version": 1}, protocol=2)
_WHOLE = torch_zip(_PLAIN, {"data/0": bytes(16)})
_HEAD = b"PK\x01\x02\x14\x03\x14\0"

ARCHIVES: dict[str, Callable[[], bytes]] = {
    "compressed pickle": lambda: torch_zip(pickle.dumps(bytes(1 << 30), protocol=4), compression=DEFLATED),
    "compressed list": lambda: torch_zip(b"\x80\x02]" + b"Na" * (20 << 20) + b".", compression=DEFLATED),
    "compressed storage": lambda: torch_zip(_PLAIN, {"data/0": bytes(1 << 30)}, DEFLATED),
    "wrong checksum": lambda: _WHOLE.replace(b"ampnet", b"ampNET", 1),
    "encrypted": lambda: _WHOLE.replace(_HEAD + b"\0\0", _HEAD + b"\1\0"),
    "unknown compression": lambda: _WHOLE.replace(_HEAD + b"\0\0\0\0", _HEAD + b"\0\0\x63\0"),
    "without data.pkl": lambda: torch_zip(_PLAIN).replace(b"data.pkl", b"date.pkl"),
    "data.pkl twice": lambda: _archive([("archive/data.pkl", _PLAIN)] * 2),
    "5,000 entries": lambda: _archive([(f"archive/data/{number}", b"") for number in range(5_000)]),
    "outside": lambda: torch_zip(_PLAIN, root="../../outside"),
    "big-endian": lambda: _WHOLE.replace(b"little", b"biglit"),
    "a program of TorchScript": lambda: torch_zip(_PLAIN, {"constants.pkl": _PLAIN, "code/__torch__.py": b"import os"}),
    "only its end": lambda: _WHOLE[-22:],
    "offset of 2 ** 32": lambda: _WHOLE[:-6] + b"\xff\xff\xff\xff\0\0",
    "text": lambda: b"not a checkpoint\n",
    "nothing": lambda: b"",
    "a tar": lambda: bytes(257) + b"ustar\x0000" + bytes(2000),
}
"""Archives that break the rules of archives, or hold too much."""


def safetensors_file(header: bytes, data: bytes = b"", length: int | None = None) -> bytes:
    """Give a safetensors file around any header."""
    return struct.pack("<Q", len(header) if length is None else length) + header + data
