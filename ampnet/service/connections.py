"""HTTP connections with an end: each has a time to send a request, and to read its answer."""

import asyncio
import json
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from ampnet.service.refusals import BUSY_SECONDS, Refusal, busy

MAX_HEADER_BYTES = 32_768
"""Longest request line with headers."""

KEEP_ALIVE_SECONDS = 15
"""How long a connection stays open between two requests."""

LAST_READ_SECONDS = 0.1
"""At the end of the service, connections without a request are closed after so long."""


class Connection(H11Protocol):
    """Closes a connection that sends no request or does not read its answer, and refuses one too many.

    uvicorn itself waits for ever for the first request, and for a client that does not read.
    """

    max_connections = 256
    max_seconds = 30.0
    """To send a request's headers; then three times as long for its content, its answer and reading that."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin; see :class:`asyncio.Protocol`."""
        super().connection_made(transport)
        if len(self.connections) > self.max_connections:
            transport.write(_as_bytes(busy(f"{self.max_connections} connections are open already; try again")))
            # Its request is read and dropped: closing with unread bytes would lose the answer.
            self._is_refused = True
            self._watch_for(BUSY_SECONDS)
            return
        self._watch_for(self.max_seconds)

    _is_refused = False

    def data_received(self, data: bytes) -> None:
        """Take a part of a request; see :class:`asyncio.Protocol`."""
        if self._is_refused:
            return
        is_new = self.cycle is None or self.cycle.response_complete
        if is_new and self.conn.their_state is h11.IDLE and self._watch is None:
            self._watch_for(self.max_seconds)  # the first byte after another request
        super().data_received(data)

    def handle_events(self) -> None:
        """Go on with what has been received; see uvicorn."""
        before = self.cycle
        super().handle_events()
        if self.cycle is not before:  # a request has begun
            self._watch_for(3 * self.max_seconds)

    def eof_received(self) -> None:
        """Close what is refused as soon as its client has done so."""
        if self._is_refused:
            self.transport.close()
        super().eof_received()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        self.transport.write(_as_bytes(Refusal(400, "malformed", msg)))
        self.transport.close()

    def on_response_complete(self) -> None:
        """End a request; uvicorn's timer runs until the next one, and ours if the answer is not read at once."""
        self._unwatch()
        if self.transport.get_write_buffer_size():
            self._watch_for(self.max_seconds)
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """End; see :class:`asyncio.Protocol`."""
        self._unwatch()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """End soon; see uvicorn. What a client has sent already is still read and answered."""
        self.loop.call_later(LAST_READ_SECONDS, super().shutdown)

    def _watch_for(self, seconds: float) -> None:
        self._unwatch()
        self._watch = self.loop.call_later(seconds, self.transport.abort)

    def _unwatch(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None


def _as_bytes(refusal: Refusal) -> bytes:
    """Write an answer after which the connection is closed."""
    body = json.dumps(refusal.to_dict()).encode()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"}
    lines = [f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in (headers | refusal.headers).items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def connection_class(max_connections: int, max_seconds: float) -> type[Connection]:
    """Make a class of connections with limits."""
    return type("Connection", (Connection,), {"max_connections": max_connections, "max_seconds": max_seconds})
