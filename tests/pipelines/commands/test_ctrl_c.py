"""What Ctrl-C says is a command that works: --resume only where something is left to resume."""

import gc
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.testing import CliRunner

from cli import app, program
from pipelines.commands.one_line_errors import OneLineErrors
from tests.prepared_faces import write_prepared_faces
from tests.small_checkpoint import small_checkpoint

pytestmark = pytest.mark.slow

SAMPLES = Path(__file__).parents[2] / "samples"
TINY = ["--width", "0.05", "--image-size", "48", "--modules", "gp", "--batch-size", "7", "--epochs", "1"]
TINY += ["--gpus", "0", "--processes", "1", "--workers", "0"]
PREDICT = ("predict", "--checkpoint", "run")
AGAIN, RESUME = "run the same command again", "to resume, run the same command with --resume"


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A folder with a data set, a checkpoint, a photo and an archive of it."""
    folder = tmp_path_factory.mktemp("here")
    write_prepared_faces(folder / "data", train=1, val=1, test=1)
    small_checkpoint(folder / "run")
    (folder / "photo.jpg").symlink_to(SAMPLES / "portrait.jpg")
    with tarfile.open(folder / "photos.tar", "w") as archive:
        archive.add(SAMPLES / "portrait.jpg", "portrait.jpg")
    return folder


def interrupted(monkeypatch, words, where):
    """Run a command that gets Ctrl-C when it calls a function; return what it says last."""

    def press(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(where, press)
    result = CliRunner().invoke(app, [*words, "--gpus", "0"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    assert result.exit_code == 130
    return result.stderr.splitlines()[-1].removeprefix("ampnet: interrupted; ")


@pytest.mark.parametrize(
    ("words", "where", "advice"),
    [
        (["prepare", SAMPLES / "faces"], "pipelines.prepare.FaceDetector", AGAIN),
        (["prepare", SAMPLES / "faces", "--crop", "face"], "pipelines.prepare._prepare_open", RESUME),
        ([*PREDICT, "photo.jpg"], "pipelines.predict._take", AGAIN),
        (
            [*PREDICT, "photo.jpg", "--csv", "a.csv"],
            "pipelines.predict.choose_predictor",
            AGAIN,
        ),
        ([*PREDICT, "photo.jpg", "--csv", "b.csv"], "pipelines.predict._take", AGAIN),
        ([*PREDICT, "photo.jpg", "--csv", "c.csv"], "pipelines.predict.RowFile.finish", RESUME),
        (
            [*PREDICT, "photos.tar", "--csv", "d.csv"],
            "pipelines.predict.RowFile.finish",
            "to start over, run the same command with --force",
        ),
        ([*PREDICT, "photo.jpg", "--annotate", "drawn"], "pipelines.predict.notes_of_empty", RESUME),
        (
            [*PREDICT, "photo.jpg", "--annotate", "hidden", "--hide", "box"],
            "pipelines.predict.notes_of_empty",
            "to start over, run the same command with --force",
        ),
        (["robustness", "run", "--data", "data"], "pipelines.robustness._contender", AGAIN),
        (["robustness", "run", "--data", "data"], "pipelines.robustness._measure", RESUME),
        (["train", "--data", "data", *TINY], "pipelines.train.open_run", AGAIN),
        (["train", "--data", "data", "--name", "a", *TINY], "ampnet.training.run.training_targets", RESUME),
        (["eval", "run", "--data", "data"], "pipelines.evaluate.predict_split", AGAIN),
    ],
)
def test_ctrl_c_advises_to_resume_only_what_is_left(here, monkeypatch, words, where, advice):
    monkeypatch.chdir(here)
    assert interrupted(monkeypatch, [str(word) for word in words], where) == advice


BEGINNING = "ampnet: interrupted; run the same command again\n"


def test_ctrl_c_while_the_commands_are_imported_is_said_in_one_line():
    code = (
        "import sys\n"
        "class Pressed:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'typer':\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Pressed())\n"
        "from cli import program"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", BEGINNING)


@pytest.mark.parametrize("place", ["make_context", "main"])
def test_ctrl_c_before_a_command_begins_is_said_in_one_line(monkeypatch, capsys, place):
    def press(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(OneLineErrors if place == "main" else TyperGroup, place, press)
    monkeypatch.setattr("sys.argv", ["ampnet", "check"])
    with pytest.raises(SystemExit) as ended:
        program()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.unfreeze()
    assert ended.value.code == 130
    assert capsys.readouterr() == ("", BEGINNING)


def test_ctrl_c_after_the_work_changes_nothing():
    code = (
        "import atexit, signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "sys.argv = ['ampnet', '--version']\n"
        "atexit.register(signal.raise_signal, signal.SIGINT)\n"
        "from cli import program\n"
        "program()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600, check=False)
    assert (done.returncode, done.stderr) == (0, "")
