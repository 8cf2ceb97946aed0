"""What a run does on the machine at hand where nothing was asked for, and what it says of that."""

import pytest
import torch

from ampnet.errors import ConfigError, UsageError
from ampnet.settings import TrainConfig
from ampnet.settings.recipes import RECIPES, make_recipe
from ampnet.training import defaults
from ampnet.training.defaults import Forecast, resolve_defaults


@pytest.fixture
def machine(monkeypatch):
    """Make this machine one with so many GPUs and cores."""

    def has(gpus, cores):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
        monkeypatch.setattr(defaults, "usable_cores", lambda: cores)

    return has


def chosen(**asked):
    config = resolve_defaults(TrainConfig(**asked))
    return config.variant, config.recipe, config.processes, config.workers


def test_without_a_gpu_each_core_trains_the_small_network_with_the_modern_recipe(machine):
    machine(gpus=0, cores=4)
    assert chosen() == ("ampnet-small", RECIPES["modern"], 4, 1)


def test_with_gpus_each_trains_the_papers_network_with_the_reference_recipe(machine):
    machine(gpus=2, cores=12)
    assert chosen() == ("ampnet", RECIPES["reference"], 2, 6)
    assert chosen(gpus=1) == ("ampnet", RECIPES["reference"], 1, 8)
    assert chosen(gpus=0) == ("ampnet-small", RECIPES["modern"], 12, 1)


def test_processes_of_cpus_are_refused_where_gpus_train(machine):
    machine(gpus=2, cores=12)
    with pytest.raises(UsageError, match="--processes 6: each of 2 GPUs has one; omit it, or add --gpus 0"):
        chosen(processes=6)
    assert chosen(processes=6, gpus=0)[2] == 6
    assert chosen(processes=2)[2] == 2


def test_what_was_asked_for_is_kept(machine):
    machine(gpus=0, cores=4)
    asked = {"variant": "ampnet", "recipe": "reference", "processes": 1, "workers": 0}
    assert chosen(**asked) == ("ampnet", RECIPES["reference"], 1, 0)
    assert chosen(recipe_changes={"epochs": 3})[1] == make_recipe("modern", {"epochs": 3})


@pytest.mark.parametrize(("batch_size", "accumulate", "processes"), [(128, 1, 16), (128, 4, 4), (40, 1, 5), (6, 1, 1)])
def test_each_process_has_eight_faces_of_a_part_unless_asked_otherwise(machine, batch_size, accumulate, processes):
    machine(gpus=0, cores=64)
    assert chosen(recipe_changes={"batch_size": batch_size}, accumulate=accumulate)[2] == processes


def test_too_small_a_batch_for_the_processes_is_refused(machine):
    with pytest.raises(ConfigError, match="at least 2 x accumulate x processes = 8, got 6"):
        TrainConfig(recipe_changes={"batch_size": 6}, processes=4)
    machine(gpus=4, cores=8)
    with pytest.raises(ConfigError, match="at least 2 x accumulate x processes = 8, got 6"):
        chosen(recipe_changes={"batch_size": 6})


def test_under_torchrun_the_processes_are_its_own(machine, monkeypatch):
    machine(gpus=8, cores=32)
    for name, value in {"RANK": 3, "LOCAL_RANK": 3, "WORLD_SIZE": 32, "LOCAL_WORLD_SIZE": 8}.items():
        monkeypatch.setenv(name, str(value))
    assert chosen()[2:] == (32, 4)


def told(monkeypatch, seconds, steps=9, **asked):
    """Give what a run says whose every step of 100 faces takes so long, and after which step; an epoch has 1000."""
    now = iter(range(1000))
    monkeypatch.setattr(vars(defaults)["time"], "monotonic", lambda: seconds * next(now))
    forecast = Forecast(TrainConfig(**asked), resolve_defaults(TrainConfig(**asked)))
    now = iter([10, 13])  # the first step ends at 10, the fourth at 13 (times seconds)
    lines = [forecast.add(100, 1000, is_last=step == steps) for step in range(1, steps + 1)]
    return [(step, line) for step, line in enumerate(lines, start=1) if line]


def test_the_choice_and_the_time_it_takes_are_said_once_after_a_few_steps(machine, monkeypatch):
    machine(gpus=0, cores=2)
    line = "no GPU: training ampnet-small with the modern recipe, about 20 minutes an epoch, 13 hours in all"
    paper = "; the paper's network would take 22 days: --variant ampnet"  # 40 epochs of 20 minutes, times 40
    assert told(monkeypatch, 120) == [(4, line + paper)]
    assert told(monkeypatch, 120, image_size=64) == [(4, line)]
    assert told(monkeypatch, 120, variant="ampnet") == [(4, line.replace("-small", ""))]
    assert told(monkeypatch, 120, recipe="reference")[0][1].startswith("no GPU: training ampnet-small with the ref")


def test_an_epoch_of_one_step_is_no_measure_of_time(machine, monkeypatch):
    machine(gpus=0, cores=2)
    assert told(monkeypatch, 120, steps=1) == [(1, "no GPU: training ampnet-small with the modern recipe")]


def test_nothing_is_said_where_nothing_was_chosen_for_want_of_a_gpu(machine, monkeypatch):
    machine(gpus=0, cores=2)
    assert told(monkeypatch, 1, variant="ampnet-small", recipe="modern") == []
    machine(gpus=1, cores=2)
    assert told(monkeypatch, 1) == []
