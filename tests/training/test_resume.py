"""Resuming: a run comes back as it was, a damaged save is passed over, and other settings are refused."""

import copy
import math
import os
import shutil

import pytest
import torch

from ampnet.checkpoints.model_files import LAST, PREVIOUS
from ampnet.errors import CheckpointError, TrainingError
from ampnet.settings.recipes import make_recipe
from ampnet.training.resume import changed_settings, resume_run
from ampnet.training.state import NEXT, run_identity
from tests.training.saved_run import IDENTITY, MODERN, STEPS, save, settings, train_state

ADAM = make_recipe("modern", {"optimizer": "adamw"})


def resume(folder, state=None):
    return resume_run(folder, state or train_state(1), IDENTITY, STEPS)


@pytest.mark.parametrize("begun", [True, False])
@pytest.mark.parametrize("recipe", [MODERN.recipe, ADAM], ids=["nesterov", "adamw"])
def test_a_run_comes_back_as_it_was(tmp_path, recipe, begun):
    saved, fresh = train_state(0, recipe, begun=begun), train_state(1, recipe)
    for group in saved.optimizer.param_groups:
        group["lr"] = 0.01
    progress = save(tmp_path, saved)
    assert resume(tmp_path, fresh) == (progress, "")
    for old, new in ((saved.model, fresh.model), (saved.evaluated_model, fresh.evaluated_model)):
        assert all(torch.equal(a, b) for a, b in zip(old.state_dict().values(), new.state_dict().values(), strict=True))
    old, new = (one.optimizer.state_dict() for one in (saved, fresh))
    assert old["param_groups"] == new["param_groups"]
    assert old["state"].keys() == new["state"].keys()
    for number, moments in old["state"].items():
        assert moments.keys() == new["state"][number].keys()
        assert all(torch.equal(value, new["state"][number][name]) for name, value in moments.items())


def test_the_gradient_scaler_comes_back(tmp_path):
    def scaler(scale):
        return torch.amp.GradScaler("cpu", init_scale=scale, enabled=True)

    save(tmp_path, train_state(scaler=scaler(128.0)))
    fresh = train_state(scaler=scaler(65536.0))
    resume(tmp_path, fresh)
    assert fresh.scaler.state_dict() == scaler(128.0).state_dict()


def test_a_run_ended_before_its_first_save_begins_anew(tmp_path):
    assert resume(tmp_path) == (None, "")


def test_a_truncated_save_is_recognised_and_the_one_before_is_used(tmp_path):
    state = train_state()
    save(tmp_path, state, epoch=1)
    save(tmp_path, state, epoch=2)
    last = tmp_path / LAST
    last.write_bytes(last.read_bytes()[:-1000])
    progress, message = resume(tmp_path)
    assert progress.epoch == 1
    assert message == f"cannot read {last}: it is not a checkpoint, or is truncated; resuming from {PREVIOUS}"


def test_a_kill_between_the_two_renames_loses_nothing(tmp_path):
    save(tmp_path, train_state(), epoch=4)
    (tmp_path / LAST).replace(tmp_path / NEXT)
    progress, message = resume(tmp_path)
    assert progress.epoch == 4
    assert message == ""


def test_no_whole_save_at_all_is_an_error(tmp_path):
    (tmp_path / LAST).write_text("broken")
    with pytest.raises(CheckpointError, match=r"last\.pt: it is not a checkpoint.*; there is no other save; start a"):
        resume(tmp_path)
    (tmp_path / PREVIOUS).write_text("broken")
    with pytest.raises(CheckpointError, match=r"last\.pt: .*; previous\.pt cannot be used either; start a new run"):
        resume(tmp_path)


def test_a_pipe_in_place_of_a_save_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / LAST)
    with pytest.raises(CheckpointError, match="it is a pipe"):
        resume(tmp_path)


def test_a_save_of_another_network_is_refused(tmp_path):
    save(tmp_path, train_state())
    with pytest.raises(CheckpointError, match=r"has the shape \(.*\), expected \("):
        resume(tmp_path, train_state(width=0.2))


def moment(training):
    return training["optimizer"]["state"][0]


DAMAGE = {
    "no training state": lambda c: c.update(training=None),
    "training of another kind": lambda c: c.update(training=[1, 2]),
    "no identity": lambda c: c["training"].update(identity={}),
    "identity of another kind": lambda c: c["training"].update(identity=7),
    "epoch is text": lambda c: c["training"].update(epoch="1"),
    "epoch is infinite": lambda c: c["training"].update(epoch=math.inf),
    "epoch is negative": lambda c: c["training"].update(epoch=-1),
    "epoch without history": lambda c: c["training"].update(epoch=3),
    "step is negative": lambda c: c["training"].update(step=-1),
    "step beyond the epoch": lambda c: c["training"].update(step=STEPS + 1),
    "step without images": lambda c: c["training"]["totals"].update(images=0),
    "more hits than images": lambda c: c["training"]["totals"].update(hits=9),
    "loss is nan": lambda c: c["training"]["totals"].update(loss=math.nan),
    "totals are lost": lambda c: c["training"].update(totals={}),
    "totals know more": lambda c: c["training"]["totals"].update(loss=[1.5]),
    "seconds are negative": lambda c: c["training"].update(seconds=-1.0),
    "history is a list": lambda c: c["training"].update(history=[]),
    "history with a hole": lambda c: c["training"]["history"]["rows"][0].update(epoch=2),
    "history with text": lambda c: c["training"]["history"]["rows"][0].update(val_loss="low"),
    "history without best": lambda c: c["training"]["history"].update(best=None),
    "best epoch to come": lambda c: c["training"]["history"]["best"].update(epoch=9),
    "best accuracy of 2": lambda c: c["training"]["history"]["best"].update(accuracy=2.0),
    "confusion of three classes": lambda c: c["training"]["history"]["best"].update(confusion=[[1] * 3] * 3),
    "confusion of nobody": lambda c: c["training"]["history"]["best"].update(confusion=[[0, 0], [0, 0]]),
    "confusion is ragged": lambda c: c["training"]["history"]["best"].update(confusion=[[1], [2, 3]]),
    "no averaged weights": lambda c: c["training"].update(weights=None),
    "weights lack a tensor": lambda c: c["training"]["weights"].popitem(),
    "weights of another shape": lambda c: c["training"]["weights"].update({"stem.first.conv.weight": torch.zeros(3)}),
    "weights of integers": lambda c: c["training"]["weights"].update({"global_head.bias": torch.zeros(2).long()}),
    "weights hold nan": lambda c: c["training"]["weights"]["global_head.bias"].fill_(math.nan),
    "averages hold infinity": lambda c: c["model"]["global_head.bias"].fill_(math.inf),
    "weights are numbers": lambda c: c["training"]["weights"].update({"global_head.bias": 3}),
    "no optimizer": lambda c: c["training"].pop("optimizer"),
    "optimizer of another kind": lambda c: c["training"].update(optimizer=3),
    "optimizer without groups": lambda c: c["training"]["optimizer"].update(param_groups=[]),
    "group of other parameters": lambda c: c["training"]["optimizer"]["param_groups"][0].update(params=[0]),
    "group without a rate": lambda c: c["training"]["optimizer"]["param_groups"][0].pop("lr"),
    "rate is nan": lambda c: c["training"]["optimizer"]["param_groups"][0].update(lr=math.nan),
    "rate above its peak": lambda c: c["training"]["optimizer"]["param_groups"][0].update(lr=5.0),
    "momentum of another kind": lambda c: c["training"]["optimizer"]["param_groups"][0].update(momentum="much"),
    "moments lack a parameter": lambda c: c["training"]["optimizer"]["state"].popitem(),
    "moments of unknown parameters": lambda c: c["training"]["optimizer"]["state"].update({10**6: {}}),
    "moments under names": lambda c: c["training"]["optimizer"].update(state={"a": {}}),
    "moment of another name": lambda c: moment(c["training"]).update(square=torch.zeros(3)),
    "moment of another shape": lambda c: moment(c["training"]).update(momentum_buffer=torch.zeros(3)),
    "moment is none": lambda c: moment(c["training"]).update(momentum_buffer=None),
    "moment holds nan": lambda c: moment(c["training"])["momentum_buffer"].fill_(math.nan),
    "scaler of another run": lambda c: c["training"].update(scaler={"scale": 1.0}),
    "scaler is a list": lambda c: c["training"].update(scaler=[]),
    "checkpoint of another epoch": lambda c: c.update(epoch=2),
    "checkpoint without framing": lambda c: c.pop("framing"),
    "checkpoint without weights": lambda c: c.update(model={}),
    "checkpoint of another program": lambda c: c.update(format="other"),
}


@pytest.fixture(scope="module")
def whole_save(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    save(folder, train_state())
    return folder / LAST


@pytest.fixture(scope="module")
def whole(whole_save):
    """What it holds, of which every test changes a copy: reading it anew takes longer."""
    return torch.load(whole_save, weights_only=True)


@pytest.fixture(scope="module")
def untouched():
    """A state, and its weights; every test here leaves it as it was."""
    state = train_state(1)
    return state, {name: value.clone() for name, value in state.model.state_dict().items()}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_anywhere_in_a_save_is_found_before_anything_changes(whole, untouched, tmp_path, damage):
    content = copy.deepcopy(whole)
    DAMAGE[damage](content)
    torch.save(content, tmp_path / LAST)
    state, before = untouched
    with pytest.raises(CheckpointError) as caught:
        resume(tmp_path, state)
    assert str(caught.value).startswith(f"cannot read {tmp_path / LAST}: ")
    assert len(str(caught.value)) < 300
    assert all(torch.equal(value, before[name]) for name, value in state.model.state_dict().items())


def test_the_save_before_a_damaged_one_is_used_and_named(whole, whole_save, tmp_path):
    content = copy.deepcopy(whole)
    content["training"]["step"] = -1
    torch.save(content, tmp_path / LAST)
    shutil.copy(whole_save, tmp_path / PREVIOUS)
    progress, message = resume(tmp_path)
    assert progress.step == 3
    assert message.endswith(f"; resuming from {PREVIOUS}")


def test_negative_squares_of_adam_are_damage(tmp_path):
    save(tmp_path, train_state(0, ADAM))
    content = torch.load(tmp_path / LAST, weights_only=True)
    moment(content["training"])["exp_avg_sq"].fill_(-1)
    torch.save(content, tmp_path / LAST)
    with pytest.raises(CheckpointError, match="squares are negative"):
        resume(tmp_path, train_state(1, ADAM))


def assert_refused(text, recipe_changes=None, **changes):
    assert text in changed_to(settings(recipe=make_recipe("modern", recipe_changes), **changes))


def changed_to(now, data_hash="abc", before=MODERN):
    return changed_settings(run_identity(before, "abc"), run_identity(now, data_hash))


def test_a_resumed_run_with_other_settings_is_refused(tmp_path):
    save(tmp_path, train_state())
    now = run_identity(settings(recipe=make_recipe("modern", {"lr": 0.5})), "abc")
    with pytest.raises(
        TrainingError, match=r"started with other settings: lr \(was 0.1, now 0.5\); repeat them, or st"
    ):
        resume_run(tmp_path, train_state(), now, STEPS)


def test_changed_settings_are_named_with_both_values():
    assert_refused("lr (was 0.1, now 0.5)", {"lr": 0.5})
    assert_refused("erase (was 0.3, now 0.0), lr", {"lr": 0.5, "erase": 0.0})
    assert_refused("epochs (was 40, now 60)", {"epochs": 60})
    assert_refused("seed (was 1, now 2)", seed=2)
    assert_refused("precision (was fp32, now bf16)", precision="bf16")


def test_many_changed_settings_are_counted():
    changed = changed_settings({f"s{i}": 1 for i in range(9)}, {f"s{i}": 2 for i in range(9)})
    assert changed.endswith("s2 (was 1, now 2), and 6 more; repeat them")


def test_other_data_are_refused():
    assert changed_to(MODERN, data_hash="xyz") == "was trained on other data; give the same --data"


def test_what_decides_no_step_may_change():
    now = settings(recipe=MODERN.recipe, workers=0, processes=2, save_every=1, patience=3, resume=True)
    assert changed_to(now) == ""


def test_the_step_schedule_can_be_extended():
    longer = settings(recipe=make_recipe("reference", {"epochs": 120}))
    assert changed_to(longer, before=settings(recipe="reference")) == ""


def test_what_was_left_open_is_the_same_run_as_the_same_said_aloud():
    aloud = settings(variant="ampnet-small", recipe="modern", recipe_changes={"lr": "0.05"}, processes=1)
    assert changed_to(settings(recipe_changes={"lr": 0.05}), before=aloud) == ""
