"""A server on this machine that stands for one on the internet, and a policy that allows to ask it."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from ampnet.files.download import Policy

Answer = Callable[[BaseHTTPRequestHandler, threading.Event], None]
"""Writes an answer; the event is set when the server is to end."""

LOCAL = Policy(allows=lambda address: address.is_loopback)


def content(data: bytes, status: int = 200, **headers: str) -> Answer:
    """Answer with these bytes; ``Content_Type="text/html"`` is a header."""

    def answer(request: BaseHTTPRequestHandler, _end: threading.Event) -> None:
        request.send_response(status)
        for name, value in ({"Content_Length": str(len(data))} | headers).items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(data)

    return answer


def redirect(place: str, status: int = 302) -> Answer:
    """Send the client elsewhere."""
    return content(b"", status, Location=place)


@contextmanager
def server(answers: dict[str, Answer], context: ssl.SSLContext | None = None) -> Iterator[str]:
    """Answer requests for these paths until the block is left; gives the address without a slash at its end."""
    end = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                answers.get(self.path, content(b"nothing here", 404))(self, end)
            except OSError:  # the client has left
                self.close_connection = True

        def log_message(self, *_arguments: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_arguments: object) -> None:
            pass

    running = Server(("127.0.0.1", 0), Handler)
    if context:
        running.socket = context.wrap_socket(running.socket, server_side=True)
    thread = threading.Thread(target=running.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"{'https' if context else 'http'}://127.0.0.1:{running.server_port}"
    finally:
        end.set()
        running.shutdown()
        thread.join()
        running.server_close()
