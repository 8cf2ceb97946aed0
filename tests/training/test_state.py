"""Saves of an unfinished run: one whole save always exists, and a full disk costs only the new one."""

import pytest
import torch

from ampnet.checkpoints.checkpoint import load_checkpoint
from ampnet.checkpoints.model_files import LAST
from ampnet.errors import DataError
from ampnet.training.resume import resume_run
from tests.limits import file_size_limit
from tests.training.saved_run import IDENTITY, STEPS, save, train_state


def test_the_save_is_a_checkpoint_of_the_averaged_weights(tmp_path):
    state = train_state()
    save(tmp_path, state)
    averages, loaded = state.evaluated_model.state_dict(), load_checkpoint(tmp_path / LAST).model.state_dict()
    assert all(torch.equal(averages[name], loaded[name]) for name in averages)


@pytest.mark.parametrize("room", [0, 1000, 20_000, 100_000])
def test_a_full_disk_is_one_line_and_leaves_the_save_before(tmp_path, room):
    state = train_state()
    progress = save(tmp_path, state, epoch=1)
    before = (tmp_path / LAST).read_bytes()
    with file_size_limit(room), pytest.raises(DataError, match=r"cannot write .*next\.pt") as caught:
        save(tmp_path, state, epoch=2)
    assert "\n" not in str(caught.value)
    assert [file.name for file in tmp_path.iterdir()] == [LAST]
    assert (tmp_path / LAST).read_bytes() == before
    assert resume_run(tmp_path, train_state(1), IDENTITY, STEPS) == (progress, "")
