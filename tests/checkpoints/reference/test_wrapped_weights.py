"""Weights of the reference network are found under the keys and names that training programs use."""

from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ampnet.checkpoints.reference.reference_files import read_reference
from ampnet.errors import CheckpointError
from ampnet.models.ampnet import AMPNet
from ampnet.settings.labels import EXPRESSIONS
from ampnet.training.pretrained import load_pretrained
from tests.reference_weights import THIN, placeholder_state, use_thin_network

pytestmark = pytest.mark.slow

SMALL = AMPNet(width=0.05, image_size=48)


@pytest.fixture(autouse=True)
def thin(monkeypatch: pytest.MonkeyPatch) -> None:
    use_thin_network(monkeypatch)


def marked(number: float, prefix: str = "") -> dict[str, Tensor]:
    """A state whose first bias holds a number, to tell which one was read."""
    state = placeholder_state(prefix=prefix, width=THIN)
    return state | {f"{prefix}bn1.bias": torch.full_like(state[f"{prefix}bn1.bias"], number)}


def mark(path: Path) -> float:
    return float(read_reference(path).state["stem.first.bn.bias"][0])


@pytest.mark.parametrize(
    "content",
    [
        {"model": marked(3)},
        {"net": marked(3), "acc": 88.1, "epoch": 3},
        {"model_state_dict": marked(3), "optimizer_state_dict": {"state": {0: {"exp_avg": torch.ones(2)}}}},
        {"state_dict": OrderedDict(marked(3)), "hyper_parameters": {"lr": 0.1}},
        {"state_dict_ema": marked(3), "state_dict": marked(1)},
        {"state_dict": marked(1), "state_dict_ema": marked(3)},
        {"model": {"state_dict": marked(3)}},
        {"student": marked(3)},
        marked(3),
    ],
    ids=lambda content: ",".join(content) if len(content) < 9 else "bare",
)
def test_weights_are_found_under_any_key_and_averaged_ones_first(tmp_path, content):
    torch.save(content, tmp_path / "a.pth")
    assert mark(tmp_path / "a.pth") == 3


@pytest.mark.parametrize(
    ("prefix", "key"),
    [
        ("module.", None),
        ("module.", "state_dict"),
        ("model.", "model"),
        ("_orig_mod.", None),
        ("net.", "state_dict"),
        ("module._orig_mod.", "model"),
        ("_orig_mod.module.", None),
        ("model.module._orig_mod.", "state_dict"),
        ("module.module.model.model.", "model"),
        ("backbone.", None),
        ("module.classifier.network._orig_mod.", "state_dict"),
    ],
)
def test_words_in_front_of_names_do_not_count(tmp_path, prefix, key):
    state = marked(3, prefix) | {f"{prefix[:-1]}_loss.weight": torch.ones(7)}
    torch.save(state if key is None else {key: state}, tmp_path / "a.pth")
    assert mark(tmp_path / "a.pth") == 3


def test_parts_that_were_compiled_by_themselves_are_read(tmp_path):
    state = {name.replace("layer1.0.", "layer1._orig_mod.0.module."): value for name, value in marked(3).items()}
    torch.save(state, tmp_path / "a.pth")
    assert mark(tmp_path / "a.pth") == 3


def test_pretraining_reads_the_same_files(tmp_path):
    torch.save({"model": marked(3, "module._orig_mod.")}, tmp_path / "a.pth")
    network = AMPNet(num_classes=7, width=THIN)
    assert "heads included" in load_pretrained(network, tmp_path / "a.pth", EXPRESSIONS)
    assert network.stem.first.bn.bias[0] == 3


WHOLE = nn.Sequential(nn.Linear(2, 2))
"""A network that was saved whole."""


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({"model": {"layer.0.weight": torch.ones(2), "layer.0.bias": torch.ones(1)}}, "2 tensors under model, such as"),
        ({"weight": torch.ones(2)}, "found 1 tensors, such as weight"),
        ({"epoch": 3, "best_acc": 0.5}, "no tensors, only epoch, best_acc"),
        ({}, "an empty dict"),
        ([1, 2], "no tensors, only list"),
        (WHOLE, "pickled .*Sequential; save its state_dict"),
        ({"model": WHOLE, "epoch": 3}, "under model is a pickled .*Sequential; save its state_dict"),
        (marked(1, "student.") | marked(2, "teacher."), "several networks: student., teacher."),
        (marked(1) | marked(2, "module."), "conv1.weight twice"),
    ],
)
@pytest.mark.parametrize("read", [read_reference, lambda path: load_pretrained(SMALL, path, EXPRESSIONS)])
def test_a_refusal_names_what_was_found(tmp_path, content, found, read):
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=found) as refused:
        read(tmp_path / "a.pth")
    assert "..." not in str(refused.value).removeprefix(f"cannot read {tmp_path}")
