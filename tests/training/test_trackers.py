"""Experiment trackers: TensorBoard, and MLflow's file store."""

import sys
import types
from typing import Any, ClassVar

import pytest
from typer.testing import CliRunner

from ampnet.training import trackers
from ampnet.training.trackers import MLFLOW_STORE, open_trackers
from cli import app


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
    return types.SimpleNamespace(info=types.SimpleNamespace(run_id=name, run_name=name))


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
        return [a_run(name) for name in self.runs]

    def create_run(self, experiment, run_name):
        self.runs[run_name] = []
        return a_run(run_name)

    def log_metric(self, run, name, value, step):
        self.runs[run].append((name, value, step))


def test_a_resumed_run_goes_on_in_its_own_place_of_the_shared_store(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", types.SimpleNamespace(MlflowClient=Client, __spec__=object()))
    for epoch in (1, 2):
        (tracker,) = open_trackers(["mlflow"], tmp_path / "run1")
        tracker.add({"epoch": epoch, "train_loss": 1 / epoch})
    (found,) = Client.stores.values()
    assert list(Client.stores) == [(tmp_path / MLFLOW_STORE).as_uri()]
    assert found == {"run1": [("epoch", 1, 1), ("train_loss", 1.0, 1), ("epoch", 2, 2), ("train_loss", 0.5, 2)]}
