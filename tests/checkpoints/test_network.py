"""Weights are compared with the network's outline before they are read, and hold numbers only."""

import math

import pytest
import torch

from ampnet.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from ampnet.checkpoints.network import outline
from ampnet.errors import CheckpointError
from ampnet.models.ampnet import AMPNet
from ampnet.settings import ArchitectureConfig
from tests.checkpoints.stored_files import SUFFIXES, tiny_checkpoint, write_changed
from tests.memory import takes_at_most

BIAS, VARIANCE = "global_head.bias", "stem.first.bn.running_var"


@pytest.mark.parametrize(
    "size", [{"width": 0.1}, {"width": 0.25, "num_classes": 8}, {"width": 0.05, "modules": ("gp",)}]
)
def test_the_outline_has_the_names_shapes_types_and_layout_of_the_network(size):
    torch.manual_seed(3)
    drawn = torch.random.get_rng_state()
    planned = outline(ArchitectureConfig(**size))
    assert torch.equal(torch.random.get_rng_state(), drawn)
    assert {value.device.type for value in planned.state_dict().values()} == {"meta"}
    network = AMPNet(**size)
    described = [
        [(name, value.shape, value.dtype, value.stride()) for name, value in one.state_dict().items()]
        for one in (planned, network)
    ]
    assert described[0] == described[1]
    assert [one.requires_grad for one in planned.parameters()] == [one.requires_grad for one in network.parameters()]


def test_a_loaded_network_has_the_layout_of_a_new_one(tmp_path):
    save_checkpoint(tmp_path / "a.pt", tiny_checkpoint())
    loaded, new = load_checkpoint(tmp_path / "a.pt").model, AMPNet(3, 0.05, 48, modules=("gp",))
    strides = [[value.stride() for value in one.state_dict().values()] for one in (loaded, new)]
    assert strides[0] == strides[1]
    assert all(parameter.requires_grad for parameter in loaded.parameters())


def filled(name, value):
    return lambda content: content["model"][name].fill_(value)


def replaced(name, value):
    return lambda content: content["model"].update({name: value})


FAULTS = {
    "nan": (filled(BIAS, math.nan), f"{BIAS} holds NaN or infinity"),
    "infinity": (filled(BIAS, math.inf), f"{BIAS} holds NaN or infinity"),
    "infinities that cancel": (replaced(BIAS, torch.tensor([math.inf, -math.inf, 0])), "holds NaN or infinity"),
    "negative variance": (filled(VARIANCE, -1), f"{VARIANCE} holds a negative variance"),
    "another shape": (replaced(BIAS, torch.zeros(4)), rf"{BIAS} has the shape \(4,\), expected \(3,\)"),
    "no sides": (replaced(BIAS, torch.zeros(())), rf"{BIAS} has the shape \(\), expected \(3,\)"),
    "whole numbers": (replaced(BIAS, torch.zeros(3, dtype=torch.int64)), f"{BIAS} has the type torch.int64"),
    "a counter of fractions": (
        replaced("stem.first.bn.num_batches_tracked", torch.tensor(0.5)),
        "num_batches_tracked has the type torch.float32",
    ),
    "one is missing": (lambda content: content["model"].pop(BIAS), f"{BIAS} is missing"),
    "one too many": (replaced("later.weight", torch.zeros(2)), "the network has no later.weight"),
    "none": (lambda content: content.update(model={}), "is missing"),
    "width of another network": (lambda content: content["architecture"].update(width=0.5), "has the shape"),
    "modules of another network": (lambda content: content["architecture"].update(modules=["lp"]), "has no global"),
}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("fault", FAULTS)
def test_weights_that_are_not_the_networks_are_refused_by_name(tmp_path, fault, suffix):
    change, message = FAULTS[fault]
    file = write_changed(tmp_path / f"a{suffix}", change)
    with pytest.raises(CheckpointError, match=message) as caught:
        load_checkpoint(file)
    assert str(caught.value).startswith(f"cannot read {file}: ")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_largest_network_costs_no_memory_before_its_weights_are_seen(tmp_path, suffix):
    def change(content):
        content["architecture"].update(width=2.0, modules=["gp", "lp", "ap"], image_size=448)

    file = write_changed(tmp_path / f"a{suffix}", change)
    with takes_at_most(64), pytest.raises(CheckpointError, match=r"is missing|has the shape"):
        load_checkpoint(file)


def test_weights_that_repeat_a_few_numbers_cost_no_memory(tmp_path):
    def change(content):
        content["architecture"].update(width=2.0, modules=["gp", "lp", "ap"])
        planned = outline(ArchitectureConfig(num_classes=3, width=2.0)).state_dict()
        content["model"] = {
            name: torch.zeros((), dtype=value.dtype).expand(value.shape) for name, value in planned.items()
        }

    file = write_changed(tmp_path / "a.pt", change)
    assert file.stat().st_size < 1 << 20
    with takes_at_most(64), pytest.raises(CheckpointError, match="claim more bytes than the file has"):
        load_checkpoint(file)


def test_tensors_that_share_numbers_in_a_file_do_not_share_them_in_memory(tmp_path):
    shared = torch.zeros(8)

    def change(content):
        content["model"].update({"stem.first.bn.weight": shared, "stem.first.bn.bias": shared})

    model = load_checkpoint(write_changed(tmp_path / "a.pt", change)).model
    with torch.no_grad():
        model.stem.first.bn.weight.fill_(1)
    assert model.stem.first.bn.bias.eq(0).all()


def test_weights_beyond_half_precision_are_not_written_as_such(tmp_path):
    checkpoint = load_checkpoint(write_changed(tmp_path / "a.pt", filled(BIAS, 1e6)))
    with pytest.raises(CheckpointError, match=rf"cannot write .*b\.safetensors: {BIAS} holds NaN or infinity"):
        save_checkpoint(tmp_path / "b.safetensors", checkpoint)
    assert not (tmp_path / "b.safetensors").exists()
