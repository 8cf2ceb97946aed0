"""Settings of a training run: what no generator could take is refused on construction."""

import pytest

from ampnet.config import MAX_SEED, TrainConfig
from ampnet.errors import ConfigError


def test_a_seed_beyond_63_bits_is_refused():
    assert TrainConfig(seed=MAX_SEED).seed == MAX_SEED
    with pytest.raises(ConfigError, match="seed must be at most"):
        TrainConfig(seed=MAX_SEED + 1)
