"""Checkpoints of the reference program: read exactly, written exactly, never run."""

import builtins
import codecs
import io
import os
import pickle
import pickletools
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from ampnet.checkpoints.network import outline
from ampnet.checkpoints.reference.reference_files import (
    build_reference,
    load_reference,
    read_reference,
    reference_state_dict,
    write_reference,
)
from ampnet.checkpoints.reference.wrapped_weights import reference_name
from ampnet.checkpoints.torch_file import open_torch_file
from ampnet.errors import CheckpointError
from ampnet.settings import ArchitectureConfig
from tests.reference_weights import (
    DATA,
    THIN,
    placeholder_state,
    reference_batch,
    reference_model,
    reference_shapes,
    reference_state,
    use_thin_network,
    write_reference_file,
)

pytestmark = pytest.mark.slow

watched: list[str] | None = None


def _watch(event: str, _arguments: tuple[object, ...]) -> None:
    if watched is not None and event.startswith(("os.system", "subprocess", "exec", "compile", "pickle.", "os.exec")):
        watched.append(event)


@cache
def _begin_to_watch() -> None:
    sys.addaudithook(_watch)  # for ever, so not before it is needed: everything gets slower by it


@contextmanager
def nothing_runs() -> Iterator[None]:
    """Fail when the block starts a process, compiles or runs code, or lets an unpickler look something up."""
    global watched
    _begin_to_watch()
    watched = []
    try:
        yield
        assert watched == []
    finally:
        watched = None


@pytest.fixture(scope="module", autouse=True)
def parts_that_load_at_first_use_are_loaded():
    """Torch imports part of itself for its meta device, zipfile the encoding of names: code that runs."""
    codecs.lookup("cp437")
    outline(ArchitectureConfig())


@pytest.fixture(scope="module")
def network():
    return reference_model()


@pytest.fixture
def thin(monkeypatch):
    use_thin_network(monkeypatch)


def test_a_reference_file_gives_the_reference_logits(tmp_path, network):
    path = write_reference_file(tmp_path / "model_best.pth", reference_state(network))
    with nothing_runs():
        model = load_reference(path)
    expected = np.load(DATA / "forward.npz")
    images, landmarks, _ = reference_batch()
    with torch.inference_mode():
        local_logits, global_logits = model(images[:2], landmarks[:2])
    np.testing.assert_allclose(local_logits, expected["logits_local"][:2], atol=1e-3, rtol=0)
    np.testing.assert_allclose(global_logits, expected["logits_global"][:2], atol=1e-3, rtol=0)


@pytest.mark.parametrize("old", [False, True], ids=["new format", "old format"])
@pytest.mark.usefixtures("thin")
def test_weights_are_read_as_they_are_in_both_of_torchs_formats(tmp_path, old):
    torch.manual_seed(0)
    state = {name: torch.rand(value.shape).to(value.dtype) for name, value in placeholder_state(width=THIN).items()}
    path = write_reference_file(tmp_path / "model_best.pth", state, old=old)
    with nothing_runs():
        read = read_reference(path).state
    assert all(torch.equal(value, state[reference_name(name)]) for name, value in read.items())


def test_every_reference_tensor_is_used_once_or_known_as_unused(network):
    names = [reference_name(name) for name in network.state_dict()]
    assert len(set(names)) == len(names)
    shapes = {name: list(value.shape) for name, value in reference_state_dict(network).items()}
    assert shapes == reference_shapes()


def test_writing_and_reading_gives_the_same_weights(tmp_path, network):
    path = tmp_path / "ours.pth"
    write_reference(path, network, epoch=3, data_parallel=True)
    again = read_reference(path)
    assert again.epoch == 3
    state = network.state_dict()
    assert again.state.keys() == state.keys()
    assert all(torch.equal(again.state[name], value) for name, value in state.items())
    # What the reference program's loader sees: exactly its names and shapes.
    seen = torch.load(path, weights_only=True, mmap=True)["state_dict"]
    expected = {f"module.{name}": shape for name, shape in reference_shapes().items()}
    assert {name: list(value.shape) for name, value in seen.items()} == expected


@pytest.mark.parametrize(
    "network",
    [
        *({"width": 0.5}, {"modules": ("gp", "lp")}, {"image_size": 112}, {"placement": "continuous"}),
        *({"standardise": True}, {"network": "resnet18", "modules": ("gp",)}),
    ],
)
def test_networks_that_the_reference_program_lacks_are_not_written(tmp_path, network):
    model = outline(ArchitectureConfig(**network))
    with pytest.raises(CheckpointError, match="full network only"):
        write_reference(tmp_path / "ours.pth", model)
    assert not (tmp_path / "ours.pth").exists()


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("classes", [7, 8631])
@pytest.mark.usefixtures("thin")
def test_all_reference_variants_are_read(tmp_path, old, prefix, classes):
    path = write_reference_file(tmp_path / "a.pth", placeholder_state(classes, prefix, THIN), old=old)
    published = read_reference(path)
    assert (published.num_classes, published.epoch) == (classes, 62)


@pytest.mark.usefixtures("thin")
def test_a_bare_state_is_read(tmp_path):
    torch.save(placeholder_state(8, width=THIN), tmp_path / "bare.pth")
    published = read_reference(tmp_path / "bare.pth")
    assert (published.num_classes, published.epoch) == (8, None)


@pytest.mark.usefixtures("thin")
def test_heads_start_afresh_where_the_classes_differ(tmp_path):
    published = read_reference(write_reference_file(tmp_path / "faces.pth", placeholder_state(8631, width=THIN)))
    torch.manual_seed(0)
    model = build_reference(published, num_classes=7)
    assert model.local_head.weight.shape == (7, 128)
    assert model.local_head.weight.abs().max() > 0
    assert model.stem.first.conv.weight.abs().max() == 0  # the file's


@pytest.mark.parametrize("undetected", ["fc_5.bias", "conv1.weight", "stage4.OSA4_1.ese.fc.weight"])
@pytest.mark.usefixtures("thin")
def test_a_file_without_a_used_tensor_is_refused_by_name(tmp_path, undetected):
    state = placeholder_state(width=THIN)
    del state[undetected]
    path = write_reference_file(tmp_path / "a.pth", state)
    with pytest.raises(CheckpointError, match=rf"cannot read {path}: .* {undetected} is missing"):
        read_reference(path)


def test_a_tensor_of_another_shape_is_refused_by_name(tmp_path):
    state = placeholder_state() | {"fc_1.weight": torch.zeros(512, 512)}
    path = write_reference_file(tmp_path / "a.pth", state)
    with pytest.raises(CheckpointError, match=r"fc_1.weight has the shape \(512, 512\)"):
        read_reference(path)


class Attack:
    """Asks whoever unpickles it to make a call."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[object, ...]:
        return self.call


def attacks(marker: Path) -> list[object]:
    touch = f"open({str(marker)!r}, 'w').close()"
    return [
        Attack(os.system, f"touch {marker}"),
        Attack(builtins.eval, touch),
        Attack(builtins.exec, touch),
        Attack(subprocess.Popen, ["touch", str(marker)]),
        Attack(Path.touch, marker),
        Attack(builtins.getattr, Attack(__import__, "os"), "system"),
        Attack(torch.load, str(marker)),
        {"epoch_losses": [Attack(os.mkdir, str(marker))]},
    ]


@pytest.mark.parametrize("old", [False, True], ids=["new format", "old format"])
@pytest.mark.parametrize("attack", range(8))
@pytest.mark.usefixtures("thin")
def test_a_malicious_recorder_does_not_run(tmp_path, attack, old):
    marker = tmp_path / "ran"
    path = write_reference_file(
        tmp_path / "a.pth", placeholder_state(width=THIN), recorder=attacks(marker)[attack], old=old
    )
    with nothing_runs():
        assert read_reference(path).num_classes == 7
    assert not marker.exists()


@pytest.mark.parametrize("attack", range(8))
@pytest.mark.usefixtures("thin")
def test_a_malicious_tensor_is_refused_and_does_not_run(tmp_path, attack):
    marker = tmp_path / "ran"
    state = placeholder_state(width=THIN) | {"fc_5.bias": attacks(marker)[attack]}
    path = write_reference_file(tmp_path / "a.pth", state)
    with nothing_runs(), pytest.raises(CheckpointError, match="not a plain one"):
        read_reference(path)
    assert not marker.exists()


@pytest.mark.parametrize("attack", range(8))
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_a_malicious_pickle_in_place_of_a_checkpoint_is_refused_and_does_not_run(tmp_path, attack, protocol):
    marker = tmp_path / "ran"
    path = tmp_path / "a.pth"
    path.write_bytes(pickle.dumps(attacks(marker)[attack], protocol=protocol))
    with nothing_runs(), pytest.raises(CheckpointError, match=f"cannot read {path}"):
        read_reference(path)
    assert not marker.exists()


@pytest.mark.parametrize(
    "program",
    [
        b"(S'touch MARKER'\nios\nsystem\n.",  # INST
        b"(cos\nsystem\nS'touch MARKER'\no.",  # OBJ
        b"\x80\x02cos\nsystem\nX\x0c\x00\x00\x00touch MARKER\x81.",  # NEWOBJ
        b"\x80\x02ccollections\nOrderedDict\n}X\x05\x00\x00\x00__len__cos\nsystem\nsb.",  # BUILD on a class
        b"\x80\x02\x82\x01.",  # EXT1
    ],
)
def test_hand_written_pickles_do_not_run(tmp_path, monkeypatch, program):
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile("a.pth", "w") as archive:
        archive.writestr("a/data.pkl", program)
    with nothing_runs(), pytest.raises(CheckpointError):
        read_reference(Path("a.pth"))
    assert not Path("MARKER").exists()


def small_file(old: bool) -> bytes:
    buffer = io.BytesIO()
    content = {
        "a": torch.arange(6.0).reshape(2, 3),
        "b": [torch.zeros(2, dtype=torch.int64), "text", 1.5, (None, True)],
    }
    torch.save(content, buffer, _use_new_zipfile_serialization=not old)
    return buffer.getvalue()


@pytest.mark.parametrize("old", [False, True], ids=["new format", "old format"])
def test_damaged_files_are_refused_with_the_files_name_or_read(tmp_path, old):
    whole = small_file(old)
    path = tmp_path / "a.pth"
    rng = np.random.default_rng(11)
    messages = []
    for trial in range(400):
        data = bytearray(whole)
        if trial % 4 == 0:
            del data[rng.integers(1, len(data)) :]
        else:
            for _ in range(rng.integers(1, 4)):
                data[rng.integers(len(data))] = rng.integers(256)
        path.write_bytes(data)
        try:
            with open_torch_file(path) as file:
                file.stored(file.content["a"]).read()
                file.stored(file.content["b"][0]).read()
        except CheckpointError as error:
            messages.append(str(error))
    assert len(messages) > 100
    assert all(message.startswith(f"cannot read {path}: ") for message in messages)


def test_transposed_and_shared_tensors_are_read_as_they_were(tmp_path):
    base = torch.arange(24.0).reshape(4, 6)
    content = {"turned": base.T, "part": base[1:3, 2:5], "half": base.half(), "whole": torch.nn.Parameter(base)}
    torch.save(content, tmp_path / "a.pth")
    with open_torch_file(tmp_path / "a.pth") as file:
        assert all(torch.equal(file.stored(record).read(), content[name]) for name, record in file.content.items())


def test_a_tensor_that_reaches_beyond_its_numbers_is_refused(tmp_path):
    torch.save({"a": torch.zeros(8)[:2]}, tmp_path / "a.pth")
    buffer = io.BytesIO()
    with zipfile.ZipFile(tmp_path / "a.pth") as archive, zipfile.ZipFile(buffer, "w") as changed:
        for name in archive.namelist():
            data = archive.read(name)
            if name.endswith("data.pkl"):
                (place,) = (at for op, arg, at in pickletools.genops(data) if op.name == "BININT1" and arg == 2)
                data = data[: place + 1] + b"\x09" + data[place + 2 :]
            changed.writestr(name, data)
    (tmp_path / "a.pth").write_bytes(buffer.getvalue())
    with pytest.raises(CheckpointError, match="reaches beyond"), open_torch_file(tmp_path / "a.pth") as file:
        file.stored(file.content["a"]).read()


@pytest.mark.parametrize("content", [b"", b"\x80", b"hello", b"PK\x03\x04", b"\x80\x02}.", b"\x89PNG\r\n\x1a\n" * 9])
def test_files_of_another_kind_are_refused(tmp_path, content):
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=f"cannot read {path}"):
        read_reference(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="No such file"):
        load_reference(tmp_path / "none.pth")
