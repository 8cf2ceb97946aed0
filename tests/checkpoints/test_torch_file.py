"""torch's files: bounded before anything is read, whatever the archive or its pickle claims."""

import io
import os
import pickle
import struct
import zipfile

import pytest
import torch

from ampnet.checkpoints import torch_file
from ampnet.checkpoints.checkpoint import load_checkpoint
from ampnet.checkpoints.reference.reference_files import read_reference
from ampnet.checkpoints.torch_file import open_torch_file
from ampnet.errors import CheckpointError
from tests.checkpoints.stored_files import replace_entry, saved_bytes, with_pickle
from tests.memory import takes_at_most

HEAD = pickle.dumps({"format": "ampnet", "version": 1}, protocol=2)[:-1]
"""A dict of ours that lacks its end, so that instructions can follow."""


def refused(file, message):
    """Every reader of torch's files refuses it, in one line."""
    lines = []
    for read in (load_checkpoint, read_reference):
        with takes_at_most(400), pytest.raises(CheckpointError) as caught:
            read(file)
        lines.append(str(caught.value))
        assert lines[-1].startswith(f"cannot read {file}: ")
        assert lines[-1].isprintable()
        assert len(lines[-1]) < 300
    assert message in lines[0]


@pytest.mark.parametrize("entry", ["data.pkl", "data/0"])
def test_compressed_entries_are_refused(tmp_path, entry):
    whole = saved_bytes(tmp_path, ".pt")
    file = tmp_path / "a.pt"
    with zipfile.ZipFile(io.BytesIO(whole)) as archive, zipfile.ZipFile(file, "w") as changed:
        for name in archive.namelist():
            kind = zipfile.ZIP_DEFLATED if name.endswith(entry) else zipfile.ZIP_STORED
            changed.writestr(name, archive.read(name), kind)
    with pytest.raises(CheckpointError, match="compressed or encrypted"):
        load_checkpoint(file)


def test_a_bomb_of_zeros_is_not_unpacked(tmp_path):
    refused(with_pickle(tmp_path / "a.pt", bytes(100 << 20), compression=zipfile.ZIP_DEFLATED), "claim more bytes")


def test_a_long_pickle_is_refused(tmp_path):
    refused(with_pickle(tmp_path / "a.pt", bytes(torch_file.MAX_PICKLE + 1)), "data.pkl has more than 33,554,432 bytes")


def directory_of(file, name, **changes):
    """Rewrite one entry's line in the table of contents: its compressed or its real size."""
    data = bytearray(file.read_bytes())
    at = data.rindex(name.encode()) - 46
    assert data[at : at + 4] == b"PK\x01\x02"
    for place, value in ((20, changes.get("packed")), (24, changes.get("size"))):
        if value is not None:
            data[at + place : at + place + 4] = struct.pack("<L", value)
    file.write_bytes(data)
    return file


def test_sizes_beyond_the_file_are_refused(tmp_path):
    for sizes in ({"size": 2**31}, {"packed": 2**31}, {"size": 2**31, "packed": 2**31}):
        file = with_pickle(tmp_path / "a.pt", b"N.")
        refused(directory_of(file, "x/data/0", **sizes), "claim more bytes than the file has")


def test_a_table_of_contents_of_a_million_lines_is_not_read(tmp_path):
    file = with_pickle(tmp_path / "a.pt", b"N.")
    data = file.read_bytes()
    start = data.index(b"PK\x01\x02")
    line = data[start : data.index(b"PK\x01\x02", start + 1)]
    lines, end = line * 1_000_000, bytearray(data[-22:])
    end[8:16] = struct.pack("<HHL", 0xFFFF, 0xFFFF, len(lines))
    file.write_bytes(data[:start] + lines + end)
    refused(file, "but not one of torch")


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data + b"tail",
        lambda data: data[:-2] + b"\x04\x00note",  # a comment
        lambda data: data[:-1],
        lambda data: data[: len(data) // 2],
        lambda data: b"PK\x05\x06" + bytes(18),  # an empty archive
        lambda data: b"PK\x05\x06" + b"\xff" * 16 + b"\0\0",
        lambda data: data.replace(b"PK\x06\x06", b"PK\x06\x09"),
        lambda data: data.replace(b"PK\x01\x02", b"PK\x01\x09"),
        lambda data: data.replace(b"PK\x03\x04", b"PK\x03\x09"),
    ],
)
def test_archives_that_torch_would_not_write_are_refused(tmp_path, change):
    file = tmp_path / "a.pt"
    file.write_bytes(change(saved_bytes(tmp_path, ".pt")))
    refused(file, "")


def test_big_endian_numbers_are_refused(tmp_path):
    file = tmp_path / "a.pt"
    file.write_bytes(replace_entry(saved_bytes(tmp_path, ".pt"), "byteorder", lambda _: b"big"))
    refused(file, "big-endian")


def shared_lists(depth, width=9):
    """Lists that name one list nine times, and that another nine times: without end to walk."""
    return b"]" + b"".join(b"q\x00" + b"0(" + b"h\x00" * width + b"l" for _ in range(depth))


def shared_tuples(depth, width=9):
    return b")" + b"".join(b"q\x00" + b"0(" + b"h\x00" * width + b"t" for _ in range(depth))


PICKLES = {
    "a value without end": (HEAD + b"X\x01\x00\x00\x00a" + shared_lists(40) + b"s.", "too many values"),
    "a list in itself": (HEAD + b"X\x01\x00\x00\x00a]q\x07h\x07as.", "nested too deeply"),
    "a value of great depth": (HEAD + b"X\x01\x00\x00\x00a]" + b"\x85" * 100_000 + b"s.", "nested too deeply"),
    "a number of great length": (
        HEAD + b"X\x01\x00\x00\x00a\x8b\x00\x10\x00\x00" + b"\x7f" * 4096 + b"s.",
        "more than",
    ),
    "a global": (HEAD + b"X\x01\x00\x00\x00acos\nsystem\ns.", "more than weights and plain values"),
    "a call": (HEAD + b"X\x01\x00\x00\x00acos\nsystem\n(X\x02\x00\x00\x00lstRs.", "more than weights"),
    "a reference": (HEAD + b"X\x01\x00\x00\x00aNQs.", "more than weights"),
    "weights as a list": (HEAD + b"X\x05\x00\x00\x00model]s.", "damaged"),
    "a weight as a number": (HEAD + b"X\x05\x00\x00\x00model}K\x01K\x02ss.", "not a plain one"),
    "a parameter of itself": (
        HEAD + b"X\x05\x00\x00\x00model}X\x01\x00\x00\x00w"
        b"ctorch._utils\n_rebuild_parameter\n]q\x07Rq\x060h\x07h\x06a0h\x06ss.",
        "RecursionError",
    ),
    "instructions without number": (b"N0" * 600_000 + b".", "more than 1,000,000 instructions"),
    "a format without end": (b"}X\x06\x00\x00\x00format" + shared_tuples(40) + b"s.", "not an ampnet checkpoint"),
    "no end": (b"}", "ends too early"),
    "nothing": (b"", "ends too early"),
    "only an end": (b".", "its pickle is broken"),
    "a mark too few": (b"t.", "its pickle is broken"),
    "an unknown memo": (b"h\x09.", "its pickle is broken"),
    "bytes that are not there": (b"B\xff\xff\xff\x7f.", "its pickle is broken"),
    "an unknown instruction": (b"\xff.", "its pickle is broken"),
    "text that is not UTF-8": (b"X\x01\x00\x00\x00\xff.", "its pickle is broken"),
    "half a number": (b"J\x01.", "its pickle is broken"),
    "an integer of text": (b"Iabc\n.", "its pickle is broken"),
    "a list of lists of pairs": (
        b"ccollections\nOrderedDict\n]q\x00" + b"0h\x00h\x00\x86R.",
        "its pickle is broken",
    ),
}


@pytest.mark.parametrize("body", PICKLES)
def test_hand_made_pickles_are_refused_in_one_line(tmp_path, body):
    content, message = PICKLES[body]
    refused(with_pickle(tmp_path / "a.pt", content), message)


def storage(key=b"0", kind=b"FloatStorage", count=b"K\x02"):
    return (
        b"(X\x07\x00\x00\x00storagectorch\n"
        + kind
        + b"\nX\x01\x00\x00\x00"
        + key
        + b"X\x03\x00\x00\x00cpu"
        + count
        + b"tQ"
    )


def tensor(numbers, offset=b"K\x00", size=b"K\x02\x85", stride=b"K\x01\x85"):
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + numbers + offset + size + stride + b"\x89NtR"


TENSORS = {
    "beyond its numbers": tensor(storage(), size=b"K\x03\x85"),
    "before its numbers": tensor(storage(), offset=b"J\xff\xff\xff\xff"),
    "backwards": tensor(storage(), stride=b"J\xff\xff\xff\xff\x85"),
    "as many numbers as there are": tensor(storage(count=b"\x8a\x05\xff\xff\xff\xff\x7f"), size=b"K\x02\x85"),
    "of no kind": tensor(storage(kind=b"ObjectStorage")),
    "of a number that is missing": tensor(storage(key=b"7")),
    "of sides without number": tensor(
        storage(), size=b"(" + b"K\x01" * 100 + b"t", stride=b"(" + b"K\x00" * 100 + b"t"
    ),
    "of sides without end": tensor(storage(), size=shared_tuples(40), stride=shared_tuples(40)),
    "of text": tensor(storage(), size=b"X\x01\x00\x00\x00a\x85"),
}


@pytest.mark.parametrize("what", TENSORS)
def test_impossible_tensors_are_refused(tmp_path, what):
    body = TENSORS[what]
    file = with_pickle(tmp_path / "a.pt", b"\x80\x02" + body + b".", torch.ones(2).numpy().tobytes())
    with takes_at_most(64), pytest.raises(CheckpointError), open_torch_file(file) as opened:
        opened.stored(opened.content).read()


def test_a_possible_tensor_is_read(tmp_path):
    file = with_pickle(tmp_path / "a.pt", b"\x80\x02" + tensor(storage()) + b".", torch.ones(2).numpy().tobytes())
    with open_torch_file(file) as opened:
        assert opened.stored(opened.content).read().tolist() == [1, 1]


def old_format(keys=b"](X\x01\x00\x00\x000e", count=2):
    magic = pickle.dumps(torch_file.LEGACY_MAGIC, protocol=2)
    protocol, system = pickle.dumps(1001, 2), pickle.dumps({"little_endian": True}, 2)
    numbers = torch.ones(2).numpy().tobytes()
    return (
        magic
        + protocol
        + system
        + b"\x80\x02"
        + tensor(storage())
        + b".\x80\x02"
        + keys
        + b"."
        + struct.pack("<q", count)
        + numbers
    )


OLD_FILES = {
    "a count without end": old_format(count=2**62),
    "a negative count": old_format(count=-2),
    "more numbers than there are": old_format(count=9),
    "an unknown key": old_format(keys=b"](X\x01\x00\x00\x009e"),
    "a key without end": old_format(keys=b"](" + shared_tuples(40) + b"e"),
    "a key twice": old_format(keys=b"](X\x01\x00\x00\x000X\x01\x00\x00\x000e"),
    "no keys": old_format(keys=b"K\x07"),
    "no body": old_format()[:60],
    "a long text": pickle.dumps(torch_file.LEGACY_MAGIC, 2)[:-1] + b"B\xff\xff\xff\x7f",
}


@pytest.mark.parametrize("what", OLD_FILES)
def test_broken_files_of_the_old_format_are_refused(tmp_path, what):
    file = tmp_path / "a.pt"
    file.write_bytes(OLD_FILES[what])
    refused(file, "")
    with takes_at_most(64), pytest.raises(CheckpointError), open_torch_file(file) as opened:
        opened.stored(opened.content).read()


def test_a_file_of_the_old_format_is_read(tmp_path):
    (tmp_path / "a.pt").write_bytes(old_format())
    with open_torch_file(tmp_path / "a.pt") as opened:
        assert opened.stored(opened.content).read().tolist() == [1, 1]


def test_only_regular_files_are_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.pt")
    (tmp_path / "loop.pt").symlink_to("loop.pt")
    (tmp_path / "zero.pt").symlink_to("/dev/zero")
    (tmp_path / "empty.pt").touch()
    for name, message in (("pipe.pt", "it is a pipe"), ("zero.pt", "it is a device"), ("empty.pt", "not a checkpoint")):
        refused(tmp_path / name, message)
    for name in ("loop.pt", "n" * 300, "a\0b"):
        with pytest.raises(CheckpointError):
            load_checkpoint(tmp_path / name)
