"""What the benchmarks of `ampnet serve` share: photos, and a client that takes as little of the machine as possible."""

import asyncio
import io
import json
import random
import time
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageFilter

from benchmarks.measure import SAMPLES

WIDTH, HEIGHT = 640, 480


def make_photos(count: int, seed: int = 0) -> list[bytes]:
    """Make JPEG photos of 640 x 480 with one to three of the rendered sample faces each."""
    rng = random.Random(seed)
    faces = [Image.open(path).convert("RGB") for path in sorted((SAMPLES / "faces").rglob("*.jpg"))]
    photos = []
    for _ in range(count):
        photo = rng.choice(faces).resize((WIDTH, HEIGHT)).filter(ImageFilter.GaussianBlur(60))
        for column in rng.sample(range(3), rng.randint(1, 3)):
            side = rng.randint(110, 200)
            place = column * WIDTH // 3 + rng.randint(0, WIDTH // 3 - side), rng.randint(0, HEIGHT - side)
            photo.paste(rng.choice(faces).resize((side, side)), place)
        content = io.BytesIO()
        photo.save(content, "JPEG", quality=90)
        photos.append(content.getvalue())
    return photos


@dataclass(frozen=True)
class Reply:
    """An answer, or why there is none."""

    status: int
    """0: the connection ended without an answer."""
    seconds: float
    body: bytes = b""
    was_connected: bool = True
    """False if the service refused the connection."""

    def json(self) -> Any:
        """Parse the body."""
        return json.loads(self.body)


class Client:
    """A connection that is kept open; httpx takes a tenth of a small machine for what this does.

    Args:
        place: host and port.
    """

    def __init__(self, place: tuple[str, int]) -> None:
        self._place = place
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def predict(self, photo: bytes, query: str = "") -> Reply:
        """Ask about one photo."""
        head = (
            f"POST /v1/predict{query} HTTP/1.1\r\nHost: {self._place[0]}:{self._place[1]}\r\n"
            f"Content-Type: image/jpeg\r\nContent-Length: {len(photo)}\r\n\r\n"
        )
        return await self.send(head.encode() + photo)

    async def send(self, request: bytes) -> Reply:
        """Send a request and read its answer; once more on a new connection where a kept one turns out to be closed."""
        began = time.perf_counter()
        was_kept = self._writer is not None
        try:
            if self._writer is None:
                self._reader, self._writer = await asyncio.open_connection(*self._place)
        except OSError:
            return Reply(0, time.perf_counter() - began, was_connected=False)
        assert self._reader is not None
        try:
            self._writer.write(request)
            await self._writer.drain()
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = int(head.partition("content-length:")[2].split("\r\n")[0])
            body = await self._reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError):
            self.close()
            return await self.send(request) if was_kept else Reply(0, time.perf_counter() - began)
        if "connection: close" in head:
            self.close()
        return Reply(int(head.split()[1]), time.perf_counter() - began, body)

    def close(self) -> None:
        """Close the connection."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


def quantile(values: list[float], share: float) -> float:
    """Return the value below which a share of the values lies; NaN without any."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else float("nan")
