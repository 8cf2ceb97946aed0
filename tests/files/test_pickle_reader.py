"""The reader of pickles: plain values come back, and no instruction takes more than its share of time and memory."""

import io
import pickle

import pytest

from ampnet.errors import CheckpointError
from ampnet.files.pickle_reader import read_inert
from tests.memory import takes_at_most

VALUES = {"a": [1, -2, 2.5, None, True], 3: ("text", b"bytes"), -(2**40): {}, None: "ünï", 0.5: []}


def read(body, **limits):
    return read_inert(io.BytesIO(body), **limits).content


@pytest.mark.parametrize("protocol", range(3, 6))
def test_plain_values_come_back(protocol):
    assert read(pickle.dumps(VALUES, protocol)) == VALUES


def test_sets_come_back_as_lists():
    assert sorted(read(pickle.dumps({3, 1, 2}, 4))) == [1, 2, 3]
    assert sorted(read(pickle.dumps(frozenset({3, 1, 2}), 4))) == [1, 2, 3]


def test_a_pickle_may_be_as_long_as_the_caller_says():
    body = b"N0" * 10 + b"N."
    assert read(body, max_instructions=22) is None
    with pytest.raises(CheckpointError, match="more than 21 instructions"):
        read(body, max_instructions=21)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (pickle.dumps({k * (2**61 - 1): None for k in range(1, 99)}, 2), "a huge number is used as a key"),
        (b"Np99999999999999\n.", "a memo has no such place"),
        (b"Np-1\n.", "a memo has no such place"),
        (b"I" + b"1" * 10**7 + b"\n.", "its pickle is broken"),  # text of this length takes a minute to become a number
        (b"}" + b")" + b"\x85" * 10**5 + b"Ns.", "a tuple is used as a key"),
    ],
    ids=["keys of one hash", "far memo", "negative memo", "long number", "deep key"],
)
def test_what_would_take_time_without_end_is_refused(body, message):
    with pytest.raises(CheckpointError, match=message):
        read(body)


@pytest.mark.parametrize("instruction", [b"]", b"}", b"\x8f", b"(", b")\x85", b"N\x94", b"\x80\x020"])
def test_the_most_instructions_take_bounded_memory(instruction):
    with takes_at_most(400), pytest.raises(CheckpointError):
        read(instruction * 1_000_000 + b".")
