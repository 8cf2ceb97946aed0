"""Devices, cores, and random numbers of a step."""

from pathlib import Path

import pytest
import torch

from ampnet import FaceDetector, Predictor
from ampnet.errors import AmpnetError, UsageError
from ampnet.runtime.devices import choose_device, count_gpus, has_fast_bf16, seed_step, usable_device

CPU = torch.device("cpu")


def test_zero_gpus_is_the_cpu():
    assert choose_device(0) == torch.device("cpu")
    assert count_gpus(0) == 0


def test_more_gpus_than_there_are_says_how_many_there_are(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert count_gpus(None) == 2
    assert choose_device(1) == torch.device("cuda", 0)
    with pytest.raises(UsageError, match="3 GPUs requested, but 2 available; run with --gpus 2"):
        count_gpus(3)


@pytest.mark.parametrize("name", ["cuda", "gpu"])
def test_a_device_that_cannot_be_used_is_named_with_one_that_can(name):
    if name == "cuda" and torch.cuda.is_available():
        pytest.skip("it can be used here")
    for make in (usable_device, lambda device: FaceDetector(device=device), lambda device: Predictor(device=device)):
        with pytest.raises(AmpnetError, match=f"cannot use the device '{name}' here: .*; take 'cpu'") as told:
            make(name)
        assert isinstance(told.value, ValueError)
        assert len(str(told.value).splitlines()) == 1


def test_bf16_is_fast_where_the_cpu_has_kernels_for_it():
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").is_file() else ""
    if "avx2" not in flags:
        pytest.skip("tells nothing of this CPU")
    assert has_fast_bf16(CPU) == ("avx512" in flags)
    assert has_fast_bf16(torch.device("cuda"))


def test_a_steps_randomness_depends_on_seed_step_and_rank_only():
    def numbers(*place):
        seed_step(*place)
        return torch.rand(3).tolist()

    assert numbers(1, 2, 0) == numbers(1, 2, 0)
    assert len({tuple(numbers(*place)) for place in ((1, 2, 0), (2, 2, 0), (1, 3, 0), (1, 2, 1))}) == 4
