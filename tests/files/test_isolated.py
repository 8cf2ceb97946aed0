"""The child processes that work on untrusted files, and the messages between them and their parent."""

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from ampnet.files.isolated import HEADER, Channel, Worker

MEMORY = 1 << 30


@dataclass(frozen=True)
class Order:
    """What the child of these tests does with each message."""

    deed: str


def main(order: Order, parent: Channel) -> None:
    """Answer each message until the parent has gone."""
    while True:
        message = parent.receive()
        content = parent.take(message.size)
        if order.deed == "write":
            try:
                Path(message.values[0]).write_bytes(b"0")
                parent.send(1)
            except OSError:
                parent.send(2)
        elif order.deed == "swell":
            parent.send(len(bytearray(4 * MEMORY)))
        else:
            parent.send(message.kind + 1, message.values, bytes(content))


@pytest.fixture(autouse=True)
def real_processes(monkeypatch):
    """Start children as the product does."""
    monkeypatch.setattr("ampnet.files.isolated.subprocess", subprocess)


@pytest.fixture
def worker(request):
    started = Worker(Order(getattr(request, "param", "echo")), MEMORY)
    yield started
    started.close()


def soon() -> float:
    return time.monotonic() + 600


def is_gone(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


def test_values_and_content_come_back_as_they_were_sent(worker):
    content = bytes(range(256)) * 5000
    worker.channel.send(3, [1, 0.5, "ä\ud800", None], content)
    assert worker.channel.receive(soon()) == (4, [1, 0.5, "ä\ud800", None], len(content))
    assert worker.channel.take(len(content), soon()) == content


@pytest.mark.parametrize("worker", ["write"], indirect=True)
def test_a_child_writes_no_files_unless_it_may(worker, tmp_path):
    worker.channel.send(0, [str(tmp_path / "file")])
    assert worker.channel.receive(soon()).kind == 2


@pytest.mark.parametrize("worker", ["swell"], indirect=True)
def test_a_child_that_takes_too_much_memory_ends_and_its_parent_hears_of_it(worker):
    worker.channel.send(0)
    with pytest.raises((EOFError, ConnectionError)):
        worker.channel.receive(soon())
    assert "crashed" in worker.cause_of_death()


def test_a_child_that_does_not_answer_in_time_is_given_up(worker):
    os.kill(worker.process_id, signal.SIGSTOP)
    worker.channel.send(0)
    with pytest.raises(TimeoutError):
        worker.channel.receive(time.monotonic() + 0.1)


def test_a_child_ends_when_its_parent_closes_the_socket(worker):
    worker.channel.send(0)
    worker.channel.receive(soon())
    worker.channel.close()
    deadline = soon()
    while not is_gone(worker.process_id) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert is_gone(worker.process_id)


def test_a_head_that_claims_too_much_is_refused():
    import socket

    ours, its = socket.socketpair()
    its.sendall(HEADER.pack(0, 1 << 31, 0))
    with pytest.raises(ValueError, match="too long"):
        Channel(ours).receive(soon())
    its.close()
    ours.close()
