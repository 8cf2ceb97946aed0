"""The precision of a network is chosen where a network runs in torch, and refused elsewhere."""

from pathlib import Path

import pytest

from ampnet.errors import ConfigError
from ampnet.settings import EvalConfig, PredictConfig


@pytest.mark.parametrize(
    ("config", "options"),
    [(PredictConfig, {"images": (Path("a.jpg"),), "runtime": "onnx"}), (EvalConfig, {"predictions": Path("a.csv")})],
)
def test_bfloat16_is_for_networks_in_torch(config, options):
    with pytest.raises(ConfigError, match="--precision"):
        config(precision="bf16", **options)
