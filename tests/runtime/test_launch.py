"""One process or several, which add up, listen to the first, and end together."""

import os
import signal
from types import SimpleNamespace

import pytest
import torch
from torch import distributed

from ampnet.errors import ConfigError, ProcessError
from ampnet.runtime.collectives import broadcast_object, sum_over_processes
from ampnet.runtime.launch import Process, _first_failure, join_processes, launch

pytestmark = pytest.mark.slow


def test_a_process_without_a_launcher_is_alone():
    with join_processes(0) as process:
        assert process == Process(0, 1, torch.device("cpu"))
        assert sum_over_processes(torch.tensor([3.0]), process).item() == 3
        assert broadcast_object("word", process) == "word"


def together(base):
    with join_processes(0) as process:
        total = sum_over_processes(torch.tensor([base + process.rank]), process)
        return process.world_size, total.item(), broadcast_object(f"from {process.rank}", process)


def one_fails_while_the_other_waits(message):
    with join_processes(0) as process:
        if process.rank == 0:
            raise ConfigError(message) if message else RuntimeError("out of luck")
        distributed.barrier()


@pytest.mark.soak
def test_launched_processes_add_up_and_listen_to_the_first():
    before = signal.getsignal(signal.SIGTERM)
    assert launch("ampnet test", 2, together, 10) == (2, 21, "from 0")
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_failing_process_ends_the_others_and_passes_its_message_on():
    with pytest.raises(ConfigError, match=r"^lr must be above 0: it is -1$"):
        launch("ampnet test", 2, one_fails_while_the_other_waits, "lr must be above 0:\nit is -1")


@pytest.mark.parametrize(
    ("code", "message", "error"),
    [
        (-9, "", ProcessError("process 1 of ampnet test was killed by signal SIGKILL; the others were stopped")),
        (3, "", ProcessError("process 1 of ampnet test failed: exit code 3; the others were stopped")),
        (1, {"message": "Traceback\nConfigError: no: lr"}, ConfigError("no: lr")),
        (1, "OSError: no", ProcessError("process 1 of ampnet test failed: OSError: no; the others were stopped")),
    ],
)
def test_the_first_failure_is_the_one_that_is_told(code, message, error):
    first = SimpleNamespace(local_rank=1, exitcode=code, message=message, timestamp=7)
    later = SimpleNamespace(local_rank=0, exitcode=1, message="gloo: connection closed", timestamp=8)
    told = _first_failure("ampnet test", {0: later, 1: first})
    assert (type(told), str(told)) == (type(error), str(error))


def one_is_killed_while_the_other_waits():
    with join_processes(0) as process:
        if process.rank == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        distributed.barrier()


@pytest.mark.soak
def test_a_killed_process_ends_the_others_and_is_named():
    with pytest.raises(ProcessError, match=r"^process 0 of ampnet test was killed by signal SIGKILL; the others were"):
        launch("ampnet test", 2, one_is_killed_while_the_other_waits)


@pytest.mark.soak
def test_an_unexpected_error_of_a_process_is_named():
    with pytest.raises(ProcessError, match=r"^process 0 of ampnet test failed: RuntimeError: out of luck; the others"):
        launch("ampnet test", 2, one_fails_while_the_other_waits, "")
