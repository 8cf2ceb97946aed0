"""Ctrl-C in a terminal, which reaches every process of a training on two processes, at any moment."""

import os
import signal
import time

import pytest
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


@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.soak)])
def test_ctrl_c_while_they_train_saves_and_the_run_resumes(data, tmp_path, workers):
    process = start(data, tmp_path, "--workers", str(workers))
    wait_for(process, (tmp_path / "run" / "last.pt").exists)
    stop(process)
    alone = ["--resume", "--processes", "1"]  # any number may continue
    resumed = CliRunner().invoke(app, ["train", "--data", str(data), "--out", str(tmp_path), *OPTIONS, *alone])
    assert resumed.exit_code == 0, resumed.stderr
    assert len((tmp_path / "run" / "history.csv").read_text().splitlines()) == 4


@pytest.mark.soak
def test_resuming_a_run_that_is_not_there_is_wrong_usage(data, tmp_path):
    process = start(data, tmp_path, "--resume")
    told = process.communicate(timeout=600)[1].strip()
    assert process.returncode == 2, told
    assert told == f"ampnet: {tmp_path}/run does not exist, so there is nothing to resume; omit --resume"
