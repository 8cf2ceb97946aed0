"""Decoding in a child process: what a photo does to it ends with the photo."""

import os
import signal
import threading
from pathlib import Path

import pytest

from ampnet.errors import ImageError
from ampnet.media.decoding import decode
from ampnet.reading.photo_decoders import Decoder, DecoderPool
from tests.hostile_images import claiming
from tests.service.running import wait_for

PORTRAIT = (Path(__file__).parents[1] / "samples/portrait.jpg").read_bytes()
MAX_PIXELS, SECONDS = 1_000_000, 100.0


@pytest.fixture(scope="module")
def restarts():
    return []


@pytest.fixture(scope="module")
def decoder(restarts):
    started = Decoder(MAX_PIXELS, SECONDS, lambda: restarts.append(1))
    yield started
    started.close()


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_photo_is_decoded_as_in_this_process(decoder):
    found, expected = decoder.decode(PORTRAIT), decode(PORTRAIT)
    assert (found.image == expected.image).all()
    assert found.size_hw == expected.size_hw


def test_a_damaged_or_too_large_photo_gives_its_reason_and_the_process_stays(decoder):
    process = decoder.process_id
    for data, reason in (
        (b"", "the file is empty"),
        (b"nothing", "not an image, or a damaged one"),
        (claiming(2000, 1000), "2000 x 1000 pixels are more than 1,000,000"),
        (PORTRAIT[:5000], "truncated"),
    ):
        with pytest.raises(ImageError, match=reason):
            decoder.decode(data)
    assert decoder.process_id == process
    assert decoder.decode(PORTRAIT).image.shape == (512, 512, 3)


def test_a_photo_that_kills_the_decoder_is_refused_and_the_next_one_gets_a_new_process(decoder, restarts):
    process, before, problems = decoder.process_id, len(restarts), []

    def ask():
        try:
            decoder.decode(PORTRAIT)
        except ImageError as error:
            problems.append(str(error))

    os.kill(process, signal.SIGSTOP)
    asking = threading.Thread(target=ask)
    asking.start()
    wait_for(lambda: state(process) == "T")
    os.kill(process, signal.SIGKILL)
    asking.join()
    if problems:  # it may also have died before it was asked
        assert problems == ["it makes the decoder crash, or takes too much memory"]
    assert len(restarts) == before + 1
    assert decoder.process_id != process
    assert decoder.decode(PORTRAIT).image.shape == (512, 512, 3)


def test_a_photo_that_takes_too_long_is_given_up():
    restarts = []
    decoder = Decoder(MAX_PIXELS, 0.2, lambda: restarts.append(1))
    os.kill(decoder.process_id, signal.SIGSTOP)
    with pytest.raises(ImageError, match=r"decoding it takes more than 0\.2 s"):
        decoder.decode(PORTRAIT)
    assert restarts == [1]
    decoder.close()


def test_a_pool_ends_its_processes():
    pool = DecoderPool(1, MAX_PIXELS, SECONDS)
    assert pool.decode(PORTRAIT).size_hw == (512, 512)
    (process,) = pool.process_ids
    pool.close()
    assert not Path(f"/proc/{process}").exists()


def test_a_decoder_writes_no_files_and_leaves_no_dump(decoder):
    limits = Path(f"/proc/{decoder.process_id}/limits").read_text()
    for limit in ("Max file size", "Max core file size"):
        line = next(line for line in limits.splitlines() if line.startswith(limit))
        assert line.removeprefix(limit).split()[:2] == ["0", "0"]
