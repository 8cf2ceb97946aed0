"""`ampnet calibrate` on a few faces and a network whose logits are known."""

import json
import math

import pytest
from matplotlib.figure import Figure
from typer.testing import CliRunner

from ampnet.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from ampnet.checkpoints.model_files import model_path
from ampnet.files.lock import lock_folder
from ampnet.settings.labels import EXPRESSIONS
from cli import app
from pipelines import calibrate
from tests.prepared_faces import write_prepared_faces
from tests.small_checkpoint import small_checkpoint

pytestmark = pytest.mark.slow

HAPPY = [4.0 * (name == "happiness") for name in EXPRESSIONS]
"""Always happy, and far too sure: one face in seven is."""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_prepared_faces(tmp_path_factory.mktemp("faces"), train=1, val=1, test=1)


@pytest.fixture
def happy(tmp_path):
    return small_checkpoint(tmp_path, logits=HAPPY, rejection_threshold=0.5) / "best.pt"


@pytest.fixture
def empty_figures(monkeypatch):
    """Leave the figures empty, which takes a twentieth of the time; the first test draws them."""
    for name in ("draw_reliability", "draw_risk_coverage"):
        monkeypatch.setattr(calibrate, name, lambda *_: Figure())


def run(*arguments):
    return CliRunner().invoke(app, ["calibrate", *map(str, arguments), "--gpus", "0", "--workers", "0", "-q"])


def test_the_probability_becomes_the_share_of_right_answers(happy, data, tmp_path, request):
    # one of seven is right: no finite temperature makes a gap of 4 as unsure as that, so the bound is taken
    done = run(happy, "--data", data, "--out", tmp_path / "new" / "sure.pt", "--json")
    assert done.exit_code == 0
    result = json.loads(done.stdout)
    new, old = load_checkpoint(tmp_path / "new" / "sure.pt"), load_checkpoint(happy)
    assert new.temperature == result["temperature"] == 20
    assert result["before"]["mean_confidence"] == pytest.approx(math.exp(4) / (math.exp(4) + 6), abs=1e-5)
    assert result["after"]["calibration_error"]["value"] < 0.05 < result["before"]["calibration_error"]["value"]
    assert (old.temperature, old.rejection_threshold) == (1.0, 0.5)
    assert (new.rejection_threshold, new.class_names, new.epoch) == (0.0, old.class_names, old.epoch)
    figures = {path.name for path in (tmp_path / "new" / "sure-calibration").iterdir()}
    assert figures == {f"{name}.{form}" for name in ("reliability", "risk_coverage") for form in ("png", "svg")}
    request.getfixturevalue("empty_figures")
    told = run(happy, "--data", data, "--out", tmp_path / "new" / "sure.pt", "--force").stdout
    assert "at the end of its range, as no more answers than by chance are right" in told


@pytest.mark.usefixtures("empty_figures")
def test_a_coverage_sets_the_threshold_that_predict_uses(data, tmp_path):
    file = small_checkpoint(tmp_path) / "best.pt"  # random, so its probabilities differ
    done = run(file, "--data", data, "--coverage", 0.5, "--force")
    assert done.exit_code == 0
    threshold = load_checkpoint(file).rejection_threshold
    assert 1 / len(EXPRESSIONS) < threshold < 1
    assert f'below a probability of {threshold:.3f} the answer is "not sure"; 57.1% of the faces get one' in done.stdout


@pytest.mark.parametrize(
    ("options", "message", "code"),
    [
        ([], "name a new file with --out, or change", 2),
        (["--out", "there.pt"], "there.pt exists; choose another path, or replace it with --force", 2),
        (["--out", "new.pt", "--coverage", "0.5", "--precision", "0.5"], "each set the threshold; use only one", 2),
        (["--out", "new.pt", "--coverage", "0"], "--coverage must be within (0, 1], got 0", 2),
        (["--out", "new.pt", "--precision", "0.9"], "the best one reaches 14.3%; use a lower --precision", 1),
        (["--out", model_path(), "--force"], "the bundled models are never changed", 2),
    ],
)
def test_what_cannot_be_done_is_one_line_and_leaves_nothing(happy, data, tmp_path, monkeypatch, options, message, code):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.pt").write_bytes(b"")
    before = model_path().read_bytes()
    done = run(happy, "--data", data, *options)
    assert (done.exit_code, done.stdout) == (code, "")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "new.pt").exists()
    assert model_path().read_bytes() == before


def test_bundled_models_need_a_new_file(data):
    done = run("bundled", "--data", data, "--force")
    assert done.exit_code == 2
    assert "the bundled models are never changed; name a new file with --out" in done.stderr


def test_a_file_that_a_run_resumes_from_is_not_replaced(happy, data):
    last = happy.with_name("last.pt")
    save_checkpoint(last, load_checkpoint(happy), {"epoch": 1})
    done = run(last, "--data", data, "--force")
    assert done.exit_code == 2
    assert "holds what --resume needs" in done.stderr


def test_the_figures_of_another_calibration_are_not_replaced_unasked(happy, data, tmp_path):
    drawn = tmp_path / "new-calibration" / "reliability.png"
    drawn.parent.mkdir()
    drawn.write_bytes(b"")
    done = run(happy, "--data", data, "--out", tmp_path / "new.pt")
    assert done.exit_code == 2
    assert "reliability.png exists" in done.stderr
    assert drawn.read_bytes() == b""


def test_a_set_without_validation_faces_is_refused(happy, tmp_path):
    data = write_prepared_faces(tmp_path / "data", train=1, val=0, test=1)
    done = run(happy, "--data", data, "--out", tmp_path / "new.pt")
    assert done.exit_code == 1
    assert "has no face in the split val to calibrate on" in done.stderr


@pytest.mark.usefixtures("empty_figures")
def test_the_best_checkpoint_of_a_run_in_training_is_not_replaced(happy, data, tmp_path):
    before = happy.read_bytes()
    with lock_folder(happy.parent):
        done = run(happy, "--data", data, "--force")
        assert done.exit_code != 0
        assert "is in use by another ampnet command" in done.stderr
        assert happy.read_bytes() == before
        assert run(happy, "--data", data, "--out", tmp_path / "new.pt").exit_code == 0
