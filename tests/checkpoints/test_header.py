"""The header: every value has a type and bounds, and what is outside is refused in one line."""

import math

import pytest

from ampnet.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from ampnet.checkpoints.header import parse_header
from ampnet.errors import CheckpointError
from tests.checkpoints.stored_files import NAMES, SUFFIXES, tiny_checkpoint, write_changed


def setter(*keys, value):
    def change(content):
        for key in keys[:-1]:
            content = content[key]
        content[keys[-1]] = value

    return change


FAULTS = {
    "no number of classes": setter("architecture", value={"num_classes": None}),
    "width of 8": setter("architecture", "width", value=8.0),
    "width of nan": setter("architecture", "width", value=math.nan),
    "infinite width": setter("architecture", "width", value=math.inf),
    "width as text": setter("architecture", "width", value="0.05"),
    "image of 8000 px": setter("architecture", "image_size", value=8000),
    "image of 2**40 px": setter("architecture", "image_size", value=2**40),
    "image of half a px": setter("architecture", "image_size", value=48.5),
    "a billion classes": setter("architecture", "num_classes", value=10**9),
    "dropout of nan": setter("architecture", "dropout", value=math.nan),
    "unknown module": setter("architecture", "modules", value=["xp"]),
    "module twice": setter("architecture", "modules", value=["gp", "gp"]),
    "architecture as list": setter("architecture", value=[1, 2]),
    "101 classes": setter("class_names", value=[f"c{i}" for i in range(101)]),
    "one class": setter("class_names", value=["a"]),
    "other number of classes": setter("class_names", value=["a", "b"]),
    "class twice": setter("class_names", value=["a", "a", "b"]),
    "class without name": setter("class_names", value=["a", " ", "b"]),
    "class with an escape sequence": setter("class_names", value=["a", "\x1b[2J", "b"]),
    "class with a line break": setter("class_names", value=["a", "b\nampnet: done", "c"]),
    "class of 5000 letters": setter("class_names", value=["a", "b" * 5000, "c"]),
    "class as number": setter("class_names", value=["a", 2, "c"]),
    "classes as text": setter("class_names", value="abc"),
    "framing as number": setter("framing", value=3),
    "five equal landmarks": setter("framing", "mean_landmarks", value=[[112.0, 112.0]] * 5),
    "landmarks of nan": setter("framing", "mean_landmarks", value=[[math.nan, 1.0]] * 5),
    "landmarks far outside": setter("framing", "mean_landmarks", value=[[1e30 * i, 1.0] for i in range(5)]),
    "four landmarks": setter("framing", "mean_landmarks", value=[[1.0 * i, 9.0] for i in range(4)]),
    "landmarks as text": setter("framing", "mean_landmarks", value=[["1", "2"]] * 5),
    "infinite resolution": setter("framing", "face_resolution", value=math.inf),
    "resolution as text": setter("framing", "face_resolution", value="48"),
    "unknown crop": setter("framing", "crop", value="some"),
    "unknown colour": setter("framing", "color", value=["grey"]),
    "config as list": setter("config", value=[]),
    "seed as text": setter("config", "seed", value="4"),
    "seed as list": setter("config", "seed", value=[4]),
    "negative seed": setter("config", "seed", value=-4),
    "seed of 100 digits": setter("config", "seed", value=10**100),
    "fold as text": setter("config", "fold", value="2"),
    "fold of 100 digits": setter("config", "fold", value=10**100),
    "setting of nan": setter("config", "lr", value=math.nan),
    "infinite epoch": setter("epoch", value=math.inf),
    "huge epoch": setter("epoch", value=10**30),
    "epoch as truth": setter("epoch", value=True),
    "metric of nan": setter("metrics", "val_accuracy", value=math.nan),
    "metric as text": setter("metrics", "val_accuracy", value="good"),
    "metrics as list": setter("metrics", value=[]),
    "branch weight of nan": setter("branch_weight", value=math.nan),
    "branch weight of 2": setter("branch_weight", value=2.0),
    "branch weight as text": setter("branch_weight", value="0.5"),
    "unknown split": setter("selected_on", value="\x1b[31mval"),
    "temperature of 0": setter("temperature", value=0.0),
    "temperature of nan": setter("temperature", value=math.nan),
    "infinite temperature": setter("temperature", value=math.inf),
    "share of nan": setter("class_shares", value=[math.nan, 0.5, 0.5]),
    "too few shares": setter("class_shares", value=[0.5, 0.5]),
    "prior strength of 2": setter("prior_strength", value=2.0),
    "prior strength of nan": setter("prior_strength", value=math.nan),
    "rejection threshold of 2": setter("rejection_threshold", value=2.0),
    "rejection threshold of nan": setter("rejection_threshold", value=math.nan),
    "version as text": setter("version", value="1"),
    "version of nan": setter("version", value=math.nan),
    "format as list": setter("format", value=["ampnet"]),
}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_value_of_another_kind_or_out_of_bounds_is_refused_in_one_line(tmp_path, fault, suffix):
    file = write_changed(tmp_path / f"a{suffix}", FAULTS[fault])
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(file)
    assert str(caught.value).startswith(f"cannot read {file}: ")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_entries_of_later_versions_are_ignored_and_missing_ones_of_earlier_versions_have_defaults(tmp_path, suffix):
    def change(content):
        content["later"] = [1, {"a": "b"}]
        del content["class_shares"], content["prior_strength"], content["rejection_threshold"]

    checkpoint = load_checkpoint(write_changed(tmp_path / f"a{suffix}", change))
    assert (checkpoint.class_names, checkpoint.class_shares, checkpoint.prior_strength) == (NAMES, (), 0.0)
    assert checkpoint.rejection_threshold == 0.0


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_no_reader_would_take_is_not_written(tmp_path, suffix):
    file = tmp_path / f"a{suffix}"
    for changes in ({"metrics": {"val_loss": math.nan}}, {"temperature": math.inf}, {"branch_weight": math.nan}):
        with pytest.raises(CheckpointError, match="cannot write"):
            save_checkpoint(file, tiny_checkpoint(**changes))
    assert not file.exists()


def test_our_own_header_passes():
    header = parse_header(tiny_checkpoint().header())
    assert header.class_names == NAMES
    assert header.config == {"seed": 4, "recipe": {"lr": 0.1}}
