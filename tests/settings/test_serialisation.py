"""Settings as plain values, for JSON and checkpoints."""

import os
from pathlib import Path

from ampnet.settings import TrainConfig, config_to_dict


def test_a_path_that_is_not_utf8_becomes_text_that_json_and_checkpoints_hold():
    config = TrainConfig(data=Path(os.fsdecode(b"l\xe9/data")), out=Path("ünder"))
    plain = config_to_dict(config)
    assert (plain["data"], plain["out"]) == ("l\\xe9/data", "ünder")
