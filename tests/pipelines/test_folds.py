"""`ampnet train --folds` and `--seeds`, then `ampnet eval` of all runs together."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from ampnet.dataset.index.faces_table import FaceRow, write_faces
from ampnet.dataset.index.folds import Folds, write_folds
from ampnet.dataset.open_index import read_index
from ampnet.dataset.quality.duplicates import CopyPair, write_pairs
from ampnet.errors import DataError, UsageError
from ampnet.settings import CalibrateConfig, CompareConfig, EvalConfig, RobustnessConfig, TrainConfig
from cli import app
from pipelines.calibrate import run as calibrate
from pipelines.compare import run as compare
from pipelines.evaluate import run as evaluate
from pipelines.robustness import run as robustness
from pipelines.train import run
from tests.prepared_faces import write_prepared_faces
from tests.small_checkpoint import SMALL_RUN, small_checkpoint

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Seven classes of six faces of six people, listed in a CSV."""
    data = write_prepared_faces(tmp_path_factory.mktemp("faces"), train=4, val=1, test=1)
    names = read_index(data).names
    rows = [[name, "abcdef"[number % 6]] for number, name in enumerate(names)]
    with (data / "people.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["name", "subject"], *rows])
    return data


@pytest.fixture(scope="module")
def config(data, tmp_path_factory):
    return TrainConfig(
        data=data,
        out=tmp_path_factory.mktemp("checkpoint"),
        name="folds",
        folds="3",
        subjects=str(data / "people.csv"),
        recipe="reference",
        recipe_changes={"epochs": 1, "batch_size": 12},
        **SMALL_RUN,
    )


@pytest.fixture(scope="module")
def folds(config):
    return run(config, quiet=True)


def test_each_face_is_predicted_by_a_run_that_has_not_seen_its_person(folds, config, data):
    report = evaluate(EvalConfig(checkpoint=folds.folder, data=data), quiet=True).report
    assert report.all.images == 42
    assert report.table.scored.all()
    assert report.about.split == "all"
    assert [one.name for one in report.runs.runs] == ["fold1", "fold2", "fold3"]
    assert sum(one.images for one in report.runs.runs) == 42
    pooled = sum(one.accuracy * one.images for one in report.runs.runs) / 42
    assert report.all.accuracy.value == pytest.approx(pooled)
    assert any("resample the 6 people" in note for note in report.notes)
    written = json.loads((folds.folder / "eval" / "all" / "metrics.json").read_text())
    from ampnet.files.writing import sha256_of

    assert written["runs"]["folds_sha256"] == sha256_of(folds.folder / "folds.csv")
    of_person: dict[str, set[str]] = {}
    with (folds.folder / "folds.csv").open() as file:
        for row in csv.DictReader(file):
            of_person.setdefault(row["subject"], set()).add(row["fold"])
    assert all(len(numbers) == 1 for numbers in of_person.values())
    assert len(of_person) == 6


def test_images_without_a_face_are_errors_once_and_not_in_each_fold(folds, data, tmp_path):
    names, table = read_index(data).names, data / "index" / "faces.csv"
    rejected = [FaceRow("", f"raw/{number}.jpg", "test", "fear", "rejected", "no face") for number in range(3)]
    write_faces(table, [*(FaceRow(name, name, "train", "fear", "detected") for name in names), *rejected])
    try:
        report = evaluate(EvalConfig(checkpoint=folds.folder, data=data, out=tmp_path / "eval"), quiet=True).report
    finally:
        table.unlink()
    assert (report.all.images, report.undetected) == (45, 3)
    assert sum(one.images for one in report.runs.runs) == 42
    assert report.all.correct == pytest.approx(sum(one.accuracy * one.images for one in report.runs.runs))


def test_an_interrupted_series_goes_on_with_no_more_than_its_name(folds, config):
    (folds.folder / "fold3" / "best.pt").unlink()
    with pytest.raises(UsageError, match="fold3 are not trained; finish them with ampnet train --resume --name folds"):
        evaluate(EvalConfig(checkpoint=folds.folder, data=config.data), quiet=True)
    for file in (folds.folder / "fold3").iterdir():
        file.unlink()
    (folds.folder / "fold3").rmdir()
    words = ["train", "--resume", "--out", str(config.out), "--name", "folds", "--json"]
    wrong = CliRunner().invoke(app, [*words, "--lr", "0.5"])
    assert "other settings: lr (was 0.01, now 0.5)" in wrong.stderr
    people = (config.data / "people.csv").rename(config.data / "away.csv")  # folds.csv has what is needed of it
    result = CliRunner().invoke(app, words)  # by what the series was started with
    people.rename(config.data / "people.csv")
    assert result.exit_code == 0, result.stderr
    again = json.loads(result.stdout)["runs"]
    for one, other in zip(again, folds.runs, strict=True):
        assert (one["epochs"], one["accuracy"]) == (1, other.accuracy)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"folds": "5"}, "was started with --folds 3; leave it out"),
        ({"subjects": "emotion"}, "was started with --subjects .*people.csv; leave it out"),
        ({"seeds": 2}, "was started without --seeds; leave it out"),
        ({"seed": 2}, "was started with --seed 1; leave it out"),
    ],
)
def test_a_series_is_not_resumed_as_another_one(folds, config, other, message):
    before = {path.name for path in folds.folder.iterdir()}
    with pytest.raises(UsageError, match=message):
        run(replace(config, resume=True, **other), quiet=True)
    assert {path.name for path in folds.folder.iterdir()} == before


def test_of_images_whose_people_are_unknown_it_is_said_that_folds_may_share_them(config, data, tmp_path, capsys):
    lines = (data / "people.csv").read_text().splitlines()
    for count, is_told in ((42, False), (40, True)):
        file = tmp_path / f"{count} faces.csv"
        file.write_text("\n".join(lines[: 1 + count]))
        run(replace(config, name=file.stem, folds="2", subjects=str(file)))
        told = "2 of 42 images show an unknown person: such a person may be in several folds" in " ".join(
            capsys.readouterr().err.split()
        )
        assert told == is_told


def test_a_run_that_was_stopped_before_its_last_epoch_is_named(data, tmp_path):
    recipe = {"epochs": 40}
    for seed, epoch, best, patience in ((1, 40, 31, 0), (2, 3, 2, 0), (3, 9, 4, 5)):  # the third did not get better
        settings = {"seed": seed, "recipe": recipe, "patience": patience}
        small_checkpoint(tmp_path / "runs" / f"seed{seed}", config=settings, epoch=best)
        small_checkpoint(tmp_path / "runs" / f"seed{seed}", name="last.pt", config=settings, epoch=epoch)
    notes = evaluate(EvalConfig(checkpoint=tmp_path / "runs", data=data), quiet=True).report.notes
    assert "not trained to the end: seed2 (3 of 40 epochs)" in notes
    other = tmp_path / "rival.csv"
    other.write_text("name,predicted\n" + "".join(f"{name},fear\n" for name in read_index(data).names))
    compared = compare(CompareConfig(contenders=(tmp_path / "runs", other), data=data), quiet=True)
    assert "A: not trained to the end: seed2 (3 of 40 epochs)" in compared.notes


def test_what_folds_were_pretrained_on_may_have_seen_the_images(data, tmp_path):
    index, runs = read_index(data), tmp_path / "runs"
    for fold in (1, 2):
        settings = {"fold": fold, "pretrained": "bundled", "teachers": ["run 7"]}
        small_checkpoint(runs / f"fold{fold}", config=settings)
    write_folds(runs / "folds.csv", index.names, Folds(np.arange(len(index)) % 2 + 1, [""] * len(index)))
    notes = evaluate(EvalConfig(checkpoint=runs, data=data), quiet=True).report.notes
    (note,) = (note for note in notes if note.startswith("each image is predicted by the run that has not seen it"))
    assert note.endswith("(2 runs), though bundled, run 7, which the runs learned from, may have")


def test_a_single_fold_is_not_measured_on_what_it_has_seen(folds, data, tmp_path):
    with pytest.raises(UsageError, match="is the run of one fold"):
        evaluate(EvalConfig(checkpoint=folds.folder / "fold1", data=data), quiet=True)
    with pytest.raises(UsageError, match="is the run of one fold"):
        calibrate(CalibrateConfig(checkpoint=folds.folder / "fold1", data=data, out=tmp_path / "c.pt"), quiet=True)
    with pytest.raises(UsageError, match="is the run of one fold"):
        robustness(RobustnessConfig(checkpoint=folds.folder / "fold1", data=data, out=tmp_path / "r"), quiet=True)
    with pytest.raises(UsageError, match="holds folds"):
        compare(CompareConfig(contenders=(folds.folder, folds.folder / "fold1"), data=data), quiet=True)
    with pytest.raises(UsageError, match="omit --split"):
        evaluate(EvalConfig(checkpoint=folds.folder, data=data, split="val"), quiet=True)


@pytest.fixture
def voted(tmp_path):
    """Fourteen faces with votes; the first training face and the first test face are the same file."""
    data = write_prepared_faces(tmp_path / "data", train=1, val=0, test=1)
    index = read_index(data)
    train, test = (next(name for name in index.names if name.startswith(split)) for split in ("train", "test"))
    write_pairs(data / "index" / "duplicates.csv", [CopyPair((train, test), ("train", "test"), ("", ""), 1.0, True)])
    lines = [f"name,{','.join(index.class_names)}", *(f"{name},3,0,0,0,0,0,0" for name in index.names)]
    (data / "index" / "label_votes.csv").write_text("\n".join(lines) + "\n")
    return data


def test_copies_in_other_folds_are_told_and_left_out(voted, tmp_path):
    index, runs = read_index(voted), tmp_path / "runs"
    for fold in (1, 2):
        small_checkpoint(runs / f"fold{fold}", config={"fold": fold})
    in_test = np.array([name.startswith("test") for name in index.names])
    write_folds(runs / "folds.csv", index.names, Folds(in_test + 1, [""] * 14))
    report = evaluate(EvalConfig(checkpoint=runs, data=voted), quiet=True).report
    assert (report.copies.exact, report.copies.without_copies.images) == (2, 12)
    rival = runs / "eval" / "all" / "predictions.csv"
    compared = compare(CompareConfig(contenders=(runs, rival), data=voted, out=tmp_path / "compared"), quiet=True)
    assert [(one.name, one.images) for one in compared.sets[:2]] == [("all images", 14), ("without copies", 12)]
    write_folds(runs / "folds.csv", index.names, Folds(np.arange(14) // 7 + 1, [""] * 14))  # the pair together
    assert evaluate(EvalConfig(checkpoint=runs, data=voted), quiet=True).report.copies.exact == 0


def test_seeds_are_measured_against_the_crowd_and_without_copies_too(voted, tmp_path):
    for seed in (1, 2):
        small_checkpoint(tmp_path / "runs" / f"seed{seed}")
    report = evaluate(EvalConfig(checkpoint=tmp_path / "runs", data=voted), quiet=True).report
    assert (report.images, report.crowd.majority_rows, report.copies.exact) == (14, 14, 2)
    assert report.copies.all.accuracy == report.all.accuracy  # of seven images, not fourteen


def test_seed1_and_seed01_are_two_runs(voted, tmp_path):
    for name in ("seed1", "seed01"):
        small_checkpoint(tmp_path / "runs" / name)
    report = evaluate(EvalConfig(checkpoint=tmp_path / "runs", data=voted), quiet=True).report
    assert [one.name for one in report.runs.runs] == ["seed01", "seed1"]


def test_what_is_told_of_one_run_is_told_of_runs_over_seeds(voted, tmp_path):
    for seed in (1, 2):
        small_checkpoint(
            tmp_path / "runs" / f"seed{seed}", class_names=read_index(voted).class_names[1:], rejection_threshold=0.5
        )
    one, both = (
        evaluate(EvalConfig(checkpoint=tmp_path / folder, data=voted, mirror=True), quiet=True).report
        for folder in ("runs/seed1", "runs")
    )
    for what in ("the checkpoint does not have", "threshold"):
        (told,) = [note for note in one.notes if what in note]
        assert told in both.notes
    assert (one.images, both.images) == (6, 12)


def test_seeds_that_each_drew_their_own_validation_split_are_not_pooled_on_it(tmp_path):
    data = write_prepared_faces(tmp_path / "data", train=4, val=0, test=1)
    for seed in ("seed1", "seed2"):
        small_checkpoint(tmp_path / "runs" / seed)
    with pytest.raises(DataError, match="drew its own val; measure --split test"):
        evaluate(EvalConfig(checkpoint=tmp_path / "runs", data=data, split="val"), quiet=True)


def test_folds_are_compared_with_other_folds_and_with_predictions_on_all_images(folds, config, data, tmp_path):
    other = run(replace(config, name="others", folds="2", seed=1), quiet=True).folder
    evaluated = [evaluate(EvalConfig(checkpoint=one, data=data), quiet=True) for one in (folds.folder, other)]
    rival = evaluated[1].folder / "predictions.csv"
    for second in (other, rival):
        asked = CompareConfig(contenders=(folds.folder, second), data=data, out=tmp_path / second.name)
        result = compare(asked, quiet=True)
        assert (result.split, result.sets[0].images) == ("all", 42)
        (pair,) = result.sets[0].pairs
        a, b = (one.report.all.accuracy.value for one in evaluated)
        assert pair.difference.accuracy.value == pytest.approx(b - a)
        assert pair.difference.mcnemar is None  # photos of one person are no independent answers
        assert any("resample the 6 people" in note for note in result.notes)
        assert (result.folder / "answers.csv").read_text().splitlines()[0] == "name,source,copy,true,A,B"
    with pytest.raises(UsageError, match="omit --split"):
        compare(CompareConfig(contenders=(folds.folder, other), data=data, split="val"), quiet=True)


def test_runs_over_seeds_are_measured_together_with_intervals_over_images(config, data):
    seeds = run(replace(config, name="seeds", folds="", subjects="", seeds=2), quiet=True)
    report = evaluate(EvalConfig(checkpoint=seeds.folder, data=data), quiet=True).report
    assert report.all.images == 14  # seven test faces, each twice
    means = [one.accuracy for one in report.runs.runs]
    assert report.all.accuracy.value == pytest.approx(np.mean(means))
    assert report.runs.accuracy.deviation == pytest.approx(np.std(means, ddof=1))
    assert report.runs.folds_sha256 is None
    on_val = evaluate(EvalConfig(checkpoint=seeds.folder, data=data, split="val"), quiet=True).report
    assert any("best epoch was chosen on this split (val)" in note for note in on_val.notes)
    assert not any("was chosen" in note for note in report.notes)
    with pytest.raises(UsageError, match="--by measures a single seed"):
        evaluate(EvalConfig(checkpoint=seeds.folder, data=data, by=("split",)), quiet=True)


def test_the_command_line_refuses_in_one_line(data, tmp_path):
    for words, says in [
        (["--folds", "1"], "--folds must be a number from 2 to 1,000, or subjects, got 1"),
        (["--folds", "subjects"], "does not say who is shown in 42 of its 42 images"),
        (["--subjects", "age"], "--subjects needs --folds"),
        (["--folds", "2", "--subjects", "age"], "--subjects: there is no column 'age'"),
        (["--folds", "2", "--select-on", "test"], "--folds tests on the held-out fold"),
    ]:
        result = CliRunner().invoke(app, ["train", "--data", str(data), "--out", str(tmp_path / "out"), *words])
        assert result.exit_code in (1, 2)
        assert says in result.stderr
        assert result.stderr.count("\n") == 1
        assert not (tmp_path / "out").exists()
