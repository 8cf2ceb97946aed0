"""Checkpoints come back exactly, and files that are something else are refused in one line."""

import json
import pickle
import zipfile

import pytest
import torch
from safetensors.torch import load_file, save_file

from ampnet.checkpoints.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from ampnet.checkpoints.model_files import checkpoint_file
from ampnet.errors import CheckpointError
from ampnet.faces.framing import Framing
from ampnet.models.ampnet import AMPNet

NAMES = ("smile", "frown", "straße")


@pytest.fixture
def checkpoint():
    torch.manual_seed(0)
    model = AMPNet(num_classes=3, width=0.05, image_size=48, dropout=0.2, modules=("gp", "ap"))
    framing = Framing(crop="none", color="grey", face_resolution=48.0)
    config = {"seed": 4, "recipe": {"lr": 0.1}}
    metrics = {"val_accuracy": 1 / 3}
    return Checkpoint(model.eval(), NAMES, framing, config, 7, metrics, 0.3, "test", 1.25)


def tensors(checkpoint):
    return checkpoint.model.state_dict()


def test_a_checkpoint_comes_back_exactly(checkpoint, tmp_path):
    save_checkpoint(tmp_path / "best.pt", checkpoint)
    saved = tensors(checkpoint)
    for place in (tmp_path / "best.pt", tmp_path, str(tmp_path)):
        back = load_checkpoint(place)
        assert back.header() == checkpoint.header()
        assert all(torch.equal(value, saved[name]) for name, value in tensors(back).items())
        assert not back.model.training


def test_a_safetensors_file_holds_the_same_in_half_precision(checkpoint, tmp_path):
    file, exact = tmp_path / "model.safetensors", tmp_path / "model.pt"
    save_checkpoint(file, checkpoint)
    save_checkpoint(exact, checkpoint)
    back = load_checkpoint(file)
    assert back.header() == checkpoint.header()
    saved = tensors(checkpoint)
    for name, value in tensors(back).items():
        assert value.dtype == saved[name].dtype
        assert torch.equal(value, saved[name].half().to(value.dtype))
    assert file.stat().st_size < 0.6 * exact.stat().st_size
    assert file.stat().st_mode == exact.stat().st_mode


class Trap:
    def __reduce__(self):
        return open, ("trap-was-here", "w")


def not_there(path):
    return path


def empty(path):
    path.write_bytes(b"")
    return path


def text(path):
    path.write_text("hello")
    return path


def foreign(path):
    torch.save({"state_dict": {}}, path)
    return path


def trapped(path):
    torch.save({"format": "ampnet", "version": 1, "config": Trap()}, path)
    return path


def bare_pickle(path):
    path.write_bytes(pickle.dumps({"format": "ampnet"}))
    return path


def plain_zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    return path


@pytest.mark.parametrize("make", [not_there, empty, text, foreign, trapped, bare_pickle, plain_zip])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_other_files_are_refused_and_run_nothing(make, suffix, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = make(tmp_path / f"some{suffix}")
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "trap-was-here").exists()


def test_a_folder_without_a_best_checkpoint_says_what_is_expected(tmp_path):
    with pytest.raises(CheckpointError, match=r"holds no best\.pt; give a run folder of `ampnet train`"):
        checkpoint_file(tmp_path)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("share", [0.2, 0.6, 0.999])
def test_a_file_cut_short_is_recognised(checkpoint, tmp_path, suffix, share):
    file = tmp_path / f"model{suffix}"
    save_checkpoint(file, checkpoint)
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        load_checkpoint(file)


def test_a_flipped_bit_among_the_weights_is_recognised(checkpoint, tmp_path):
    file = tmp_path / "model.pt"
    save_checkpoint(file, checkpoint)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 16
    file.write_bytes(data)
    with pytest.raises(CheckpointError, match="damaged"):
        load_checkpoint(file)


def test_a_newer_version_asks_for_a_newer_ampnet(checkpoint, tmp_path):
    file = tmp_path / "model.safetensors"
    save_checkpoint(file, checkpoint)
    header = checkpoint.header() | {"version": 99}
    save_file(load_file(file), file, metadata={"ampnet": json.dumps(header)})
    with pytest.raises(CheckpointError, match="newer ampnet"):
        load_checkpoint(file)


@pytest.mark.parametrize("key", ["architecture", "class_names", "framing", "epoch", "metrics"])
def test_a_header_without_a_part_is_damaged(checkpoint, tmp_path, key):
    file = tmp_path / "model.safetensors"
    save_checkpoint(file, checkpoint)
    header = {name: value for name, value in checkpoint.header().items() if name != key}
    save_file(load_file(file), file, metadata={"ampnet": json.dumps(header)})
    with pytest.raises(CheckpointError, match="damaged"):
        load_checkpoint(file)
