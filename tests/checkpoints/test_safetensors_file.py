"""Files in the safetensors format: bounded before anything is read, whatever their JSON claims."""

import json
import os
import struct

import pytest
import torch
from safetensors.torch import save

from ampnet.checkpoints.checkpoint import load_checkpoint
from ampnet.errors import CheckpointError
from tests.checkpoints.stored_files import saved_bytes, tiny_checkpoint, write_changed
from tests.memory import takes_at_most


def refused(file, message):
    with takes_at_most(64), pytest.raises(CheckpointError, match=message) as caught:
        load_checkpoint(file)
    assert str(caught.value).startswith(f"cannot read {file}: ")
    assert len(str(caught.value)) < 300


def with_description(path, text, numbers=b""):
    """Write a file with any text for the description of its tensors."""
    body = text if isinstance(text, bytes) else text.encode()
    path.write_bytes(struct.pack("<Q", len(body)) + body + numbers)
    return path


@pytest.mark.parametrize(
    "data",
    [b"", b"\x10", bytes(8), b"\xff" * 8, struct.pack("<Q", 2**40) + b"{}", struct.pack("<Q", 17 << 20) + b"{}"],
    ids=["empty", "one byte", "no text", "endless text", "far text", "long text"],
)
def test_a_length_beyond_the_file_is_refused(tmp_path, data):
    (tmp_path / "a.safetensors").write_bytes(data)
    refused(tmp_path / "a.safetensors", "not a checkpoint, or is truncated")


DESCRIPTIONS = {
    "deep lists": "[" * 200_000,
    "deep objects": '{"a":' * 200_000,
    "deep metadata": '{"__metadata__":' * 2 + '{"a":' * 100_000,
    "a list": "[]",
    "a number": "7",
    "not UTF-8": b'{"\xff":1}',
    "nan": '{"a": NaN}',
    "metadata as a list": '{"__metadata__": [1]}',
    "metadata of numbers": '{"__metadata__": {"ampnet": 1}}',
    "a tensor as a number": '{"a": 1}',
    "an unknown type": '{"a": {"dtype": "F7", "shape": [1], "data_offsets": [0, 4]}}',
    "a negative side": '{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}',
    "a side of 30 digits": '{"a": {"dtype": "F32", "shape": [1%s], "data_offsets": [0, 4]}}' % ("0" * 30),
    "half a side": '{"a": {"dtype": "F32", "shape": [0.5], "data_offsets": [0, 4]}}',
    "a thousand sides": '{"a": {"dtype": "F32", "shape": %s, "data_offsets": [0, 4]}}' % ([1] * 1000),
    "ten gigabytes": '{"a": {"dtype": "F32", "shape": [50000, 50000], "data_offsets": [0, 10000000000]}}',
}


@pytest.mark.parametrize("what", DESCRIPTIONS)
def test_descriptions_of_another_form_are_refused(tmp_path, what):
    refused(with_description(tmp_path / "a.safetensors", DESCRIPTIONS[what], bytes(4)), "it is ")


HEADERS = {
    "deep lists": ("[" * 100_000, "RecursionError|damaged"),
    "deep objects": ('{"a":' * 100_000, "RecursionError|damaged"),
    "a list": ("[]", "not an ampnet checkpoint"),
    "null": ("null", "not an ampnet checkpoint"),
    "nothing": ("", "damaged"),
    "nan": ('{"format": NaN}', "damaged"),
    "a number of 5000 digits": ('{"format": "ampnet", "version": %s}' % ("1" * 5000), "damaged"),
    "another program": ('{"format": "pt"}', "not an ampnet checkpoint"),
    "later": ('{"format": "ampnet", "version": 2}', "newer ampnet"),
}


@pytest.mark.parametrize("what", HEADERS)
def test_headers_of_another_form_are_refused(tmp_path, what):
    text, message = HEADERS[what]
    file = tmp_path / "a.safetensors"
    file.write_bytes(save({"a": torch.zeros(1)}, metadata={"ampnet": text}))
    refused(file, message)


@pytest.mark.parametrize("offsets", [[4, 8], [0, 8], [-4, 0], [0, 2**62], [4, 0], ["0", "4"], [], None])
def test_offsets_that_do_not_fit_are_refused(tmp_path, offsets):
    header = tiny_checkpoint().header()
    data = saved_bytes(tmp_path, ".safetensors")
    length = int.from_bytes(data[:8], "little")
    described = json.loads(data[8 : 8 + length])
    described["global_head.bias"]["data_offsets"] = offsets
    described["__metadata__"] = {"ampnet": json.dumps(header)}
    refused(with_description(tmp_path / "a.safetensors", json.dumps(described), data[8 + length :]), "not a checkpoint")


def test_a_header_with_nan_is_no_json(tmp_path):
    refused(write_changed(tmp_path / "a.safetensors", lambda c: c.update(branch_weight=float("nan"))), "damaged")


def test_only_regular_files_are_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.safetensors")
    (tmp_path / "zero.safetensors").symlink_to("/dev/zero")
    refused(tmp_path / "pipe.safetensors", "it is a pipe")
    refused(tmp_path / "zero.safetensors", "it is a device")
