"""Ctrl-C in a terminal, which reaches every process of a training on two processes, at any moment."""

import os
import signal
import time

import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from cli import app
from tests.prepared_faces import write_prepared_faces
from tests.processes import Command, trainers_of

pytestmark = pytest.mark.slow

OPTIONS = ["--width", "0.05", "--image-size", "48", "--modules", "gp", "--batch-size", "12", "--epochs", "3"]
OPTIONS += ["--gpus", "0", "--processes", "2", "--workers", "1", "--name", "run"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_prepared_faces(tmp_path_factory.mktemp("faces"), train=5, val=1)


def start(data, out, *more):
    """Begin a training as a shell does: in a process group of its own."""
    return Command("train", "--data", data, "--out", out, *OPTIONS, *more)


def wait_for(process, condition):
    while process.poll() is None and not condition():
        time.sleep(0.05)


def stop(process, advice="to resume, run the same command with --resume"):
    """Press Ctrl-C; what the command says must be one line, its last."""
    os.killpg(process.pid, signal.SIGINT)
    told = process.communicate(timeout=600)[1]
    assert process.returncode == 130, told
    assert told.splitlines()[-1] == f"ampnet: interrupted; {advice}"
    assert not [word for word in ("Traceback", "Warning", "Error") if word in told], told


@pytest.mark.soak
def test_ctrl_c_while_the_processes_start_ends_with_one_line(data, tmp_path):
    process = start(data, tmp_path)
    wait_for(process, lambda: len(trainers_of(process.pid)) == 2)
    time.sleep(0.5)  # they import torch now
    stop(process, "run the same command again")
    assert not (tmp_path / "run" / "last.pt").exists()


def train_alone(data, out, *more):
    words = ["train", "--data", data, "--out", out, *OPTIONS, "--processes", "1", "--workers", "0", *more]
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.stderr
    last = torch.load(out / "run" / "last.pt", weights_only=True)
    return pd.read_csv(out / "run" / "history.csv"), last["model"]


@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.soak)])
def test_ctrl_c_while_they_train_saves_and_one_resumes_to_the_losses_and_weights_of_one_within_1e_4(
    data, tmp_path, workers
):
    """Normalisation statistics and dropout are each process's own, so they are frozen and off."""
    same = ["--freeze", "norms", "--recipe", "reference", "--set", "dropout=0"]
    two, one = tmp_path / "two", tmp_path / "one"
    process = start(data, two, "--workers", str(workers), *same)
    wait_for(process, (two / "run" / "last.pt").exists)  # after an epoch
    stop(process)
    told, weights = train_alone(data, two, *same, "--resume")  # any number may continue
    expected, of_one = train_alone(data, one, *same)
    assert told["epoch"].tolist() == [1, 2, 3]
    for loss in ("train_loss", "val_loss"):
        assert (told[loss] - expected[loss]).abs().max() < 1e-4
    assert told["train_accuracy"].equals(expected["train_accuracy"])
    assert all(torch.allclose(value, of_one[name], atol=1e-4) for name, value in weights.items())


@pytest.mark.soak
def test_resuming_a_run_that_is_not_there_is_wrong_usage(data, tmp_path):
    process = start(data, tmp_path, "--resume")
    told = process.communicate(timeout=600)[1].strip()
    assert process.returncode == 2, told
    assert told == f"ampnet: {tmp_path}/run does not exist, so there is nothing to resume; omit --resume"
