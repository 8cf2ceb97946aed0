"""Reading the photos of a request, within limits and in memory only."""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive

from ampnet.service import base64_photos
from ampnet.service.refusals import Refusal, busy
from ampnet.settings import ServeConfig

FORM = "multipart/form-data"
RAW = ("image/", "application/octet-stream")
FIELD = "file"

WRONG_TYPE = f"send photos as {FORM} in fields called {FIELD!r}, one as image/jpeg or the like, or base64 in JSON"

SHARED_REQUESTS = 8
"""Number of requests of the maximum size that fit in the memory for all requests."""

DRAIN_SECONDS = 2.0
"""A refused request is read for so long, so that its client gets to read the answer."""


@dataclass(frozen=True, eq=False)
class Upload:
    """A photo as it was sent."""

    name: str
    content: bytes


class _InMemory(MultiPartParser):
    spool_max_size = sys.maxsize  # nothing is written to a disk
    is_whole = False
    """Whether the last boundary has come; a photo before it is not listed without it."""

    def on_end(self) -> None:
        self.is_whole = True


class Uploads:
    """Reads requests, and bounds what they take together."""

    def __init__(self, config: ServeConfig) -> None:
        self._max_bytes = round(config.max_megabytes * 1e6)
        self._max_files, self._max_seconds = config.max_files, config.max_seconds
        self._held = 0

    def check(self, request: Request) -> None:
        """Refuse a request for its headers alone.

        Raises:
            Refusal: it announces too many bytes, or another type of content.
        """
        kind = request.headers.get("content-type", "").lower()
        if not kind.startswith((FORM, *RAW, base64_photos.TYPE)):
            raise Refusal(415, "wrong_type", WRONG_TYPE)
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise Refusal(415, "wrong_type", "the body is packed (Content-Encoding); send photos as they are")
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._max_bytes:
            raise self._too_large()

    async def read(self, request: Request) -> "Held":
        """Read the photos of a request; give their bytes back with :meth:`Held.release`.

        Raises:
            Refusal: the request is too large, too slow or malformed, holds no photo or too many.
            ClientDisconnect: its client has disconnected.
        """
        held = Held(self)
        try:
            kind = request.headers.get("content-type", "").lower()
            if kind.startswith(FORM):
                held.photos, held.is_list = await self._form(request, held), True
            else:
                body = b"".join([part async for part in self._bounded(request, held)])
                contents = [body]
                if kind.startswith(base64_photos.TYPE):
                    contents, held.is_list = await asyncio.to_thread(base64_photos.decode_body, body, self._max_files)
                names = [f"photo {number}" for number in range(1, len(contents) + 1)] if held.is_list else ["photo"]
                held.photos = [Upload(*photo) for photo in zip(names, contents, strict=True)]
        except BaseException:
            held.release()
            raise
        return held

    async def _form(self, request: Request, held: "Held") -> list[Upload]:
        parser = _InMemory(
            request.headers, self._bounded(request, held), max_files=self._max_files, max_fields=0, max_part_size=1000
        )
        try:
            form = await parser.parse()
        except MultiPartException as error:
            if "Too many files" in error.message:
                message = f"more than {self._max_files} photos in a request; send them in several requests"
                raise Refusal(413, "too_many_files", message) from error
            raise Refusal(400, "malformed", f"malformed {FORM}: only files in fields called {FIELD!r}") from error
        if not parser.is_whole:
            raise Refusal(400, "malformed", f"malformed {FORM}: it is cut off before its last boundary")
        return await self._files(form)

    async def _files(self, form: FormData) -> list[Upload]:
        photos: list[Upload] = []
        for field, item in form.multi_items():
            if field != FIELD or not isinstance(item, UploadFile):
                raise Refusal(400, "malformed", f"unknown field; photos are files in fields called {FIELD!r}")
            photos.append(Upload(item.filename or f"photo {len(photos) + 1}", await item.read()))
            await item.close()
        if not photos:
            raise Refusal(400, "no_photo", f"no photo in the request; add files in fields called {FIELD!r}")
        return photos

    async def _bounded(self, request: Request, held: "Held") -> AsyncGenerator[bytes, None]:
        """Yield a request's body, until one of the limits is met."""
        deadline = time.monotonic() + self._max_seconds
        while True:
            try:
                message = await asyncio.wait_for(request.receive(), deadline - time.monotonic())
            except asyncio.TimeoutError as error:
                message_ = f"the request has not arrived within {self._max_seconds:g} s"
                raise Refusal(408, "too_slow", message_, {"Connection": "close"}) from error
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            part = message.get("body", b"")
            if held.count + len(part) > self._max_bytes:
                raise self._too_large()
            if self._held + len(part) > SHARED_REQUESTS * self._max_bytes:
                raise busy("requests take too much memory together; try again")
            held.count += len(part)
            self._held += len(part)
            if part:
                yield part
            if not message.get("more_body", False):
                return

    def _too_large(self) -> Refusal:
        message = f"the request has more than {self._max_bytes:,} bytes; send smaller or fewer photos"
        return Refusal(413, "too_large", message)

    def give_back(self, count: int) -> None:
        """Release bytes that are no longer held."""
        self._held -= count

    async def drain(self, receive: Receive) -> None:
        """Read what is left of a refused request, for a while."""
        left = self._max_bytes
        deadline = time.monotonic() + DRAIN_SECONDS
        message: Message = {"more_body": True}
        with suppress(asyncio.TimeoutError):
            while message.get("more_body", False) and left > 0:
                message = await asyncio.wait_for(receive(), deadline - time.monotonic())
                left -= len(message.get("body", b""))


class Held:
    """The photos of one request, and the bytes that they are counted for."""

    def __init__(self, owner: Uploads) -> None:
        self._owner = owner
        self.photos: list[Upload] = []
        self.is_list = False
        """Whether each photo has its own answer, so that a broken one affects only itself."""
        self.count = 0

    def release(self) -> None:
        """Release the photos."""
        self.photos = []
        self._owner.give_back(self.count)
        self.count = 0
