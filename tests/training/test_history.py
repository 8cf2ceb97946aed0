"""The best epoch is the most accurate one; of equally accurate ones, the one with the lowest loss."""

import sys
import types
from typing import Any, ClassVar

import numpy as np
import pytest
from typer.testing import CliRunner

from ampnet.training import history as trackers
from ampnet.training.history import MLFLOW_STORE, History, open_trackers
from cli import app


@pytest.mark.parametrize(
    ("epochs", "best"),
    [
        ([(0.5, 1.0), (0.6, 1.2), (0.55, 0.5)], 2),
        ([(0.5, 1.0), (0.5, 0.9), (0.5, 0.95)], 2),
        ([(0.5, 1.0), (0.5, 1.0)], 1),
    ],
    ids=["accuracy", "loss", "neither is better"],
)
def test_the_best_epoch(epochs, best):
    history = History()
    answers = [
        history.add({"epoch": number}, accuracy, loss, np.full((2, 2), number))
        for number, (accuracy, loss) in enumerate(epochs, start=1)
    ]
    assert history.best_epoch == best
    assert history.best_confusion == [[best, best], [best, best]]
    assert answers.index(True, best - 1) == best - 1
    assert not any(answers[best:])
    assert history.epochs_without_better() == len(epochs) - best
    assert history.to_dict()["best"]["loss"] == epochs[best - 1][1]


@pytest.mark.parametrize(("option", "package"), [("--tensorboard", "tensorboard"), ("--mlflow", "'ampnet[mlflow]'")])
def test_a_missing_package_is_named_before_the_run_folder_exists(option, package, tmp_path, monkeypatch):
    monkeypatch.setattr(trackers, "find_spec", lambda _: None)
    words = ["train", "--data", str(tmp_path), "--out", str(tmp_path / "out"), option, "-q"]
    for more in ([], ["--seeds", "2"]):
        result = CliRunner().invoke(app, [*words, *more])
        assert result.exit_code == 2
        assert f"{option} needs an additional package: pip install {package}" in result.stderr
        assert not (tmp_path / "out").exists()


def a_run(name):
    return types.SimpleNamespace(info=types.SimpleNamespace(run_id=name, run_name=name.partition(" ")[0]))


class Client:
    """MLflow's client, as far as it is used."""

    stores: ClassVar[dict[str, dict[str, Any]]] = {}

    def __init__(self, tracking_uri):
        self.runs = self.stores.setdefault(tracking_uri, {})

    def get_experiment_by_name(self, name):
        return types.SimpleNamespace(experiment_id="1") if self.runs else None

    def create_experiment(self, name):
        return "1"

    def search_runs(self, experiments):
        return [a_run(name) for name in reversed(self.runs)]

    def create_run(self, experiment, run_name):
        run = f"{run_name} number {len(self.runs) + 1}"
        self.runs[run] = []
        return a_run(run)

    def log_metric(self, run, name, value, step):
        self.runs[run].append((name, value, step))


def test_a_resumed_run_goes_on_in_its_own_place_of_the_shared_store(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", types.SimpleNamespace(MlflowClient=Client, __spec__=object()))
    for epoch in (1, 2):
        (tracker,) = open_trackers(["mlflow"], tmp_path / "run1", is_resumed=epoch > 1)
        tracker.add({"epoch": epoch, "train_loss": 1 / epoch})
    (found,) = Client.stores.values()
    assert list(Client.stores) == [(tmp_path / MLFLOW_STORE).as_uri()]
    first = [("epoch", 1, 1), ("train_loss", 1.0, 1), ("epoch", 2, 2), ("train_loss", 0.5, 2)]
    assert found == {"run1 number 1": first}
    (tracker,) = open_trackers(["mlflow"], tmp_path / "run1", is_resumed=False)  # of one that was deleted meanwhile
    tracker.add({"epoch": 1})
    assert found == {"run1 number 1": first, "run1 number 2": [("epoch", 1, 1)]}
