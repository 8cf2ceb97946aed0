"""A run in one process: built anew, or back where it was."""

import os

import numpy as np
import pytest
import torch

from ampnet.errors import ConfigError, LockedError
from ampnet.runtime.launch import Process
from ampnet.settings import TrainConfig
from ampnet.training.defaults import resolve_defaults
from ampnet.training.run import open_run
from tests.prepared_faces import write_prepared_faces
from tests.small_checkpoint import SMALL_RUN

ALONE = Process(0, 1, torch.device("cpu"))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_prepared_faces(tmp_path_factory.mktemp("faces"), train=4, val=2)


@pytest.fixture
def settings(data, tmp_path):
    def make(**changes):
        return resolve_defaults(TrainConfig(data=data, out=tmp_path, name="run", **SMALL_RUN, **changes))

    return make


def test_a_new_run_has_all_its_faces_and_a_folder(settings, tmp_path):
    with open_run(settings(recipe_changes={"batch_size": 8}), ALONE) as training:
        assert training.order.faces == 28
        assert len(training.selection_order.shard) == 14
        assert training.state.evaluated_model is training.state.ema.model  # the modern recipe averages
        assert training.loss_fn.num_classes == 7
        assert (tmp_path / "run" / "config.json").is_file()
        assert training.notes[0].startswith(f"{tmp_path}/run: 28 train, 14 val faces, ")
        assert training.checkpoint().config["variant"] == "ampnet-small"


def test_a_saved_run_comes_back_at_its_step_with_its_weights(settings):
    with open_run(settings(), ALONE) as first:
        for number in (1, 2, 3):
            first.progress.history.add({"epoch": number}, 0.5, 1.0, np.eye(7, dtype=np.int64))
        first.progress.epoch, first.progress.step, first.progress.images = 3, 1, 4
        with torch.no_grad():
            first.state.model.global_head.bias.fill_(7)
        first.save()
    with open_run(settings(resume=True), ALONE) as second:
        assert (second.progress.epoch, second.progress.step) == (3, 1)
        assert second.state.model.global_head.bias.eq(7).all()
        assert second.seconds() >= first.progress.seconds


def test_no_other_run_opens_the_folder_until_this_one_ends(settings):
    with open_run(settings(), ALONE):
        for asked in (settings(resume=True), settings()):
            with (
                pytest.raises(LockedError, match=f"/run is in use by another ampnet command .process {os.getpid()} on"),
                open_run(asked, ALONE),
            ):
                pass
    with open_run(settings(resume=True), ALONE) as training:
        assert training.progress.epoch == 0


@pytest.mark.parametrize(
    ("epoch", "best", "patience", "finished"),
    [(40, 40, 0, True), (9, 1, 0, False), (9, 7, 3, False), (9, 6, 3, True)],
)
def test_a_run_ends_after_its_epochs_or_its_patience(settings, epoch, best, patience, finished):
    with open_run(settings(patience=patience), ALONE) as training:
        training.progress.epoch = epoch
        training.progress.history.rows = [{"epoch": number} for number in range(1, epoch + 1)]
        training.progress.history.best_epoch = best
        assert training.is_finished() == finished


def test_a_run_that_cannot_begin_leaves_nothing_behind(settings, tmp_path):
    with pytest.raises(ConfigError, match="sync_bn needs GPUs"), open_run(settings(sync_bn=True), ALONE):
        pass
    assert not (tmp_path / "run").exists()
