"""Pre-trained weights: heads follow the classes' names, other sizes are refused."""

from pathlib import Path

import pytest
import torch

from ampnet.checkpoints.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from ampnet.checkpoints.model_files import model_path
from ampnet.errors import CheckpointError
from ampnet.faces.framing import Framing
from ampnet.models.ampnet import AMPNet
from ampnet.settings.labels import EXPRESSIONS
from ampnet.training.pretrained import freeze_parameters, load_pretrained

pytestmark = pytest.mark.slow


def network(classes=3, **size):
    return AMPNet(num_classes=classes, **{"width": 0.05, "image_size": 48, **size})


@pytest.fixture
def trained(tmp_path):
    torch.manual_seed(0)
    model = network()
    save_checkpoint(tmp_path / "best.pt", Checkpoint(model, ("fear", "anger", "neutral"), Framing()))
    return tmp_path, model.state_dict()


def body(model):
    return {name: value for name, value in model.state_dict().items() if "_head." not in name}


def test_everything_is_taken_over_for_the_same_classes_with_rows_in_their_new_order(trained):
    folder, old = trained
    new = network(image_size=64)  # another image size does not change the weights
    note = load_pretrained(new, folder, ("neutral", "fear", "anger"))
    assert "heads included" in note
    assert all(torch.equal(value, old[name]) for name, value in body(new).items())
    assert torch.equal(new.local_head.weight, old["local_head.weight"][[2, 0, 1]])
    assert torch.equal(new.global_head.bias, old["global_head.bias"][[2, 0, 1]])


def test_bundled_names_the_model_that_comes_with_ampnet():
    new = AMPNet(num_classes=7, width=0.25, image_size=112)
    assert "heads included" in load_pretrained(new, Path("bundled"), EXPRESSIONS)
    known = load_checkpoint(model_path()).model.state_dict()
    assert all(torch.equal(value, known[name]) for name, value in new.state_dict().items())


def test_heads_stay_new_for_other_classes(trained):
    folder, old = trained
    new = network(classes=7)
    before = new.local_head.weight.clone()
    note = load_pretrained(new, folder, EXPRESSIONS)
    assert "new heads" in note
    assert torch.equal(new.local_head.weight, before)
    assert all(torch.equal(value, old[name]) for name, value in body(new).items())


def test_fewer_modules_take_their_part_and_get_new_heads(trained):
    folder, old = trained
    new = network(modules=("gp", "lp"))
    note = load_pretrained(new, folder, ("fear", "anger", "neutral"))
    assert "new heads" in note
    assert all(torch.equal(value, old[name]) for name, value in body(new).items())


def test_a_network_of_another_size_is_refused_and_says_what_to_choose(trained, tmp_path):
    save_checkpoint(tmp_path / "gp.pt", Checkpoint(network(modules=("gp",)), ("a", "b", "c"), Framing()))
    for model, file in ((network(width=0.2), trained[0]), (network(), tmp_path / "gp.pt")):
        with pytest.raises(CheckpointError, match=r"another size .* use the same --variant, --width and --modules"):
            load_pretrained(model, file, ("a", "b", "c"))


def test_a_broken_file_is_refused_with_our_reason(tmp_path):
    file = tmp_path / "model.pt"
    file.write_text("hello")
    with pytest.raises(CheckpointError, match=r"model\.pt: it is not a checkpoint, or is truncated"):
        load_pretrained(network(), file, ("a", "b", "c"))


def test_a_frozen_stem_asks_for_no_gradient():
    model = network()
    freeze_parameters(model, "stem")
    assert {name.split(".")[0] for name, value in model.named_parameters() if not value.requires_grad} == {"stem"}
