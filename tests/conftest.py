"""The order of the tests, and what they share the machine by."""

import gc
import os
from functools import cache
from typing import Any

import pytest
import typer.main
import typer.testing

import ampnet.files.isolated
from tests.forked_workers import FORKED
from tests.processes import share_server, start_server

# pytest-xdist has a process on each core; with more threads than cores, each operation waits for the slowest.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENCV_FOR_THREADS_NUM", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # tests with more threads would spin for a core that others use
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # for tests that import onnxruntime before ampnet


# Typer would build all commands anew for each that a test runs, which takes as long as many a command.
vars(typer.testing)["_get_command"] = cache(typer.main.get_command)


# Decoding a video would start Python and FFmpeg anew for each that a test reads.
vars(ampnet.files.isolated)["subprocess"] = FORKED


# Waiting for the disk, against a loss of power that no test brings about, would take an eighth of a command's time.
vars(os)["fsync"] = lambda _descriptor: None


def pytest_configure(config: pytest.Config) -> None:
    """Collect garbage less often: among the objects of so many libraries it would take a sixth of the time."""
    gc.set_threshold(50_000, 20, 50)
    if hasattr(config, "workerinput"):
        share_server(config.workerinput["forks"])


def pytest_collection_finish() -> None:
    """Never again search for garbage among what has been imported and collected."""
    gc.freeze()


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_configure_node(node: Any) -> None:
    """Tell a worker who forks commands for all."""
    node.workerinput["forks"] = start_server()


@pytest.hookimpl(tryfirst=True)  # before items are chosen by their marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Count what only `make soak` runs as slow; begin with the slow files, so that all processes end together.

    The first exports the networks that others need, which would wait for them.
    """
    for item in items:
        if item.get_closest_marker("soak"):
            item.add_marker("slow")
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path not in slow, item.path.name != "test_export.py"))
