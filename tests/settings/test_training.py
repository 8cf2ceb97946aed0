"""Settings of a training run: what no generator could take is refused on construction."""

import pytest

from ampnet.errors import ConfigError
from ampnet.settings import MAX_SEED, TrainConfig


def test_a_seed_beyond_63_bits_is_refused():
    assert TrainConfig(seed=MAX_SEED).seed == MAX_SEED
    with pytest.raises(ConfigError, match="seed must be at most"):
        TrainConfig(seed=MAX_SEED + 1)


@pytest.mark.parametrize("name", ["../elsewhere", "/tmp/run", "a/../../b"])
def test_a_run_stays_in_the_folder_of_runs(name):
    with pytest.raises(ConfigError, match="--name must name a folder inside --out"):
        TrainConfig(name=name)
    assert TrainConfig(name="study/run1").name == "study/run1"
