"""The engine of the service keeps nothing of requests that nobody waits for any more."""

import asyncio
import gc
import sys
from threading import Event
from typing import Any, cast

import pytest

from ampnet.errors import ImageError

pytest.importorskip("fastapi")

from ampnet.service.engine import Engine
from ampnet.service.metrics import Metrics


class SlowDecoders:
    """A single decoder, at work until it is released."""

    count = 1

    def __init__(self) -> None:
        self.is_released = Event()

    def decode(self, _data: bytes, _enough_side: int | None) -> None:
        self.is_released.wait(20)
        raise ImageError("released")

    def close(self) -> None:
        """Nothing is to be closed."""


def test_a_photo_whose_client_has_gone_is_dropped_before_a_decoder_comes_to_it() -> None:
    decoders, photo = SlowDecoders(), bytes(1000)

    async def serve() -> tuple[int, int]:
        settings: Any = {"queue": 9, "batch_size": 1, "batch_wait": 0.0, "parallel": 1, "max_faces": 9}
        engine = Engine(cast(Any, None), cast(Any, None), cast(Any, decoders), Metrics(), **settings)
        engine.start()
        slow = asyncio.ensure_future(engine.find("slow.jpg", b"slow", explain=False))
        waiting = asyncio.ensure_future(engine.find("gone.jpg", photo, explain=False))
        await asyncio.sleep(0.05)
        held = sys.getrefcount(photo)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        del waiting
        gc.collect()  # frames of the cancelled task
        left = sys.getrefcount(photo)
        slow.cancel()
        decoders.is_released.set()
        await engine.stop()
        return held, left

    before = sys.getrefcount(photo)
    held, left = asyncio.run(serve())
    assert held > before
    assert left == before
