"""Settings of prepare and convert that do not go together."""

from pathlib import Path

import pytest

from ampnet.errors import ConfigError
from ampnet.settings import ConvertConfig, PrepareConfig

HERE = Path()


def test_a_prepare_is_continued_or_discarded_not_both():
    with pytest.raises(ConfigError, match="--resume continues a run and --force discards it; use only one"):
        PrepareConfig(raw_dir=HERE, resume=True, force=True)


def test_faces_per_shard_are_those_of_shards():
    PrepareConfig(raw_dir=HERE, form="shards", faces_per_shard=5)
    with pytest.raises(ConfigError, match="--faces-per-shard needs --form shards"):
        PrepareConfig(raw_dir=HERE, faces_per_shard=5)
    ConvertConfig(data=HERE, to="shards", out=HERE, faces_per_shard=5)
    with pytest.raises(ConfigError, match="--faces-per-shard needs --to shards"):
        ConvertConfig(data=HERE, to="files", out=HERE, faces_per_shard=5)
