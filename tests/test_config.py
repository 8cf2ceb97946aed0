"""Settings: what no network or generator could take is refused on construction."""

import math
import os
from pathlib import Path

import pytest

from ampnet.config import (
    MAX_SEED,
    ArchitectureConfig,
    EvalConfig,
    ImportConfig,
    PredictConfig,
    TrainConfig,
    config_to_dict,
)
from ampnet.errors import ConfigError
from ampnet.labels import MAX_CLASSES


@pytest.mark.parametrize(
    "size",
    [
        *({"width": width} for width in (0, -1, 2.1, 8, math.inf, math.nan)),
        *({"image_size": side} for side in (0, 40, 50, 456, 8000)),
        *({"num_classes": count} for count in (0, 1, 10_001, 10**12)),
        *({"modules": modules} for modules in ((), ("gp", "gp"), ("gp", "xp"))),
        *({"dropout": dropout} for dropout in (-0.1, 1, math.nan)),
    ],
    ids=str,
)
def test_sizes_beyond_all_use_are_refused(size):
    with pytest.raises(ConfigError):
        ArchitectureConfig(**size)


@pytest.mark.parametrize("size", [{"width": 2.0, "image_size": 448}, {"width": 0.05, "image_size": 48}])
def test_the_largest_and_the_smallest_sizes_are_taken(size):
    assert ArchitectureConfig(num_classes=8631, **size).width == size["width"]


def test_a_seed_beyond_63_bits_is_refused():
    assert TrainConfig(seed=MAX_SEED).seed == MAX_SEED
    with pytest.raises(ConfigError, match="seed must be at most"):
        TrainConfig(seed=MAX_SEED + 1)


@pytest.mark.parametrize("names", [("a",), ("a", "a"), ("a", " "), ("a", "\x1b[2J"), ("a", "b" * 101)])
def test_class_names_that_no_checkpoint_could_hold_are_refused(tmp_path, names):
    with pytest.raises(ConfigError, match="class name"):
        ImportConfig(source=tmp_path / "a.pth", class_names=names)


def test_as_many_class_names_as_a_checkpoint_holds_are_taken(tmp_path):
    names = tuple(f"c{i}" for i in range(MAX_CLASSES + 1))
    assert ImportConfig(source=tmp_path, class_names=names[:-1]).class_names == names[:-1]
    with pytest.raises(ConfigError, match="there are 101 class names, expected 2 to 100"):
        ImportConfig(source=tmp_path, class_names=names)


def test_a_path_that_is_not_utf8_becomes_text_that_json_and_checkpoints_hold():
    config = TrainConfig(data=Path(os.fsdecode(b"l\xe9/data")), out=Path("ünder"))
    plain = config_to_dict(config)
    assert (plain["data"], plain["out"]) == ("l\\xe9/data", "ünder")


@pytest.mark.parametrize(
    ("config", "options"),
    [(PredictConfig, {"images": (Path("a.jpg"),), "runtime": "onnx"}), (EvalConfig, {"predictions": Path("a.csv")})],
)
def test_bfloat16_is_for_networks_in_torch(config, options):
    with pytest.raises(ConfigError, match="--precision"):
        config(precision="bf16", **options)
