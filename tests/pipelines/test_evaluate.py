"""`ampnet eval` on hand-made data sets, with numbers worked out by hand."""

import csv
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from ampnet.checkpoints.model_files import model_path
from ampnet.dataset.index.faces_table import FaceRow, write_faces
from ampnet.dataset.index.label_votes import write_votes
from ampnet.dataset.index.landmarks_file import write_landmarks
from ampnet.dataset.open_index import read_index
from ampnet.dataset.quality.duplicates import CopyPair, write_pairs
from ampnet.errors import CheckpointError, DataError, UsageError
from ampnet.faces.alignment import CANONICAL_LANDMARKS, AlignedFace
from ampnet.reading.image_files import read_image
from ampnet.recognition.predictor import Predictor
from ampnet.runtime.devices import has_fast_bf16
from ampnet.settings import EvalConfig
from ampnet.settings.labels import EXPRESSIONS
from cli import app
from pipelines import evaluate as evaluate_module
from pipelines import evaluate_runs
from pipelines.evaluate import run
from pipelines.predict_split import predict_split
from tests.small_checkpoint import ALL, small_checkpoint

pytestmark = pytest.mark.slow

TEST_LABELS = [0, 0, 3, 3, 3, 3, 3, 6]
"""Of EXPRESSIONS, from 0: two surprised, five happy, one neutral."""
ALWAYS_HAPPY = [0.0, 0.0, 0.0, 4.0, 0.0, 0.0, 1.0]


def make_data(root: Path, labels=TEST_LABELS, class_names=EXPRESSIONS, undetected=()) -> Path:
    """Write a prepared data set with a test split and one training image; ``lost`` names classes."""
    names = [f"test_{number:04}.jpg" for number in range(len(labels))] + ["train_00001.jpg"]
    rng = np.random.default_rng(0)
    (root / "dataset").mkdir(parents=True)
    (root / "index").mkdir()
    for name in names:
        Image.fromarray(rng.integers(0, 256, (224, 224, 3), dtype=np.uint8)).save(root / "dataset" / name)
    lines = [f"{name} {label + 1}\n" for name, label in zip(names, [*labels, 0], strict=True)]
    (root / "index" / "data_label.txt").write_text("".join(lines))
    (root / "index" / "classes.json").write_text(json.dumps(list(class_names)))
    write_landmarks(root / "index" / "land_marks.npy", names, np.repeat(CANONICAL_LANDMARKS[None], len(names), axis=0))
    write_faces(root / "index" / "faces.csv", [FaceRow("", "x.jpg", "test", name, "rejected") for name in undetected])
    return root


@pytest.fixture
def happy(tmp_path):
    """A run whose network calls every face happy."""
    return small_checkpoint(tmp_path / "run", logits=ALWAYS_HAPPY)


@pytest.fixture
def happy_in_both_heads(tmp_path):
    """Such a run with all modules."""
    return small_checkpoint(tmp_path / "run", logits=ALWAYS_HAPPY, modules=ALL)


def evaluate(checkpoint, data, **options):
    return run(EvalConfig(checkpoint=checkpoint, data=data, gpus=0, workers=0, **options), quiet=True)


def test_scores_of_a_network_that_calls_every_face_happy(tmp_path, happy_in_both_heads):
    report = evaluate(happy_in_both_heads, make_data(tmp_path / "data")).report
    assert report.all.accuracy.value == pytest.approx(5 / 8)
    assert report.all.mean_class_accuracy.value == pytest.approx(1 / 3)  # of three classes with images, one is right
    assert report.all.macro_f1.value == pytest.approx((2 * 5 / (5 + 8)) / 3)  # recall 1, precision 5/8
    assert report.heads.local.value == report.heads.global_.value == pytest.approx(5 / 8)
    assert report.matrix[:, 3].tolist() == [2, 0, 0, 5, 0, 0, 1]
    assert report.undetected == 0


def test_images_without_a_face_count_as_errors_beside_the_scored_ones(tmp_path, happy_in_both_heads):
    report = evaluate(happy_in_both_heads, make_data(tmp_path / "data", undetected=["happiness", "fear"])).report
    assert (report.all.images, report.scored.images) == (10, 8)
    assert report.all.accuracy.value == pytest.approx(5 / 10)
    assert report.scored.accuracy.value == pytest.approx(5 / 8)
    assert report.all.classes[3].recall.value == pytest.approx(5 / 6)
    assert report.heads.local.value == pytest.approx(5 / 10)


def test_classes_in_another_order_are_matched_by_name(tmp_path):
    names = tuple(reversed(EXPRESSIONS))  # happiness is 3 of 0..6 both ways, surprise is 6
    data = make_data(tmp_path / "data", labels=[6, 6, 6, 3], class_names=names)
    report = evaluate(small_checkpoint(tmp_path / "run", logits=[9.0, 0, 0, 0, 0, 0, 0]), data).report
    assert report.all.accuracy.value == pytest.approx(3 / 4)
    assert report.class_names == EXPRESSIONS
    assert report.matrix[0, 0] == 3


def test_of_other_classes_the_shared_ones_are_measured_and_the_rest_is_told(tmp_path, happy):
    data = make_data(tmp_path / "data", class_names=(*EXPRESSIONS[:6], "contempt"))  # the face of class 6
    report = evaluate(happy, data).report
    assert report.all.images == 7
    left_out, impossible, empty, *untrained = report.notes
    assert "contempt" in left_out
    assert "neutral" in impossible
    assert empty == "no image of fear, disgust, sadness, anger in test: means over the classes leave it out"
    assert [note.partition(" in ")[0] for note in untrained] == [
        "no training image of happiness",
        "no training image of contempt",
    ]
    assert report.matrix[:, 6].sum() == 0


def test_a_set_without_shared_classes_is_refused(tmp_path, happy):
    data = make_data(tmp_path / "data", class_names=[f"{name}s" for name in EXPRESSIONS])
    with pytest.raises(DataError, match="share fewer than two classes"):
        evaluate(happy, data)


def test_faces_framed_otherwise_are_brought_to_the_checkpoints_framing_and_this_is_told(tmp_path, happy):
    data = make_data(tmp_path / "data")
    names = read_index(data).names
    moved = np.repeat(CANONICAL_LANDMARKS[None] + 20, len(names), axis=0)
    write_landmarks(data / "index" / "land_marks.npy", names, moved)
    assert "framing" in evaluate(happy, data).report.notes[0]


def test_votes_are_compared_with_the_answers(tmp_path, happy):
    data = make_data(tmp_path / "data", labels=[3, 3, 6, 6])
    names = read_index(data).names[:4]
    # always happy: right about the first of three majorities; the last row is split, so it has none
    votes = [[0, 8, 2], [10, 0, 0], [6, 4, 0], [5, 5, 0]]
    write_votes(data / "index" / "label_votes.csv", ("neutral", "happiness", "no_face"), zip(names, votes, strict=True))
    crowd = evaluate(happy, data).report.crowd
    assert crowd.majority_rows == 3
    assert crowd.scores.accuracy.value == pytest.approx(1 / 3)
    assert crowd.scores.mean_class_accuracy.value == pytest.approx(1 / 2)


def test_a_prior_changes_the_answers_and_its_strengths_are_listed(tmp_path):
    shares = [0.05, 0.05, 0.05, 0.7, 0.05, 0.05, 0.05]
    network = small_checkpoint(tmp_path / "run", logits=[0.0, 0, 0, 2.0, 0, 0, 1.0], class_shares=tuple(shares))
    data = make_data(tmp_path / "data")
    assert evaluate(network, data).report.matrix[:, 3].sum() == 8
    balanced = evaluate(network, data, prior="balanced").report
    assert balanced.matrix[:, 6].sum() == 8  # log(0.7 / 0.05) = 2.6 is taken from happiness
    assert [row.strength for row in balanced.priors] == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert [row.accuracy for row in balanced.priors] == pytest.approx([5 / 8, 5 / 8, 1 / 8, 1 / 8, 1 / 8])


def test_an_empty_split_names_the_splits_there_are(tmp_path, happy):
    data = make_data(tmp_path / "data", labels=[3])
    (data / "index" / "data_label.txt").write_text("train_00001.jpg 1\n")
    with pytest.raises(DataError, match=r"no image in the split test; it has train"):
        evaluate(happy, data)


def test_the_result_does_not_depend_on_batch_size_and_workers(tmp_path):
    data, network = make_data(tmp_path / "data"), small_checkpoint(tmp_path / "run")
    one = evaluate(network, data, batch_size=1, out=tmp_path / "one")
    many = run(
        EvalConfig(checkpoint=network, data=data, gpus=0, workers=2, batch_size=5, out=tmp_path / "many"), quiet=True
    )
    assert np.array_equal(one.report.matrix, many.report.matrix)
    tables = [pd.read_csv(result.folder / "predictions.csv") for result in (one, many)]
    assert tables[0]["name"].tolist() == tables[1]["name"].tolist()
    assert np.allclose(tables[0]["p_fear"], tables[1]["p_fear"], atol=2e-6)


def test_predictions_list_every_image_with_all_scores(tmp_path, happy_in_both_heads):
    folder = evaluate(happy_in_both_heads, make_data(tmp_path / "data")).folder
    assert folder == tmp_path / "run" / "eval" / "test"
    with (folder / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["true"] for row in rows] == [EXPRESSIONS[label] for label in TEST_LABELS]
    assert {row["predicted"] for row in rows} == {"happiness"}
    expected = np.exp(4) / (5 + np.e + np.exp(4))
    assert float(rows[0]["p_happiness"]) == pytest.approx(expected, abs=1e-5)
    assert float(rows[0]["local_happiness"]) == float(rows[0]["global_happiness"]) == 4


def test_with_mirror_the_answers_are_those_of_predict_with_mirror(tmp_path):
    data, network = make_data(tmp_path / "data"), small_checkpoint(tmp_path / "run")
    result = evaluate(network, data, mirror=True)
    assert result.report.about.model["mirror"]
    answers = pd.read_csv(result.folder / "predictions.csv")
    index = read_index(data)
    image, landmarks = read_image(data / "dataset" / index.files[0]), index.landmarks[0]
    assert answers["name"][0] == index.names[0]
    predictor = Predictor(network, mirror=True)
    scores = predictor.classify([AlignedFace(image, landmarks, np.eye(2, 3))])[0]
    assert answers.filter(like="p_").to_numpy()[0] == pytest.approx(scores, abs=2e-6)


def test_last_and_best_have_folders_of_their_own(tmp_path, happy):
    shutil.copy(happy / "best.pt", happy / "last.pt")
    data = make_data(tmp_path / "data")
    assert evaluate(happy / "last.pt", data).folder == happy / "eval" / "last-test"
    assert evaluate(happy / "best.pt", data).folder == happy / "eval" / "test"


def test_another_prior_has_a_folder_of_its_own_and_stands_in_the_title(tmp_path):
    shares = (0.1, 0.1, 0.1, 0.4, 0.1, 0.1, 0.1)
    run = small_checkpoint(tmp_path / "run", logits=ALWAYS_HAPPY, class_shares=shares, rejection_threshold=0.43)
    data = make_data(tmp_path / "data")
    command = ["eval", str(run), "--data", str(data), "--gpus", "0", "--prior", "balanced"]
    titles = [CliRunner().invoke(app, words).output for words in (command[:-2], command, [*command, "--mirror"])]
    assert {path.name for path in (run / "eval").iterdir()} == {
        "test",
        "test-prior-balanced",
        "test-prior-balanced-mirror",
    }
    assert ["prior balanced" in title.split("accuracy")[0] for title in titles] == [False, True, True]
    assert "mirror-averaged" in titles[2]
    assert ["was chosen without --prior" in title.replace("\n", " ") for title in titles] == [False, True, True]


def test_a_second_data_set_gets_a_folder_of_its_own(tmp_path, happy):
    first, second = make_data(tmp_path / "first"), make_data(tmp_path / "second", labels=[0, 3])
    assert evaluate(happy, first).folder == evaluate(happy, first).folder == happy / "eval" / "test"
    assert evaluate(happy, second).folder == happy / "eval" / "test-second"


def test_a_report_on_other_data_is_replaced_only_when_forced(tmp_path, happy):
    first, second = make_data(tmp_path / "first"), make_data(tmp_path / "second", labels=[0, 3])
    evaluate(happy, first, out=tmp_path / "out")
    with pytest.raises(UsageError, match="--force"):
        evaluate(happy, second, out=tmp_path / "out")
    assert evaluate(happy, second, out=tmp_path / "out", force=True).report.all.images == 2


def test_a_report_does_not_leave_the_folder_it_belongs_to_by_a_link(tmp_path, happy):
    (tmp_path / "elsewhere").mkdir()
    (happy / "eval").symlink_to(tmp_path / "elsewhere")
    data = make_data(tmp_path / "data")
    with pytest.raises(DataError, match=r"run/eval/test leads out of .* by a link; .* with --out"):
        evaluate(happy, data)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert evaluate(happy, data, out=happy / "eval").report.all.images == 8  # as named by the user


def test_a_number_of_lost_images_without_their_list_is_bounded(tmp_path, happy):
    data = make_data(tmp_path / "data")
    (data / "index" / "faces.csv").unlink()
    meta = {"class_names": EXPRESSIONS, "splits": ["train", "test"]}
    for count in (2, 10**12):
        counts = {"test": {"fear": {"rejected": count}}}
        (data / "index" / "meta.json").write_text(json.dumps(meta | {"counts": counts}))
        if count == 2:
            assert evaluate(happy, data).report.undetected == 2
        else:
            with pytest.raises(DataError, match=r"1,000,000,000,000 images without a face, but holds no faces\.csv"):
                evaluate(happy, data, force=True)


def test_a_report_that_cannot_be_written_is_said(tmp_path, happy):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(DataError, match="cannot write"):
        evaluate(happy, make_data(tmp_path / "data"), out=tmp_path / "file" / "report")


def test_an_epoch_chosen_on_the_test_split_is_marked(tmp_path):
    data = make_data(tmp_path / "data")
    chosen_on_test = small_checkpoint(tmp_path / "run", selected_on="test")
    assert any("inflated" in note for note in evaluate(chosen_on_test, data).report.notes)


def test_a_run_folder_without_a_checkpoint_says_what_to_give(tmp_path):
    with pytest.raises(CheckpointError, match=r"best\.pt"):
        evaluate(tmp_path, make_data(tmp_path / "data"))


def test_the_command_prints_tables_or_only_json(tmp_path, happy):
    data = make_data(tmp_path / "data", undetected=["fear"])
    arguments = ["eval", str(happy), "--data", str(data), "--gpus", "0", "--workers", "0", "--mirror"]
    shown = CliRunner().invoke(app, [*arguments, "--details"], env={"COLUMNS": "120"})
    assert shown.exit_code == 0
    for text in ("55.56%", "62.50%", "mirror-averaged", "confusion", "no face", "report: "):  # 5 of 9, 5 of 8
        assert text in shown.stdout
    brief = CliRunner().invoke(app, arguments, env={"COLUMNS": "120"})
    assert "confusion" not in brief.stdout
    assert brief.stdout.splitlines()[-1].endswith(
        "report.html (beside it metrics.json, predictions.csv, figures); all tables: --details"
    )
    plain = CliRunner().invoke(app, [*arguments, "--json", "--quiet"])
    report = json.loads(plain.stdout)
    assert report["all"]["accuracy"]["value"] == pytest.approx(5 / 9)
    assert report["scored"]["accuracy"]["value"] == pytest.approx(5 / 8)
    assert plain.stderr == ""


def test_without_a_checkpoint_the_newest_run_is_measured_and_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("newest", "older", "seeds/seed1")):
        small_checkpoint(tmp_path / "checkpoint" / name)
        os.utime(tmp_path / "checkpoint" / name / "best.pt", (1000 - number, 1000 - number))
    (tmp_path / "checkpoint" / "just begun").mkdir()
    data = make_data(tmp_path / "data")
    result = CliRunner().invoke(app, ["eval", "--data", str(data), "--gpus", "0", "--workers", "0"])
    assert result.exit_code == 0
    model = "model: checkpoint/newest/best.pt (newest run in checkpoint/"
    assert result.stderr.splitlines()[0] == f"{model}; choose another with `ampnet eval CHECKPOINT`)"
    assert (tmp_path / "checkpoint" / "newest" / "eval" / "test" / "metrics.json").exists()


def test_without_a_checkpoint_and_a_run_the_bundled_model_is_measured_and_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = make_data(tmp_path / "data")
    result = CliRunner().invoke(app, ["eval", "--data", str(data), "--gpus", "0", "--workers", "0"])
    if model_path().is_file():
        assert result.exit_code == 0
        assert "bundled:ferplus" in result.stderr.splitlines()[0]
        assert (data / "eval" / f"{model_path().stem}-test" / "metrics.json").exists()
    else:
        assert result.exit_code == 2
        assert "without a trained model" in result.stderr


def test_data_that_was_never_prepared_names_prepare(tmp_path, happy):
    result = CliRunner().invoke(app, ["eval", str(happy), "--data", str(tmp_path)])
    assert result.exit_code == 1
    assert "ampnet prepare" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_the_table_for_a_paper_is_all_of_stdout(tmp_path, happy):
    data = make_data(tmp_path / "data", class_names=("a_b", *EXPRESSIONS[1:]))
    network = small_checkpoint(tmp_path / "other", class_names=("a_b", *EXPRESSIONS[1:]))
    arguments = ["eval", str(network), "--data", str(data), "--gpus", "0", "--workers", "0", "--latex", "--quiet"]
    result = CliRunner().invoke(app, arguments)
    assert result.stdout == (network / "eval" / "test" / "classes.tex").read_text()
    assert r"a\_b & 2 & " in result.stdout
    both = CliRunner().invoke(app, [*arguments, "--json"])
    assert (both.exit_code, len(both.stderr.splitlines())) == (2, 1)


def test_every_image_of_the_split_has_a_row_with_or_without_a_face(tmp_path, happy):
    data = make_data(tmp_path / "data", undetected=["happiness"])
    rejected = FaceRow("", "test/fear/broken.png", "test", "fear", "rejected", reason="truncated")
    missed = FaceRow("", "test/joy/7.png", "test", "happiness", "rejected", reason="no face", width=48, height=48)
    found = FaceRow("test_0000.jpg", "test/surprise/0.png", "test", "surprise", "detected")
    elsewhere = FaceRow("", "train/8.png", "train", "fear", "rejected")
    write_faces(data / "index" / "faces.csv", [rejected, missed, found, elsewhere])
    result = evaluate(happy, data)
    with (result.folder / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["name"], row["source"], row["status"]) for row in rows[::8]] == [
        ("test_0000.jpg", "test/surprise/0.png", "scored"),
        ("", "test/fear/broken.png", "unreadable"),
    ]
    assert (rows[9]["status"], rows[9]["true"], rows[9]["predicted"], rows[9]["p_fear"]) == (
        *("undetected", "happiness"),
        *("", ""),
    )
    assert len(rows) == result.report.all.images == 10
    assert (result.report.undetected, result.report.unreadable) == (2, 1)


def test_an_image_that_cannot_be_read_costs_only_itself(tmp_path, happy):
    data = make_data(tmp_path / "data")
    (data / "dataset" / "test_0003.jpg").write_bytes(b"no picture")
    for workers in (0, 2):
        config = EvalConfig(checkpoint=happy, data=data, gpus=0, workers=workers, batch_size=3)
        report = run(config, quiet=True).report
        assert report.table.status.tolist() == ["scored"] * 3 + ["unreadable"] + ["scored"] * 4
        assert report.all.accuracy.value == pytest.approx(4 / 8)
        assert any("unreadable images, counted as errors: 1" in note for note in report.notes)


def test_counts_of_lost_images_are_used_where_their_rows_are_gone(tmp_path, happy):
    data = make_data(tmp_path / "data")
    counts = {"test": {"fear": {"detected": 3, "rejected": 2}}}
    meta = {"class_names": list(EXPRESSIONS), "splits": ["test"], "counts": counts}
    (data / "index" / "meta.json").write_text(json.dumps(meta))
    (data / "index" / "faces.csv").unlink()
    assert evaluate(happy, data).report.all.classes[1].undetected == 2


def test_accuracy_without_copies_of_training_images_stands_beside_accuracy_over_all(tmp_path, happy):
    data = make_data(tmp_path / "data")
    assert evaluate(happy, data).report.copies is None  # nobody looked for copies
    pairs = [("test_0002.jpg", "train_00001.jpg", True), ("test_0000.jpg", "test_0001.jpg", True)]
    write_pairs(
        data / "index" / "duplicates.csv",
        [CopyPair((one, other), ("test", "train"), ("", ""), 1.0, exact) for one, other, exact in pairs],
    )
    copies = evaluate(happy, data).report.copies
    assert (copies.exact, copies.near, copies.without_copies.images) == (1, 0, 7)
    assert copies.without_copies.accuracy.value == pytest.approx(4 / 7)
    assert evaluate(happy, data, split="train").report.copies is None


def test_the_report_says_how_to_repeat_it_and_on_what_it_rests(tmp_path, happy):
    data = make_data(tmp_path / "data")
    about = evaluate(happy, data, mirror=True, prior="training").report.about
    best = happy / "best.pt"
    assert about.command == f"ampnet eval {best} --data {data} --split test --mirror --prior training"
    assert about.sha256 == hashlib.sha256(best.read_bytes()).hexdigest()
    assert about.index_sha256 == hashlib.sha256((data / "index" / "data_label.txt").read_bytes()).hexdigest()
    assert about.model["selected_on"] == "val"
    assert about.model["parameters"] > 1000


def test_the_hash_is_that_of_the_checkpoint_that_was_measured_though_training_goes_on(tmp_path, happy, monkeypatch):
    best = happy / "best.pt"
    measured = hashlib.sha256(best.read_bytes()).hexdigest()

    def while_training(*arguments):
        done = predict_split(*arguments)
        shutil.copy(small_checkpoint(tmp_path / "next", logits=[9.0, 0, 0, 0, 0, 0, 0]) / "best.pt", best)
        return done

    for module in (evaluate_module, evaluate_runs):
        monkeypatch.setattr(module, "predict_split", while_training)
    assert evaluate(happy, make_data(tmp_path / "data")).report.about.sha256 == measured


RIVAL = """file,answer_time,prediction
test_0000.jpg,3,Surprised
test_0001.jpg,3,happy
test_0002.jpg,3,happy
test_0003.jpg,3,
"""


def rival(tmp_path, text=RIVAL):
    path = tmp_path / "rival.csv"
    path.write_text(text)
    return path


def evaluate_rival(path, data, *options):
    return CliRunner().invoke(app, ["eval", "--predictions", str(path), "--data", str(data), *options])


def test_any_tools_answers_are_scored_by_the_same_rules(tmp_path):
    data = make_data(tmp_path / "data", undetected=["fear"])
    result = evaluate_rival(rival(tmp_path), data, "--json")
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert (report["images"], report["undetected"], report["all"]["correct"]) == (9, 6, 2)
    assert (report["probabilities"], report["heads"], report["about"]["kind"]) == (None, None, "predictions")
    assert report["notes"][0].endswith("counted as errors: 6")
    assert (tmp_path / "eval" / "rival-test" / "metrics.json").exists()


def test_our_own_predictions_read_back_give_the_same_report(tmp_path):
    data, network = make_data(tmp_path / "data", undetected=["fear"]), small_checkpoint(tmp_path / "run", modules=ALL)
    ours = evaluate(network, data)
    again = run(EvalConfig(predictions=ours.folder / "predictions.csv", data=data), quiet=True).report
    given = tmp_path / "given" / "predictions.csv"
    given.parent.mkdir()
    shutil.copy(ours.folder / "predictions.csv", given)
    with pytest.raises(UsageError, match=r"predictions\.csv is itself one of the inputs"):
        run(EvalConfig(predictions=given, data=data, out=given.parent), quiet=True)
    assert again.all == ours.report.all
    assert again.probabilities.log_loss.value == pytest.approx(ours.report.probabilities.log_loss.value, abs=1e-5)
    assert again.table.local is not None
    assert ours.report.table.local is not None
    assert np.allclose(again.table.local, ours.report.table.local, atol=1e-5, equal_nan=True)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name,predicted\nstranger.jpg,happy\n", "1 of its 1 images are not in the data set, first stranger.jpg"),
        ("name,predicted\ntest_0000.jpg,pain\n", "line 2: pain is not a class of the data, which has surprise, fear"),
        ("name,predicted\ntrain_00001.jpg,happy\n", "no prediction for any of the 8 images"),
        ("", "is empty; give a CSV of predictions"),
    ],
)
def test_predictions_that_do_not_fit_the_data_get_one_clear_line(tmp_path, text, says):
    result = evaluate_rival(rival(tmp_path, text), make_data(tmp_path / "data"))
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert says in result.stderr
    assert not (tmp_path / "eval").exists()


def protocol_file(tmp_path, root, **changes):
    rules = {"data": hashlib.sha256((root / "index" / "data_label.txt").read_bytes()).hexdigest(), "rule": "labels"}
    path = tmp_path / "protocol.json"
    path.write_text(json.dumps(rules | {"coverage": 0.3, "seeds": [7]} | changes))
    return str(path)


def test_a_submission_scored_twice_is_the_same_file(tmp_path):
    data, written = make_data(tmp_path / "data"), []
    for out in ("first", "second"):
        options = "--protocol-file", protocol_file(tmp_path, data), "--out", str(tmp_path / out)
        result = evaluate_rival(rival(tmp_path), data, *options)
        assert result.exit_code == 0, result.stderr
        written.append((tmp_path / out / "submission.json").read_bytes())
    assert written[0] == written[1]
    found = json.loads(written[0])
    assert (found["images"], found["answered"], found["scores"]["correct"]) == (8, 3, 2)
    assert found["scores"]["accuracy"]["value"] == 2 / 8
    assert found["predictions_sha256"] == hashlib.sha256(RIVAL.encode()).hexdigest()
    assert found["protocol"] == json.loads((tmp_path / "protocol.json").read_text()) | {"name": "", "split": "test"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"data": "0" * 64}, "is not the data set of the protocol"),
        ({"coverage": 0.5}, "3 of 8 images have an answer; the protocol asks for 50.0%"),
        ({"rule": "crowd"}, "has no votes of this split"),
        ({"rule": "ferplus-majority"}, "votes"),
        ({"rule": "best"}, "cannot use"),
        ({"sead": [7]}, "unknown field `sead`"),
    ],
)
def test_a_result_that_does_not_follow_its_protocol_gets_one_clear_line(tmp_path, changes, says):
    data = make_data(tmp_path / "data")
    result = evaluate_rival(rival(tmp_path), data, "--protocol-file", protocol_file(tmp_path, data, **changes))
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert says in result.stderr
    assert not list(tmp_path.rglob("submission.json"))


def test_a_split_other_than_the_protocols_is_refused(tmp_path):
    data = make_data(tmp_path / "data")
    options = "--split", "val", "--protocol-file", protocol_file(tmp_path, data)
    result = evaluate_rival(rival(tmp_path), data, *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "ampnet: the protocol scores the split test; leave out --split val\n"


def test_predictions_and_a_checkpoint_are_one_too_many(tmp_path, happy):
    result = evaluate_rival(rival(tmp_path), make_data(tmp_path / "data"), str(happy))
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert "--predictions scores answers as they are; leave out the checkpoint" in result.stderr


def test_a_data_sets_official_images_are_another_split_of_some_and_counted(tmp_path, happy):
    data = make_data(tmp_path / "data", labels=range(7))
    command = ["eval", str(happy), "--data", str(data), "--gpus", "0", "--protocol"]
    shown = CliRunner().invoke(app, [*command, "fer2013"])
    assert "fer2013: accuracy 14.29%" in shown.stdout  # one of seven
    assert "over 7 images, not the official 3,589" in " ".join(shown.stdout.split())
    of_val = CliRunner().invoke(app, [*command, "affectnet-7"])
    assert (of_val.exit_code, "has no image in the split val" in of_val.stderr) == (1, True)
    twice = CliRunner().invoke(app, [*command, "affectnet-7", "--split", "train"])
    assert (twice.exit_code, twice.stderr) == (
        2,
        "ampnet: the protocol scores the split val; leave out --split train\n",
    )


def test_a_split_that_the_data_do_not_have_gets_one_clear_line(tmp_path, happy):
    data = make_data(tmp_path / "data")
    (data / "index" / "data_label.txt").write_text("test_0000.jpg 1\n")
    result = CliRunner().invoke(app, ["eval", str(happy), "--data", str(data), "--split", "val"])
    assert (result.exit_code, result.stderr.strip().splitlines()) == (
        1,
        [f"ampnet: {data} has no image in the split val; it has test"],
    )


@pytest.mark.skipif(not has_fast_bf16(torch.device("cpu")), reason="bfloat16 takes minutes on this processor")
def test_the_report_says_in_which_precision_the_network_ran(tmp_path):
    data, model = make_data(tmp_path / "data"), small_checkpoint(tmp_path / "run", logits=ALWAYS_HAPPY)
    precisions: tuple[Literal["fp32", "bf16"], ...] = ("fp32", "bf16")
    for precision in precisions:
        out = tmp_path / precision
        run(EvalConfig(checkpoint=model, data=data, gpus=0, workers=0, precision=precision, out=out), quiet=True)
        about = json.loads((out / "metrics.json").read_text())["about"]
        assert about["model"]["precision"] == precision
        assert (f"--precision {precision}" in about["command"]) == (precision == "bf16")
