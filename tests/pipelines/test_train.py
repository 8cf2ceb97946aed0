"""Real trainings of a tiny network on the sample faces: whole, interrupted, resumed, and refused."""

import json
import os
import shutil
import signal
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from ampnet.checkpoints.checkpoint import load_checkpoint
from ampnet.dataset.index.label_votes import write_votes
from ampnet.dataset.open_index import read_index
from ampnet.errors import DataError, LockedError, ProcessError, TrainingError, UsageError
from ampnet.files.lock import LOCK_FILE, lock_folder
from ampnet.settings import AuditConfig, CalibrateConfig, EvalConfig, RobustnessConfig, TrainConfig
from ampnet.settings.recipes import make_recipe
from ampnet.training.run_folder import saved_settings
from cli import app
from pipelines import train
from pipelines.audit import run as audit
from pipelines.calibrate import run as calibrate
from pipelines.evaluate import run as evaluate
from pipelines.robustness import run as robustness
from pipelines.train import run
from tests.prepared_faces import write_prepared_faces
from tests.processes import trainers_of
from tests.small_checkpoint import SMALL_RUN

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_prepared_faces(tmp_path_factory.mktemp("faces"), train=5, val=2, test=1)


@pytest.fixture
def config(data, tmp_path):
    recipe = make_recipe("reference", {"epochs": 2, "batch_size": 12, "lr": 0.02})
    return TrainConfig(data=data, out=tmp_path / "checkpoint", name="run", recipe=recipe, **SMALL_RUN)


def changed(config, **changes):
    return replace(config, recipe=replace(config.recipe, **changes))


def stored(file):
    return torch.load(file, weights_only=True)


def weights(folder):
    return stored(folder / "last.pt")["model"]


def assert_same_weights(first, second):
    one, other = weights(first), weights(second)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def history(folder):
    return pd.read_csv(folder / "history.csv").drop(columns="seconds")


def stop_after(monkeypatch, checks):
    """Send this process SIGTERM when the run has looked that often whether it should stop."""
    from ampnet.training import loop

    original, seen = loop._sync_step_losses, []

    def counted(*arguments):
        seen.append(1)
        if len(seen) == checks:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(*arguments)

    monkeypatch.setattr(loop, "_sync_step_losses", counted)


def test_a_run_leaves_a_folder_that_says_everything(config, data):
    result = run(config, quiet=True)
    assert result.folder == config.out / "run"
    names = {path.name for path in result.folder.iterdir() if path.name != LOCK_FILE}
    assert names == {"best.pt", "last.pt", "previous.pt", "history.csv", "curves.png", "config.json"}
    rows = pd.read_csv(result.folder / "history.csv")
    assert rows["epoch"].tolist() == [1, 2]
    assert rows["val_accuracy"].max() == pytest.approx(result.accuracy, abs=1e-5)
    about = json.loads((result.folder / "config.json").read_text())
    assert about["config"]["recipe"]["lr"] == 0.02
    assert about["data"]["counts"]["train"] == dict.fromkeys(read_index(data).class_names, 5)
    assert about["environment"]["torch"] == torch.__version__
    best = load_checkpoint(result.folder)
    assert best.epoch == result.best_epoch
    assert best.class_names == read_index(data).class_names
    assert best.framing.color == "rgb"
    assert best.selected_on == "val"
    assert best.metrics["val_accuracy"] == result.accuracy
    assert best.temperature == rows["temperature"][result.best_epoch - 1] != 1
    assert set(result.recall) == set(best.class_names)
    assert best.class_shares == pytest.approx([1 / 7] * 7, abs=1e-6)  # so that --prior can be used


def test_the_same_seed_gives_the_same_weights_with_any_workers_and_another_seed_others(config):
    run(config, quiet=True)
    run(replace(config, name="again", workers=2), quiet=True)
    run(replace(config, name="other", seed=2), quiet=True)
    assert_same_weights(config.out / "run", config.out / "again")
    one, other = (weights(config.out / name)["stem.first.conv.weight"] for name in ("run", "other"))
    assert not torch.equal(one, other)


def test_an_epoch_and_another_equal_two(config):
    run(config, quiet=True)
    split = replace(config, name="split")
    run(changed(split, epochs=1), quiet=True)
    result = run(replace(split, resume=True), quiet=True)
    assert result.epochs == 2
    assert_same_weights(config.out / "run", config.out / "split")
    assert history(config.out / "run").equals(history(config.out / "split"))


def test_a_run_stopped_within_an_epoch_resumes_to_the_same_end(config, monkeypatch):
    modern = replace(config, recipe=make_recipe("modern", {"epochs": 2, "batch_size": 12}))
    run(modern, quiet=True)
    with monkeypatch.context() as patch:
        stop_after(patch, checks=4)  # three steps an epoch: within the second
        with pytest.raises(KeyboardInterrupt):
            run(replace(modern, name="stopped"), quiet=True)
    saved = stored(config.out / "stopped" / "last.pt")["training"]
    assert (saved["epoch"], saved["step"]) == (1, 2)  # the step in which the signal came, and one to notice
    run(replace(modern, name=None, resume=True), quiet=True)  # the run that was saved last
    assert_same_weights(config.out / "run", config.out / "stopped")
    assert history(config.out / "run").equals(history(config.out / "stopped"))


def test_a_truncated_save_costs_an_epoch_but_not_the_result(config, capfd):
    run(config, quiet=True)
    last = config.out / "run" / "last.pt"
    expected = weights(last.parent)
    last.write_bytes(last.read_bytes()[:5000])
    run(replace(config, resume=True))
    assert "resuming from previous.pt" in capfd.readouterr().err
    assert all(torch.equal(value, expected[name]) for name, value in weights(last.parent).items())


def test_a_finished_run_resumed_gives_its_result_again(config):
    first = run(config, quiet=True)
    assert run(replace(config, resume=True), quiet=True) == first


def test_changed_settings_are_refused_on_resume(config):
    run(changed(config, epochs=1), quiet=True)
    with pytest.raises(TrainingError, match=r"other settings: lr \(was 0.02, now 0.5\); repeat them"):
        run(replace(changed(config, lr=0.5), resume=True), quiet=True)


def test_what_a_resumed_run_was_asked_for_last_holds_when_it_is_resumed_again(config, monkeypatch):
    run(changed(config, epochs=1), quiet=True)
    with monkeypatch.context() as patch:
        stop_after(patch, checks=4)  # three steps an epoch: within the third
        with pytest.raises(KeyboardInterrupt):
            run(replace(changed(config, epochs=3), resume=True), quiet=True)
    assert run(TrainConfig(out=config.out, name="run", resume=True), quiet=True).epochs == 3


def test_a_resumed_run_needs_neither_the_weights_nor_the_teachers_that_it_began_with(config):
    start = run(changed(replace(config, name="start"), epochs=1), quiet=True).folder
    pupil = replace(config, pretrained=start, teachers=(start,))
    run(changed(pupil, epochs=1), quiet=True)
    shutil.rmtree(start)
    assert run(replace(pupil, resume=True), quiet=True).epochs == 2


def test_an_evaluation_tells_that_the_data_were_prepared_again_since_the_training(config, data, tmp_path, capfd):
    mine = shutil.copytree(data, tmp_path / "mine")
    folder = run(changed(replace(config, data=mine), epochs=1), quiet=True).folder
    told = "the data were prepared again after the run was trained"

    def notes(root):
        asked = EvalConfig(checkpoint=folder, data=root, split="val", out=tmp_path / "report", gpus=0, force=True)
        return " ".join(evaluate(asked, quiet=True).report.notes)

    assert told not in notes(mine)
    lines = (mine / "index" / "data_label.txt").read_text().splitlines()
    (mine / "index" / "data_label.txt").write_text("\n".join(lines[1:]) + "\n")
    assert told in notes(mine)
    of_suite = RobustnessConfig(
        checkpoint=folder, data=mine, split="val", corruptions="none", images=1, gpus=0, workers=0
    )
    assert told in " ".join(robustness(of_suite, quiet=True).report.notes)
    listed = AuditConfig(checkpoint=folder, data=mine, splits=("val",), out=tmp_path / "lists", gpus=0)
    assert told in " ".join(audit(listed, quiet=True).notes)
    calibrate(CalibrateConfig(checkpoint=folder, data=mine, out=tmp_path / "c.pt", gpus=0))
    assert told in " ".join(capfd.readouterr().err.split())
    assert told not in notes(shutil.copytree(mine, tmp_path / "another set"))


def test_one_run_is_not_resumed_as_several(config):
    run(changed(config, epochs=1), quiet=True)
    with pytest.raises(UsageError, match="run was started without --seeds"):
        run(replace(changed(config, epochs=1), seeds=2, resume=True), quiet=True)


def test_a_taken_name_and_a_missing_run_say_what_to_do(config):
    (config.out / "run").mkdir(parents=True)
    with pytest.raises(UsageError, match="already exists; resume it with --resume, or choose another --name"):
        run(config, quiet=True)
    with pytest.raises(UsageError, match="nothing to resume; omit --resume"):
        run(replace(config, name="none", resume=True), quiet=True)
    with pytest.raises(UsageError, match="holds no run to resume"):
        run(replace(config, name=None, resume=True), quiet=True)


def test_missing_data_name_the_command_that_makes_them(config, tmp_path):
    with pytest.raises(DataError, match="ampnet prepare"):
        run(replace(config, data=tmp_path), quiet=True)
    assert not config.out.exists()  # a run that cannot begin leaves nothing behind


def test_a_set_without_the_selection_split_says_what_it_has(config, tmp_path):
    data = write_prepared_faces(tmp_path / "train-only", train=2, val=1)
    with pytest.raises(DataError, match=r"no image in the split test \(it has train 14, val 7, test 0\)"):
        run(replace(config, data=data, select_on="test"), quiet=True)


def test_a_loss_that_explodes_stops_the_run_with_the_step(config):
    with pytest.raises(TrainingError, match=r"the loss is (nan|inf) at step \d of epoch 1; try a lower --lr"):
        run(changed(config, lr=1e12), quiet=True)


def test_selection_on_the_test_split_is_marked(config, capfd):
    result = run(replace(config, select_on="test"))
    assert "inflates" in capfd.readouterr().err
    assert load_checkpoint(result.folder).selected_on == "test"
    assert "chosen on the test split, which inflates" in "\n".join(result.lines())
    assert "test_accuracy" in history(result.folder)


def test_patience_ends_a_run_that_does_not_get_better(config):
    stuck = replace(changed(config, epochs=9, lr=1e-9), patience=2)
    result = run(stuck, quiet=True)
    assert result.epochs == result.best_epoch + 2 < 9


def test_several_seeds_report_mean_and_spread(config):
    result = run(replace(changed(config, epochs=1), seeds=2), quiet=True)
    one, other = (each.accuracy for each in result.runs)
    plain = json.loads((config.out / "run" / "seeds.json").read_text())
    assert plain["accuracy_mean"] == pytest.approx((one + other) / 2)
    assert plain["accuracy_deviation"] == pytest.approx(abs(one - other) / 2**0.5)
    assert [each.seed for each in result.runs] == [1, 2]
    again = run(replace(changed(config, epochs=1), seeds=2, resume=True), quiet=True)
    assert again.runs == result.runs
    more = run(TrainConfig(out=config.out, name="run", seeds=3, resume=True), quiet=True)
    assert [each.seed for each in more.runs] == [1, 2, 3]
    assert len(run(TrainConfig(out=config.out, name="run", resume=True), quiet=True).runs) == 3
    with pytest.raises(UsageError, match="run was started with --seeds 3; leave it out"):
        run(TrainConfig(out=config.out, name="run", seeds=2, resume=True), quiet=True)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_other_precisions_train_float32_weights(config, precision):
    run(replace(changed(config, epochs=1), precision=precision), quiet=True)
    assert {value.dtype for value in weights(config.out / "run").values()} == {torch.float32, torch.int64}


def test_transfer_starts_from_a_run_and_leaves_the_frozen_stem(config, capfd):
    run(changed(config, epochs=1), quiet=True)
    tuned = replace(
        changed(config, epochs=1, body_lr=0.001), name="tuned", pretrained=config.out / "run", freeze="stem"
    )
    run(tuned)
    assert "heads included" in capfd.readouterr().err
    before = load_checkpoint(config.out / "run").model.state_dict()
    after = weights(config.out / "tuned")
    frozen = [torch.equal(after[name], value) for name, value in before.items() if name.startswith("stem.")]
    assert all(frozen)
    assert not torch.equal(after["global_head.weight"], before["global_head.weight"])


@pytest.fixture(scope="module")
def two_processes(data, tmp_path_factory):
    """Train with two processes, saving after each step."""
    recipe = make_recipe("reference", {"epochs": 2, "batch_size": 12, "lr": 0.02, "dropout": 0.0})
    together = TrainConfig(
        data=data,
        out=tmp_path_factory.mktemp("two"),
        name="run",
        recipe=recipe,
        freeze="norms",
        save_every=0,
        **SMALL_RUN | {"processes": 2},
    )
    run(together, quiet=True)
    return together


@pytest.mark.soak
def test_several_processes_are_refused_as_one_where_another_command_trains(two_processes):
    with lock_folder(two_processes.out / "run"), pytest.raises(LockedError, match=f"process {os.getpid()} on "):
        run(replace(two_processes, resume=True), quiet=True)


@pytest.mark.soak
def test_a_killed_process_ends_the_run_which_then_resumes_to_the_undisturbed_runs_end(two_processes):
    killer = threading.Thread(target=_kill_a_trainer, args=(two_processes.out / "killed",))
    killer.start()
    with pytest.raises(ProcessError, match=r"process \d of ampnet train was killed by signal SIGKILL; the others were"):
        run(replace(two_processes, name="killed"), quiet=True)
    killer.join()
    run(replace(two_processes, name="killed", resume=True), quiet=True)
    assert_same_weights(two_processes.out / "run", two_processes.out / "killed")


def _kill_a_trainer(folder):
    """Wait for the run's first save, then kill one of this process's grandchildren that train."""
    while not (folder / "last.pt").exists():
        threading.Event().wait(0.02)
    os.kill(trainers_of(os.getpid())[-1], signal.SIGKILL)


def test_the_command_trains_and_names_the_next_one(data, tmp_path):
    options = ["--width", "0.05", "--image-size", "48", "--modules", "gp", "--batch-size", "12", "--epochs", "1"]
    options += ["--set", "erase=0.5", "--recipe", "modern", "--gpus", "0", "--workers", "0", "--quiet"]
    result = CliRunner().invoke(app, ["train", "--data", str(data), "--out", str(tmp_path), *options])
    assert result.exit_code == 0, result.output
    assert f"next: ampnet eval {tmp_path}/run1 --data {data}" in result.stdout
    assert result.stderr == ""
    assert stored(tmp_path / "run1" / "best.pt")["config"]["recipe"]["augmentation"]["erase"] == 0.5


def test_the_command_refuses_what_cannot_be(data):
    for options, message in (
        (["--set", "speed=3"], "unknown recipe value speed"),
        (["--modules", "gp,xx"], "--modules must be some of gp, lp, ap"),
        (["--gpus", "99"], "99 GPUs requested, but none available"),
        (["--sync-bn", "--gpus", "0", "--out", "/tmp/never"], "sync_bn needs GPUs"),
    ):
        result = CliRunner().invoke(app, ["train", "--data", str(data), "--processes", "1", *options])
        assert result.exit_code == 2
        assert message in result.stderr


def write_crowd(data, root):
    """Copy a prepared set and give it votes: for each face eight for its label, two for the next class."""
    shutil.copytree(data, root)
    index = read_index(root)
    votes = [np.roll([8, 2, 0, 0, 0, 0, 0], label).tolist() for label in index.labels]
    rows = list(zip(index.names, votes, strict=True))
    write_votes(root / "index" / "label_votes.csv", index.class_names, rows)
    return root


def test_votes_can_be_learned_and_choose_the_best_epoch(config, data, tmp_path):
    crowd = write_crowd(data, tmp_path / "crowd")
    options = ["--width", "0.05", "--image-size", "48", "--modules", "gp", "--epochs", "1", "--batch-size", "12"]
    common = ["train", "--data", str(crowd), "--out", str(config.out), *options, "--gpus", "0", "--workers", "0"]
    for name, learned in {"label": [], "votes": ["--targets", "votes"], "mix": ["--targets", "mix"]}.items():
        weight = ["--vote-weight", "0.5"] if name == "mix" else []
        done = CliRunner().invoke(app, [*common, "--name", name, "--quiet", *learned, *weight])
        assert done.exit_code == 0, done.output
    losses = {name: history(config.out / name)["train_loss"].item() for name in ("label", "votes", "mix")}
    assert len(set(losses.values())) == 3
    recipe = json.loads((config.out / "mix" / "config.json").read_text())["config"]["recipe"]
    assert (recipe["targets"], recipe["vote_weight"]) == ("mix", 0.5)


def test_votes_of_a_set_without_any_are_refused_in_one_line(config, data):
    arguments = ["train", "--data", str(data), "--out", str(config.out), "--targets", "votes", "--gpus", "0"]
    done = CliRunner().invoke(app, [*arguments, "--processes", "1", "--quiet"])
    assert done.exit_code == 1
    assert "holds no index/label_votes.csv" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_what_a_series_is_asked_for_last_holds_when_its_first_run_is_killed(config, monkeypatch):
    def epochs() -> int:
        return saved_settings(TrainConfig(), config.out / "run").recipe.epochs

    def end(error: BaseException) -> None:
        def ended(*_arguments: object) -> None:
            raise error

        monkeypatch.setattr(train, "_run_once", ended)

    series = replace(changed(config, epochs=1), seeds=2)
    for asked, error, kept in (
        (series, KeyboardInterrupt(), 1),
        (replace(changed(config, epochs=3), seeds=2, resume=True), KeyboardInterrupt(), 3),
        (replace(changed(config, epochs=9), seeds=2, resume=True), TrainingError("other settings"), 3),
    ):
        end(error)
        with pytest.raises(type(error)):
            run(asked, quiet=True)
        assert epochs() == kept


def test_a_series_whose_settings_cannot_be_read_is_resumed_by_those_given(config, monkeypatch):
    monkeypatch.setattr(train, "_run_once", lambda *_: pytest.fail("not asked for"))
    series = replace(changed(config, epochs=1), folds="", seeds=2)
    folder = config.out / "run"
    folder.mkdir(parents=True)
    (folder / "config.json").write_bytes(b"\xff\xfe")
    with pytest.raises(pytest.fail.Exception, match="not asked for"):
        run(replace(series, resume=True), quiet=True)
    assert json.loads((folder / "config.json").read_text())["config"]["recipe"]["epochs"] == 1
