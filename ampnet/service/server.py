"""Running the service: a socket, uvicorn without its logs, and an orderly end."""

import errno
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from ampnet.errors import UsageError
from ampnet.files.printable import reason_of
from ampnet.service.guard import Guard
from ampnet.settings import ServeConfig

MAX_HEADER_BYTES = 32_768
"""Maximum bytes of a request line with its headers."""

KEEP_ALIVE_SECONDS = 15
"""How long a connection stays open between two requests."""

BACKLOG = 512
"""Connections that the system accepts before the service does."""


def listen(host: str, port: int) -> socket.socket:
    """Open the socket to listen on.

    Raises:
        UsageError: the address is not this machine's, or is in use.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((host, port))
        opened.listen(BACKLOG)
    except OSError as error:
        opened.close()
        raise UsageError(f"cannot listen on {host} port {port}: {_reason(error)}") from error
    return opened


def _reason(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "the port is in use; choose another with --port, or 0 for any free one"
    if error.errno == errno.EACCES:
        return "ports below 1024 need administrator rights; choose another with --port"
    return f"{reason_of(error)}; choose another address with --host"


def address(opened: socket.socket) -> str:
    """Return the address of a socket for a browser."""
    host, port = opened.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def run(
    app: Guard, config: ServeConfig, opened: socket.socket, on_start: Callable[[], None], debug: bool = False
) -> signal.Signals | None:
    """Serve until SIGTERM or Ctrl-C: what has been sent is answered, new connections are refused.

    Args:
        app: from :func:`ampnet.service.app.create_app`.
        opened: from :func:`listen`.
        on_start: called once the service answers.
        debug: whether errors in ampnet are printed on stderr.

    Returns:
        The signal that ended it.
    """
    logger = logging.getLogger("uvicorn")
    logger.setLevel(logging.ERROR if debug else logging.CRITICAL + 1)  # nothing about requests is logged
    settings = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=round(3 * config.max_seconds) + 1,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
    )
    server = _Server(settings, on_start)
    server.run([opened])
    return server.ended_by


class _Server(uvicorn.Server):
    def __init__(self, settings: uvicorn.Config, on_start: Callable[[], None]) -> None:
        super().__init__(settings)
        self._on_start = on_start
        self.ended_by: signal.Signals | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_start()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Note signals instead of being ended by them again after the orderly end, as uvicorn would be."""

        def note(number: int, _frame: object) -> None:
            self.ended_by = self.ended_by or signal.Signals(number)
            self.handle_exit(number, None)

        earlier = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in earlier.items():
                signal.signal(number, handler)
