"""Files changed at random: each is read, or refused in one line; nothing else ever happens."""

import json
import math
from typing import Any

import numpy as np
import pytest
import torch

from ampnet.checkpoints.checkpoint import load_checkpoint
from ampnet.errors import CheckpointError
from tests.checkpoints.stored_files import SUFFIXES, replace_entry, saved_bytes, tiny_checkpoint, write_changed
from tests.memory import takes_at_most

pytestmark = pytest.mark.slow

TRIALS = 40
"""Of each kind of damage; `make fuzz` tries more."""

STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 2**31, 2**63, 10**30, 1e308, -0.0, math.nan, math.inf, -math.inf),
    *("", "x", "\0", "\x1b[31m", "a\nb", "x" * 5000, "1", "nan", [], {}, [[]], {"": {}}, [None] * 300, [1e9] * 5),
)


def outcome(file):
    """Load a file; gives the refusal, or nothing if the file was taken and works."""
    try:
        checkpoint = load_checkpoint(file)
    except CheckpointError as error:
        line = str(error)
        assert line.startswith(f"cannot read {file}: ")
        assert line.isprintable()
        assert len(line) < 300
        return line
    assert all(value.isfinite().all() for value in checkpoint.model.state_dict().values())
    json.dumps(checkpoint.header(), allow_nan=False)
    return ""


def damaged(data, rng):
    data = bytearray(data)
    kind = rng.integers(5)
    at, end = sorted(rng.integers(0, len(data), 2))
    if kind == 0:
        del data[at:]
    elif kind == 1:
        del data[at : min(end, at + 20)]
    elif kind == 2:
        data[at:at] = data[at : min(end, at + 20)]
    else:
        for place in rng.integers(0, len(data), rng.integers(1, 5)):
            data[place] = rng.integers(256)
    return bytes(data)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_bytes_changed_anywhere(tmp_path, suffix):
    whole, rng, file = saved_bytes(tmp_path, suffix), np.random.default_rng(5), tmp_path / f"a{suffix}"
    refusals = []
    with takes_at_most(256):
        for _ in range(TRIALS):
            file.write_bytes(damaged(whole, rng))
            refusals.append(outcome(file))
    assert sum(map(bool, refusals)) > TRIALS / 2


def test_a_pickle_changed_anywhere_under_a_right_checksum(tmp_path):
    whole, rng, file = saved_bytes(tmp_path, ".pt"), np.random.default_rng(6), tmp_path / "a.pt"
    refusals = []
    with takes_at_most(256):
        for _ in range(TRIALS):
            file.write_bytes(replace_entry(whole, "data.pkl", lambda body: damaged(body, rng)))
            refusals.append(outcome(file))
    assert sum(map(bool, refusals)) > TRIALS / 2


def test_a_description_changed_anywhere(tmp_path):
    whole, rng, file = saved_bytes(tmp_path, ".safetensors"), np.random.default_rng(7), tmp_path / "a.safetensors"
    length = int.from_bytes(whole[:8], "little")
    refusals = []
    for _ in range(TRIALS):
        text = damaged(whole[8 : 8 + length], rng)
        file.write_bytes(len(text).to_bytes(8, "little") + text + whole[8 + length :])
        refusals.append(outcome(file))
    assert sum(map(bool, refusals)) > TRIALS / 2


def places(value, path=()):
    """List the paths of all values in nested dicts and lists."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from places(item, (*path, key))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_values_exchanged_for_strange_ones(tmp_path, suffix):
    rng, file = np.random.default_rng(8), tmp_path / f"a{suffix}"
    paths = list(places(tiny_checkpoint().header()))

    def change(content):
        *folders, name = paths[rng.integers(len(paths))]
        for key in folders:
            content = content[key]
        content[name] = STRANGE[rng.integers(len(STRANGE))]

    refusals = [outcome(write_changed(file, change)) for _ in range(TRIALS)]
    assert sum(map(bool, refusals)) > TRIALS / 2


def test_tensors_exchanged_for_strange_ones(tmp_path):
    rng, file = np.random.default_rng(9), tmp_path / "a.pt"
    names = sorted(tiny_checkpoint().model.state_dict())
    strange = (
        *STRANGE,
        torch.zeros(0),
        torch.zeros(()),
        torch.eye(3).to_sparse(),
        torch.zeros(3, dtype=torch.complex64),
    )

    def change(content):
        content["model"][names[rng.integers(len(names))]] = strange[rng.integers(len(strange))]

    for _ in range(TRIALS // 2):
        assert outcome(write_changed(file, change))
