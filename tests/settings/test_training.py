"""Settings of a training run: what no generator could take is refused on construction."""

import pytest

from ampnet.errors import ConfigError
from ampnet.settings import MAX_SEED, TrainConfig


def test_a_seed_beyond_63_bits_is_refused():
    assert TrainConfig(seed=MAX_SEED).seed == MAX_SEED
    with pytest.raises(ConfigError, match="seed must be at most"):
        TrainConfig(seed=MAX_SEED + 1)
