"""Devices, seeds, requests to stop, and processes that end together."""

import os
import signal
import time
from pathlib import Path

import pytest
import torch
from torch import distributed

from ampnet.errors import ConfigError, TrainingError, UsageError
from ampnet.runtime.collectives import broadcast_object, sum_over_processes
from ampnet.runtime.devices import choose_device, count_gpus, has_fast_bf16, seed_step
from ampnet.runtime.launch import Process, join_processes, launch
from ampnet.runtime.signals import LEAVING_SECONDS, StopRequest

CPU = torch.device("cpu")


def test_zero_gpus_is_the_cpu():
    assert choose_device(0) == torch.device("cpu")
    assert count_gpus(0) == 0


def test_more_gpus_than_there_are_says_how_many_there_are(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert count_gpus(None) == 2
    assert choose_device(1) == torch.device("cuda", 0)
    with pytest.raises(UsageError, match="3 GPUs were asked for, but 2 can be used; run with --gpus 2"):
        count_gpus(3)


def test_bf16_is_fast_where_the_cpu_has_kernels_for_it():
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").is_file() else ""
    if "avx2" not in flags:
        pytest.skip("tells nothing of this CPU")
    assert has_fast_bf16(CPU) == ("avx512" in flags)
    assert has_fast_bf16(torch.device("cuda"))


def test_a_process_without_a_launcher_is_alone():
    with join_processes(0) as process:
        assert process == Process(0, 1, torch.device("cpu"))
        assert sum_over_processes(torch.tensor([3.0]), process).item() == 3
        assert broadcast_object("word", process) == "word"


def test_a_steps_randomness_depends_on_seed_step_and_rank_only():
    def numbers(*place):
        seed_step(*place)
        return torch.rand(3).tolist()

    assert numbers(1, 2, 0) == numbers(1, 2, 0)
    assert len({tuple(numbers(*place)) for place in ((1, 2, 0), (2, 2, 0), (1, 3, 0), (1, 2, 1))}) == 4


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
    left = []
    monkeypatch.setattr(os, "_exit", left.append)
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.setenv(name, "1")
    with StopRequest() as stop:
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGINT)
    assert stop.made
    time.sleep(LEAVING_SECONDS + 0.5)
    assert left == [130]  # its result is not waited for


def together(base):
    with join_processes(0) as process:
        total = sum_over_processes(torch.tensor([base + process.rank]), process)
        return process.world_size, total.item(), broadcast_object(f"from {process.rank}", process)


def one_fails_while_the_other_waits(message):
    with join_processes(0) as process:
        if process.rank == 0:
            raise ConfigError(message) if message else RuntimeError("out of luck")
        distributed.barrier()


def test_launched_processes_add_up_and_listen_to_the_first():
    before = signal.getsignal(signal.SIGTERM)
    assert launch(2, together, 10) == (2, 21, "from 0")
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_failing_process_ends_the_others_and_passes_its_message_on():
    with pytest.raises(ConfigError, match=r"^lr must be above 0: it is -1$"):
        launch(2, one_fails_while_the_other_waits, "lr must be above 0: it is -1")
    with pytest.raises(TrainingError, match="training process 0 failed: RuntimeError: out of luck; the others"):
        launch(2, one_fails_while_the_other_waits, "")
