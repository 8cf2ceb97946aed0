"""Saves of an unfinished run: one whole save always exists, and it only goes on under its own settings."""

import pytest
import torch

from ampnet.checkpoints.checkpoint import Checkpoint, load_checkpoint
from ampnet.config import TrainConfig
from ampnet.errors import CheckpointError, TrainingError
from ampnet.faces.framing import Framing
from ampnet.models.ampnet import AMPNet
from ampnet.recipes import make_recipe
from ampnet.training.defaults import resolve_defaults
from ampnet.training.ema import ExponentialMovingAverage
from ampnet.training.optimizer import build_optimizer
from ampnet.training.state import (
    LAST,
    NEXT,
    PREVIOUS,
    Progress,
    TrainState,
    check_same_run,
    read_state,
    restore_state,
    run_identity,
    save_state,
)


def settings(**changes):
    return resolve_defaults(TrainConfig(gpus=0, **changes))


MODERN = settings(recipe="modern")


def train_state(seed=0):
    torch.manual_seed(seed)
    model = AMPNet(num_classes=2, width=0.05, image_size=48, modules=("gp",))
    optimizer = build_optimizer(model, MODERN.recipe)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    ema = ExponentialMovingAverage(model, 0.9)
    ema.update(model, 5)
    return TrainState(model, model, optimizer, torch.amp.GradScaler("cpu", enabled=False), ema)


def save(folder, state, epoch=1, step=3):
    checkpoint = Checkpoint(state.evaluated_model, ("a", "b"), Framing())
    progress = Progress(epoch, step, loss=1.5, hits=2, images=4, seconds=9.0)
    progress.history.add({"epoch": 1, "val_accuracy": 0.5}, 0.5, torch.eye(2, dtype=torch.int64).numpy())
    save_state(folder, checkpoint, state, progress, run_identity(MODERN, "abc"))
    return progress


def test_a_run_comes_back_as_it_was(tmp_path):
    saved, fresh = train_state(0), train_state(1)
    progress = save(tmp_path, saved)
    assert restore_state(read_state(tmp_path)[0], fresh, run_identity(MODERN, "abc"), tmp_path) == progress
    for old, new in ((saved.model, fresh.model), (saved.evaluated_model, fresh.evaluated_model)):
        assert all(torch.equal(a, b) for a, b in zip(old.state_dict().values(), new.state_dict().values(), strict=True))
    old, new = (one.optimizer.state_dict()["state"] for one in (saved, fresh))
    assert all(torch.equal(old[key]["momentum_buffer"], new[key]["momentum_buffer"]) for key in old)


def test_the_save_is_a_checkpoint_of_the_averaged_weights(tmp_path):
    state = train_state()
    save(tmp_path, state)
    averages, loaded = state.evaluated_model.state_dict(), load_checkpoint(tmp_path / LAST).model.state_dict()
    assert all(torch.equal(averages[name], loaded[name]) for name in averages)


def test_a_run_ended_before_its_first_save_begins_anew(tmp_path):
    assert read_state(tmp_path) == ({}, "")


def test_a_truncated_save_is_recognised_and_the_one_before_is_used(tmp_path):
    state = train_state()
    save(tmp_path, state, epoch=1)
    save(tmp_path, state, epoch=2)
    last = tmp_path / LAST
    last.write_bytes(last.read_bytes()[:-1000])
    content, message = read_state(tmp_path)
    assert content["training"]["epoch"] == 1
    assert message.startswith(f"{last} is not a checkpoint")
    assert message.endswith(f"resuming from {PREVIOUS}")


def test_a_kill_between_the_two_renames_loses_nothing(tmp_path):
    save(tmp_path, train_state(), epoch=4)
    (tmp_path / LAST).replace(tmp_path / NEXT)
    content, message = read_state(tmp_path)
    assert content["training"]["epoch"] == 4
    assert message == ""


def test_no_whole_save_at_all_is_an_error(tmp_path):
    (tmp_path / LAST).write_text("broken")
    (tmp_path / PREVIOUS).write_text("broken")
    with pytest.raises(CheckpointError, match=r"cannot be resumed: .*last.pt .*previous.pt .*start a new run"):
        read_state(tmp_path)


def assert_refused(name, recipe_changes=None, **changes):
    with pytest.raises(TrainingError, match=name):
        assert_resumes_with(settings(recipe=make_recipe("modern", recipe_changes), **changes))


def assert_resumes_with(now, data_hash="abc", before=MODERN):
    check_same_run(run_identity(before, "abc"), run_identity(now, data_hash), "run1")


def test_changed_settings_are_refused_by_name_with_both_values():
    assert_refused(r"lr \(was 0.1, now 0.5\)", {"lr": 0.5})
    assert_refused(r"erase \(was 0.3, now 0.0\), lr", {"lr": 0.5, "erase": 0.0})
    assert_refused(r"epochs \(was 40, now 60\)", {"epochs": 60})
    assert_refused(r"seed \(was 1, now 2\)", seed=2)
    assert_refused(r"precision \(was fp32, now bf16\)", precision="bf16")


def test_other_data_are_refused():
    with pytest.raises(TrainingError, match="was trained on other data"):
        assert_resumes_with(MODERN, data_hash="xyz")


def test_what_decides_no_step_may_change():
    assert_resumes_with(settings(recipe=MODERN.recipe, workers=0, processes=2, save_every=1, patience=3, resume=True))


def test_the_step_schedule_can_be_extended():
    assert_resumes_with(settings(recipe=make_recipe("reference", {"epochs": 120})), before=settings(recipe="reference"))


def test_what_was_left_open_is_the_same_run_as_the_same_said_aloud():
    aloud = settings(variant="ampnet-small", recipe="modern", recipe_changes={"lr": "0.05"}, processes=1)
    assert_resumes_with(settings(recipe_changes={"lr": 0.05}), before=aloud)
