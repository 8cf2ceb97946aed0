"""`ampnet robustness` on a few faces."""

import hashlib
import io
import json
import os
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from rich.console import Console
from typer.testing import CliRunner

from ampnet.checkpoints.checkpoint import Checkpoint, save_checkpoint
from ampnet.errors import ConfigError, DataError, UsageError
from ampnet.faces.framing import Framing
from ampnet.files.journal import Journal
from ampnet.files.lock import LOCK_FILE
from ampnet.inference.contributions import VOTES
from ampnet.models.ampnet import AMPNet
from ampnet.robustness.measured_faces import choose_faces
from ampnet.robustness.measuring import JOURNAL_FILE
from ampnet.robustness.suite_report import robustness_latex
from ampnet.settings import EvalConfig, RobustnessConfig
from ampnet.settings.labels import EXPRESSIONS
from cli import app
from pipelines import robustness
from pipelines.evaluate import run as evaluate
from pipelines.robustness import run
from pipelines.show_robustness import robustness_tables
from pipelines.steadiness import run as measure_photos
from tests.prepared_faces import write_prepared_faces
from tests.processes import Command
from tests.small_checkpoint import ALL, small_checkpoint

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("empty_figures")]

FILES = {"robustness.json", "robustness.csv", "robustness.tex", "robustness.png", "robustness.svg", "corruptions.png"}
TOGETHER = "+".join(ALL)


@pytest.fixture
def empty_figures(monkeypatch):
    """Drawing takes longer than everything else here; the fixture ``whole`` draws."""

    def write(*names):
        return lambda folder, *_: [(folder / name).touch() for name in names]

    monkeypatch.setattr(robustness, "save_curves", write("robustness.png", "robustness.svg"))
    monkeypatch.setattr(robustness, "_save_sheet", write("corruptions.png"))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """One test face of each of the seven classes."""
    return write_prepared_faces(tmp_path_factory.mktemp("faces") / "data", train=1, val=0, test=1)


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return small_checkpoint(tmp_path_factory.mktemp("runs") / "random", modules=ALL)


def measure(checkpoint, data, out, **options):
    values = {"gpus": 0, "workers": 0, "corruptions": "mask,shift", **options}
    return run(RobustnessConfig(checkpoint=checkpoint, data=data, out=out, **values), quiet=True)


def numbers(result):
    plain = result.report.to_dict()
    return {key: plain[key] for key in ("rows", "errors", "votes", "plan")}


@pytest.fixture(scope="module")
def whole(network, data, tmp_path_factory):
    """A run that nothing disturbs, and its journal, line by line, taken before it is deleted."""
    kept = tmp_path_factory.mktemp("kept") / "journal"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Journal, "remove", lambda self: self.path.rename(kept))
        result = measure(network, data, tmp_path_factory.mktemp("undisturbed") / "out")
    return result, kept.read_bytes().splitlines(keepends=True)


@pytest.fixture(scope="module")
def undisturbed(whole):
    return whole[0]


@pytest.fixture(scope="module")
def record(whole):
    return whole[1]


def test_a_network_that_calls_every_face_happy_is_right_about_one_class_under_every_condition(tmp_path, data):
    happy = small_checkpoint(tmp_path / "run", logits=[0.0, 0, 0, 4, 0, 0, 1], modules=ALL)
    report = measure(happy, data, tmp_path / "out", corruptions="all").report
    assert report.images == 7
    assert len(report.of_kind("corruption")) == 18 * 6
    for row in report.rows:
        if row.kind in ("clean", "corruption", "group"):
            assert {vote: rate.accuracy for vote, rate in row.rates.items()} == pytest.approx(
                dict.fromkeys(["+".join(vote) for vote in VOTES], 1 / 7)
            )
            assert row.rates[TOGETHER].mean_recall == pytest.approx(1 / 7)
    error = report.errors[TOGETHER]
    assert (error.clean, error.mean, error.ratio) == pytest.approx((6 / 7, 6 / 7, 1))


def test_the_plan_has_the_hash_of_what_is_measured_though_training_goes_on(tmp_path, data, monkeypatch):
    run, later = (
        small_checkpoint(tmp_path / name, logits=[0.0] * 6 + [6.0 * number])
        for number, name in enumerate(("run", "later"))
    )
    measured = hashlib.sha256((run / "best.pt").read_bytes()).hexdigest()

    def while_training(*arguments):
        shutil.copy(later / "best.pt", run)
        return choose_faces(*arguments)

    monkeypatch.setattr(robustness, "choose_faces", while_training)
    assert measure(run, data, tmp_path / "out", corruptions="none").report.plan["checkpoint"] == measured


def test_the_files_are_complete_and_agree(undisturbed):
    assert {path.name for path in undisturbed.folder.iterdir()} - {LOCK_FILE} == FILES
    report = json.loads((undisturbed.folder / "robustness.json").read_text())
    table = pd.read_csv(undisturbed.folder / "robustness.csv")
    assert len(table) == len(report["rows"]) * len(report["votes"])
    for row in report["rows"]:
        chosen = (table["kind"] == row["kind"]) & (table["name"] == row["name"]) & (table["vote"] == TOGETHER)
        chosen &= table["severity"].fillna(0) == row["severity"]
        assert table[chosen]["accuracy"].item() == pytest.approx(row["rates"][TOGETHER]["accuracy"], abs=1e-6)
    with Image.open(undisturbed.folder / "robustness.png") as picture:
        assert np.asarray(picture.convert("L")).std() > 10
    with Image.open(undisturbed.folder / "corruptions.png") as picture:
        assert min(picture.size) > 800
    assert "<svg" in (undisturbed.folder / "robustness.svg").read_text()


def test_the_legend_of_few_panels_stays_within_the_picture(undisturbed):
    with Image.open(undisturbed.folder / "robustness.png") as picture:
        pixels = np.asarray(picture.convert("L"))
    edges = (pixels[:3], pixels[-3:], pixels[:, :3], pixels[:, -3:])
    assert all((edge == 255).all() for edge in edges)


def test_clean_accuracy_is_that_of_eval(undisturbed, network, data, tmp_path):
    report = evaluate(
        EvalConfig(checkpoint=network, data=data, gpus=0, workers=0, out=tmp_path / "eval"), quiet=True
    ).report
    (clean,) = undisturbed.report.of_kind("clean")
    assert clean.rates[TOGETHER].accuracy == report.scored.accuracy.value


def test_two_processes_give_the_numbers_of_one(undisturbed, network, data, tmp_path):
    assert numbers(measure(network, data, tmp_path / "out", workers=2)) == numbers(undisturbed)


def test_a_baseline_divides_the_errors_and_the_checkpoint_itself_gives_one(network, data, tmp_path):
    report = measure(network, data, tmp_path / "out", corruptions="mask", baseline=network).report
    assert report.votes[-1] == "baseline"
    for row in report.rows:
        assert row.rates["baseline"] == row.rates[TOGETHER]
    assert report.errors[TOGETHER].mce == pytest.approx(1)
    assert report.errors["baseline"].mce == pytest.approx(1)


def test_a_network_without_all_modules_is_measured_with_those_it_has(data, tmp_path):
    model = AMPNet(width=0.125, image_size=64, modules=("gp", "ap")).eval()
    save_checkpoint(tmp_path / "run" / "best.pt", Checkpoint(model, EXPRESSIONS, Framing()))
    report = measure(tmp_path / "run", data, tmp_path / "out", corruptions="mask").report
    assert report.votes == ("gp+ap", "gp", "ap")


def test_a_sample_as_large_as_the_split_is_the_split(undisturbed, network, data, tmp_path):
    small = measure(network, data, tmp_path / "small", images=3)
    assert small.report.images == 3
    assert small.report.of_kind("clean")[0].rates[TOGETHER].images == 3
    assert measure(network, data, tmp_path / "all", images=100).report.rows == undisturbed.report.rows


def test_lists_are_measured_and_counted_without_corruptions(network, data, tmp_path):
    names = [line.split()[0] for line in (data / "index" / "data_label.txt").read_text().splitlines()]
    chosen = [name for name in names if name.startswith("test_")][:3]
    lines = [f"{chosen[0]} 1 4", f"0/{chosen[1]} 1 4", f"{chosen[2]} 2 7", f"{chosen[2]} 2 7", "elsewhere.jpg 1 4"]
    (tmp_path / "occluded.txt").write_text("\n".join(lines))
    result = measure(
        network, data, tmp_path / "out", corruptions="none", images=1, subsets=(tmp_path / "occluded.txt",)
    )
    rows = result.report.of_kind("subset")
    assert [(row.group, row.name, row.rates[TOGETHER].images) for row in rows] == [
        ("occluded", "all", 3),
        ("occluded", "type 4", 2),
        ("occluded", "type 7", 1),
    ]
    assert "occluded: 3 faces; 5 lines, 1 repeated, 1 not in this split, such as elsewhere.jpg" in result.report.notes
    assert result.report.errors == {}
    assert {path.name for path in result.folder.iterdir()} - {LOCK_FILE} == FILES - {"robustness.png", "robustness.svg"}


def test_curves_of_an_earlier_run_do_not_stay_beside_one_without_corruptions(network, data, tmp_path, empty_figures):
    out = tmp_path / "out"
    measure(network, data, out, corruptions="jpeg", images=1)
    assert (out / "robustness.svg").exists()
    measure(network, data, out, corruptions="none", images=1, force=True)
    assert {path.name for path in out.iterdir()} - {LOCK_FILE} == FILES - {"robustness.png", "robustness.svg"}


def test_the_table_for_a_paper_names_the_command_with_prior_and_lists(network, data, tmp_path):
    file = tmp_path / "hard faces.txt"
    file.write_text((data / "index" / "data_label.txt").read_text().split()[0] + "\n")
    options = {"corruptions": "none", "images": 1, "split": "train", "subsets": (file,), "prior": "training"}
    report = measure(network, data, tmp_path / "out", **options).report
    (command,) = (line for line in robustness_latex(report).splitlines() if "ampnet robustness" in line)
    assert command.endswith(f"--corruptions none --prior training --subset '{file}'")


def test_a_baseline_that_was_trained_on_the_faces_is_refused(tmp_path):
    data = write_prepared_faces(tmp_path / "data", train=6, val=0, test=1)  # each run's seed draws its own val
    one, other = (small_checkpoint(tmp_path / f"seed{seed}", config={"seed": seed}) for seed in (1, 2))
    with pytest.raises(
        DataError, match="seed 2, which holds out other images as val than seed 1; measure --split test"
    ):
        measure(one, data, tmp_path / "out", split="val", baseline=other, corruptions="none")
    measure(one, data, tmp_path / "out", split="test", baseline=other, corruptions="none")


def test_two_lists_of_one_name_are_both_measured(network, data, tmp_path):
    names = [line.split()[0] for line in (data / "index" / "data_label.txt").read_text().splitlines()]
    chosen = [name for name in names if name.startswith("test_")]
    lists = [tmp_path / "fer" / "pose.txt", tmp_path / "raf" / "pose.txt"]
    for count, file in enumerate(lists, start=1):
        file.parent.mkdir()
        file.write_text("\n".join(chosen[:count]))
    result = measure(network, data, tmp_path / "out", corruptions="none", images=1, subsets=(*lists, lists[0]))
    rows = result.report.of_kind("subset")
    assert [(row.group, row.rates[TOGETHER].images) for row in rows] == [(str(lists[0]), 1), (str(lists[1]), 2)]


def test_an_image_that_cannot_be_read_is_left_out_and_told(network, tmp_path):
    broken = write_prepared_faces(tmp_path / "data", train=1, val=0, test=1)
    next((broken / "dataset").glob("test_*anger*")).write_bytes(b"no picture")
    report = measure(network, broken, tmp_path / "out", corruptions="mask").report
    assert report.images == 6
    assert any("1 image left out as unreadable" in note and "anger" in note for note in report.notes)


def test_a_run_cut_short_resumes_where_it_was_and_gives_the_same_numbers(record, undisturbed, network, data, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / JOURNAL_FILE).write_bytes(b"".join(record[:6]) + record[6][:-15])
    with pytest.raises(UsageError, match="unfinished run; resume it with --resume"):
        measure(network, data, out)
    with pytest.raises(DataError, match=r"changed: batch_size, seed\)"):
        measure(network, data, out, seed=1, batch_size=4, resume=True)
    assert numbers(measure(network, data, out, resume=True)) == numbers(undisturbed)
    assert {path.name for path in out.iterdir()} - {LOCK_FILE} == FILES


def test_what_the_record_holds_is_not_measured_again(record, network, data, tmp_path):
    lines = [json.loads(line) for line in record[1:]]
    assert len(lines) == 1 + 2 * 5
    wrong = [[*line[:5], "00" * (len(line[5]) // 2)] for line in lines]  # every answer wrong
    out = tmp_path / "out"
    out.mkdir()
    (out / JOURNAL_FILE).write_bytes(record[0] + b"".join(json.dumps(line).encode() + b"\n" for line in wrong))
    report = measure(network, data, out, resume=True).report
    assert report.errors[TOGETHER].mean == 1
    assert report.errors[TOGETHER].clean == 1


def test_other_results_in_the_folder_are_replaced_only_when_forced(network, data, tmp_path):
    measure(network, data, tmp_path, corruptions="none")
    measure(network, data, tmp_path, corruptions="none")
    with pytest.raises(UsageError, match="--force"):
        measure(network, data, tmp_path, corruptions="none", seed=5)
    assert measure(network, data, tmp_path, corruptions="none", seed=5, force=True).report.seed == 5


def test_wrong_requests_are_refused_before_anything_is_measured(network, data, tmp_path):
    with pytest.raises(ConfigError, match=r"cannot use corruptions 'fog'; choose from all, none, occlusion"):
        measure(network, data, tmp_path / "out", corruptions="fog")
    with pytest.raises(DataError, match="cannot read the list"):
        measure(network, data, tmp_path / "out", subsets=(tmp_path / "gone.txt",))
    only_test = write_prepared_faces(tmp_path / "data", train=0, val=0, test=1)
    with pytest.raises(DataError, match=r"no image in the split train; it has test"):
        measure(network, only_test, tmp_path / "out", split="train")
    assert not (tmp_path / "out").exists()


def test_the_command_prints_its_tables_or_only_json(network, data, tmp_path):
    arguments = ["robustness", str(network), "--data", str(data), "--gpus", "0", "--workers", "0"]
    shown = CliRunner().invoke(app, [*arguments, "--corruptions", "mask", "--out", str(tmp_path / "one")])
    assert shown.exit_code == 0, shown.output
    for text in ("mask", "gp+lp", "by yaw", "mean corruption error", f"report: {tmp_path / 'one'}"):
        assert text in shown.stdout
    assert "robustness test: " in shown.stderr
    more = ["--corruptions", "none", "--out", str(tmp_path / "two"), "--json", "--quiet"]
    plain = CliRunner().invoke(app, [*arguments, *more])
    assert json.loads(plain.stdout)["format"] == "ampnet-robustness"
    assert plain.stderr == ""


def test_what_is_not_measured_of_photos_is_refused(tmp_path):
    words = ["robustness", "bundled", "--photos", str(tmp_path), "--out", "elsewhere", "--corruptions", "blur"]
    words += ["--data", str(tmp_path), "--split", "val", "--force"]
    done = CliRunner().invoke(app, words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert (
        "--photos prints one table of the photos; leave out --data, --split, --corruptions, --out, --force"
        in done.stderr
    )


def test_the_table_for_a_paper_is_all_of_stdout(network, data, tmp_path):
    arguments = ["robustness", str(network), "--data", str(data), "--gpus", "0", "--workers", "0", "--quiet"]
    result = CliRunner().invoke(app, [*arguments, "--corruptions", "mask", "--out", str(tmp_path / "out"), "--latex"])
    assert result.stdout == (tmp_path / "out" / "robustness.tex").read_text()
    assert "--corruptions mask" in result.stdout.splitlines()[0]
    report = json.loads((tmp_path / "out" / "robustness.json").read_text())
    (clean,) = (row["rates"][report["votes"][0]] for row in report["rows"] if row["kind"] == "clean")
    assert f"clean & 7 & {100 * clean['accuracy']:.1f} {{\\scriptsize[" in result.stdout
    both = CliRunner().invoke(app, [*arguments, "--latex", "--json"])
    assert (both.exit_code, len(both.stderr.splitlines())) == (2, 1)


def test_the_table_fits_wide_and_narrow_terminals(undisturbed):
    for width, texts in ((120, ["gp+lp", "faces", "[", "mask"]), (80, ["5", "["]), (50, ["["])):
        console = Console(width=width, record=True, file=io.StringIO())
        _, _, table, *_ = robustness_tables(undisturbed)
        console.print(table)
        shown = console.export_text()
        assert max(map(len, shown.splitlines())) <= width
        assert all(text in shown for text in texts)
        assert "rotation" not in shown
        assert "shift" in shown


def test_a_conflict_of_options_is_wrong_usage(network, data):
    result = CliRunner().invoke(app, ["robustness", str(network), "--data", str(data), "--resume", "--force"])
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1


def start(network, data, out):
    arguments = ["--data", data, "--out", out, "--gpus", "0", "--workers", "1", "--batch-size", "2"]
    return Command("robustness", network, *arguments, "--corruptions", "occlusion")


def wait_for_lines(process, journal, lines):
    while process.poll() is None and (not journal.is_file() or journal.read_bytes().count(b"\n") < lines):
        time.sleep(0.01)


@pytest.mark.soak
def test_a_killed_run_resumes_with_the_same_numbers(network, data, tmp_path):
    options = {"corruptions": "occlusion", "batch_size": 2}
    expected = measure(network, data, tmp_path / "whole", **options)
    process = start(network, data, tmp_path / "out")
    wait_for_lines(process, tmp_path / "out" / JOURNAL_FILE, 5)
    process.send_signal(signal.SIGKILL)
    finished = process.wait() == 0  # on a busy machine the kill may come after the end
    again = measure(network, data, tmp_path / "out", resume=not finished, force=finished, **options)
    assert numbers(again) == numbers(expected)


def test_ctrl_c_ends_with_one_line_that_says_how_to_resume(network, data, tmp_path):
    process = start(network, data, tmp_path / "out")
    wait_for_lines(process, tmp_path / "out" / JOURNAL_FILE, 3)
    process.send_signal(signal.SIGINT)
    stderr = process.communicate()[1]
    assert "Traceback" not in stderr
    if process.returncode != 0:
        assert process.returncode == 130
        assert stderr.splitlines()[-1] == "ampnet: interrupted; to resume, run the same command with --resume"
        assert (tmp_path / "out" / JOURNAL_FILE).is_file()


def test_photos_are_measured_without_labels_and_an_unreadable_one_is_counted(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    shutil.copy(Path(__file__).parents[1] / "samples" / "portrait.jpg", photos)
    Image.new("RGB", (64, 64)).save(photos / "black.png")
    (photos / "broken.jpg").write_text("milk, eggs")
    config = RobustnessConfig(checkpoint=small_checkpoint(tmp_path, modules=ALL), gpus=0)
    result = measure_photos(config, photos, quiet=True)
    found = result.steadiness
    assert (found.photos, found.without_face, (result.problem or "").count("broken.jpg")) == (1, 1, 1)
    assert sum(row.lost for row in found.rows) == 0
    assert len(found.rows) == 11
    for file in (photos / "portrait.jpg", photos / "black.png"):
        file.unlink()
    with pytest.raises(DataError, match=r"any of the 1 photo in .* \(.*broken\.jpg"):
        measure_photos(config, photos, quiet=True)


def test_what_cannot_be_measured_of_a_folder_of_photos_is_named(tmp_path, monkeypatch):
    photos, closed = tmp_path / "photos", tmp_path / "photos" / "closed"
    closed.mkdir(parents=True)
    shutil.copy(Path(__file__).parents[1] / "samples" / "portrait.jpg", photos)
    config = RobustnessConfig(checkpoint=small_checkpoint(tmp_path / "run"), gpus=0)
    listed = os.scandir

    def scandir(place):
        if Path(place) == closed:
            raise PermissionError(13, "Permission denied")
        return listed(place)

    monkeypatch.setattr(os, "scandir", scandir)
    result = measure_photos(config, photos, quiet=True)
    assert (result.steadiness.photos, result.problem) == (1, f"cannot list {closed}: Permission denied")
    monkeypatch.undo()
    closed.rmdir()
    Image.new("RGB", (65_501, 8)).save(photos / "wide.png")
    problem = measure_photos(config, photos, quiet=True).problem
    assert problem == f"{photos / 'wide.png'} is too long to be saved as JPEG (65,500 pixels)"
