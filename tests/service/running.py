"""A real `ampnet serve` process for tests."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.processes import Command

PATIENCE = 600.0
"""Seconds to wait for what happens within milliseconds on an idle machine."""


@dataclass
class Running:
    """A service."""

    process: "Command | subprocess.Popen[str]"
    address: str
    folder: Path
    """Its working folder."""

    @property
    def place(self) -> tuple[str, int]:
        """Host and port, for a socket."""
        url = httpx.URL(self.address)
        return url.host, url.port or 80

    def decoders(self) -> list[int]:
        """List the processes that decode its photos."""
        listed = Path(f"/proc/{self.process.pid}/task").glob("*/children")  # decoders are started by several threads
        found = []
        for entry in listed:
            for child in entry.read_text().split():
                with suppress(OSError):  # it may just have ended
                    if b"photo_decoding" in Path(f"/proc/{child}/cmdline").read_bytes():
                        found.append(int(child))
        return found

    def counted(self, name: str, token: str = "") -> float:
        """Read one number of /metrics."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        lines = httpx.get(f"{self.address}metrics", headers=headers, timeout=PATIENCE).text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))

    def wait_until_counted(self, name: str, value: float) -> None:
        """Wait for a number of /metrics."""
        wait_for(lambda: self.counted(name) == value)

    @contextmanager
    def stopped_decoders(self) -> Iterator[None]:
        """Keep its decoders from going on, as a very busy machine would."""
        stopped = self.decoders()
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in stopped:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)


def wait_for(condition) -> None:
    """Wait until something holds; fail if it never does."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


@contextmanager
def running(folder: Path, *options: str, **environment: str) -> Iterator[Running]:
    """Start a service, and end it.

    Args:
        folder: its working folder.
        options: of `ampnet serve`.
        environment: further variables.
    """
    process = Command("serve", "--port", "0", *options, cwd=folder, **environment)
    try:
        line = process.stdout.readline()
        assert line.startswith("ampnet serves "), process.stderr.read()
        address = line.removeprefix("ampnet serves ").strip()
        yield Running(process, address.replace("0.0.0.0", "127.0.0.1"), folder)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def answered(place: tuple[str, int], request: bytes) -> bytes:
    """Send bytes on a new connection, and read until the service closes it."""
    with socket.create_connection(place, PATIENCE) as connection:
        connection.sendall(request)
        parts = []
        while part := connection.recv(65_536):
            parts.append(part)
    return b"".join(parts)
