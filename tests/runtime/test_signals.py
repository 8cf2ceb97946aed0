"""Requests to stop."""

import os
import signal
import threading

import pytest

from ampnet.runtime import signals
from ampnet.runtime.signals import StopRequest


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_request_to_stop_is_noted_once_and_handlers_come_back(number):
    before = signal.getsignal(number)
    with StopRequest() as stop:
        assert not stop.made
        os.kill(os.getpid(), number)
        assert stop.made
    assert signal.getsignal(number) is before


def test_asking_twice_stops_at_once():
    with StopRequest() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert stop.made


def test_a_ctrl_c_that_a_launcher_passes_on_is_asked_once(monkeypatch):
    left: list[int] = []
    monkeypatch.setattr(os, "_exit", left.append)
    monkeypatch.setattr(signals, "LEAVING_SECONDS", 0.1)
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.setenv(name, "1")
    with StopRequest() as stop:
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGINT)
    assert stop.made
    (leaving,) = (thread for thread in threading.enumerate() if isinstance(thread, threading.Timer))
    leaving.join()
    assert left == [130]  # its result is not waited for
