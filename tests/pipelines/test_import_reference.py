import pytest
import torch
from typer.testing import CliRunner

from ampnet.checkpoints.checkpoint import load_checkpoint
from ampnet.checkpoints.reference.reference_files import read_reference
from ampnet.checkpoints.reference.wrapped_weights import reference_name
from ampnet.errors import ConfigError
from ampnet.models.ampnet import AMPNet
from ampnet.settings.labels import EXPRESSIONS, EXPRESSIONS_8
from cli import app
from tests.limits import file_size_limit
from tests.reference_weights import (
    THIN,
    placeholder_state,
    reference_state,
    use_thin_network,
    write_reference_file,
)
from tests.small_checkpoint import small_checkpoint

pytestmark = pytest.mark.slow


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def thin(monkeypatch):
    use_thin_network(monkeypatch)


def thin_state(num_classes=7):
    return placeholder_state(num_classes, width=THIN)


@pytest.mark.usefixtures("thin")
def test_import_keeps_the_weights_and_export_gives_them_back(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    state = reference_state(AMPNet(width=THIN))
    write_reference_file(tmp_path / "model_best.pth", state)
    imported = run("import", "model_best.pth")
    assert imported.exit_code == 0
    assert "checkpoint: checkpoint/model_best.pt" in imported.stdout
    checkpoint = load_checkpoint(tmp_path / "checkpoint" / "model_best.pt")
    assert (checkpoint.class_names, checkpoint.epoch) == (EXPRESSIONS, 62)
    exported = run("export-reference", "checkpoint/model_best.pt")
    assert exported.exit_code == 0
    assert "labels from 0: surprise, fear, disgust, happiness, sadness, anger, neutral" in exported.stdout
    again = torch.load("published.pth", weights_only=True, mmap=True)["state_dict"]
    assert again.keys() == state.keys()
    used = {reference_name(name) for name in checkpoint.model.state_dict()}
    assert all(torch.equal(again[name], state[name]) for name in used)
    assert all((again[name] == 0).all() for name in state.keys() - used)


@pytest.mark.usefixtures("thin")
def test_a_file_of_identities_becomes_seven_untrained_classes_and_says_so(tmp_path):
    source = write_reference_file(tmp_path / "faces.pth", thin_state(8631))
    result = run("import", source, "--out", tmp_path / "faces.pt")
    assert result.exit_code == 0
    assert "heads have 8631 classes, so both heads are new and untrained" in result.stdout
    assert load_checkpoint(tmp_path / "faces.pt").class_names == EXPRESSIONS


@pytest.mark.usefixtures("thin")
def test_eight_classes_and_named_classes_are_taken_over(tmp_path):
    source = write_reference_file(tmp_path / "a.pth", thin_state(8))
    assert run("import", source, "--out", tmp_path / "eight.pt").exit_code == 0
    assert load_checkpoint(tmp_path / "eight.pt").class_names == EXPRESSIONS_8
    source = write_reference_file(tmp_path / "b.pth", thin_state(3))
    unnamed = run("import", source, "--out", tmp_path / "three.pt")
    assert unnamed.exit_code == 1
    assert "has 3 classes; name them in label order with --classes" in unnamed.stderr
    named = run("import", source, "--out", tmp_path / "three.pt", "--classes", "joy, pain,other")
    assert named.exit_code == 0
    assert load_checkpoint(tmp_path / "three.pt").class_names == ("joy", "pain", "other")


@pytest.mark.usefixtures("thin")
def test_nothing_is_replaced_unasked(tmp_path):
    source = write_reference_file(tmp_path / "a.pth", thin_state())
    out = tmp_path / "a.pt"
    out.write_text("precious")
    refused = run("import", source, "--out", out)
    assert refused.exit_code == 2
    assert "a.pt exists" in refused.stderr
    assert out.read_text() == "precious"
    assert run("import", source, "--out", out, "--force").exit_code == 0


@pytest.mark.parametrize("room", [100_000, *(pytest.param(room, marks=pytest.mark.soak) for room in (0, 2_000_000))])
@pytest.mark.usefixtures("thin")
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path, room):
    source = write_reference_file(tmp_path / "a.pth", thin_state())
    with file_size_limit(room):
        result = run("import", source, "--out", tmp_path / "new" / "a.pt")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"ampnet: cannot write {tmp_path / 'new' / 'a.pt'}: ")
    assert result.stderr.count("\n") == 1
    assert not list((tmp_path / "new").iterdir())


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
@pytest.mark.usefixtures("thin")
def test_weights_that_are_no_numbers_are_refused_by_the_files_own_name(tmp_path, broken):
    state = thin_state() | {"fc_5.bias": torch.full((7,), broken)}
    result = run("import", write_reference_file(tmp_path / "a.pth", state), "--out", tmp_path / "a.pt")
    assert result.exit_code == 1
    assert result.stderr == f"ampnet: cannot read {tmp_path / 'a.pth'}: fc_5.bias holds NaN or infinity\n"
    assert not (tmp_path / "a.pt").exists()


@pytest.mark.parametrize("classes", [0, 1, 20_000])
def test_heads_of_an_impossible_size_are_refused(tmp_path, classes):
    result = run("import", write_reference_file(tmp_path / "a.pth", placeholder_state(classes)))
    assert result.exit_code == 1
    assert f"its heads have {classes} classes" in result.stderr


@pytest.mark.usefixtures("thin")
def test_an_epoch_that_is_none_is_not_taken_over(tmp_path):
    for epoch in (float("inf"), -3, 10**30, True, "last"):
        torch.save({"epoch": epoch, "state_dict": thin_state()}, tmp_path / "a.pth")
        assert read_reference(tmp_path / "a.pth").epoch is None


def test_export_refuses_a_small_network(tmp_path):
    result = run("export-reference", small_checkpoint(tmp_path), "--out", tmp_path / "a.pth")
    assert result.exit_code == 1
    assert "holds the full network only" in result.stderr


@pytest.mark.parametrize("classes", ["joy", "joy,joy", "joy,,pain"])
def test_impossible_class_names_are_wrong_usage(tmp_path, classes):
    assert run("import", tmp_path / "a.pth", "--classes", classes).exit_code == ConfigError.exit_code


def test_a_checkpoint_whose_heads_weigh_unequally_is_not_exported_since_answers_would_differ(tmp_path):
    unequal = small_checkpoint(tmp_path, modules=("gp", "lp"), branch_weight=0.7)
    result = run("export-reference", unequal, "--out", tmp_path / "a.pth")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "weighs both heads equally" in result.stderr
    assert "has the weight 0.7; train with --set branch_weight=0.5" in result.stderr
    assert not (tmp_path / "a.pth").exists()
