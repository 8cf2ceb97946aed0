"""`ampnet compare` on hand-made data sets, with numbers worked out by hand."""

import csv
import hashlib
import io
import json
import re
import shutil
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from ampnet.dataset.index.label_votes import write_votes
from ampnet.dataset.index.landmarks_file import read_landmarks, write_landmarks
from ampnet.dataset.open_index import read_index
from ampnet.errors import CheckpointError, DataError, UsageError
from ampnet.evaluation.comparison import ALL
from ampnet.evaluation.intervals import Estimate, McNemar
from ampnet.settings import CompareConfig
from ampnet.settings.labels import EXPRESSIONS
from cli import app
from pipelines import compare as compare_module
from pipelines.compare import run
from pipelines.predict_split import predict_split
from pipelines.show_comparison import comparison_tables, verdicts
from tests.pipelines.test_evaluate import make_data
from tests.prepared_faces import write_prepared_faces
from tests.small_checkpoint import small_checkpoint

pytestmark = pytest.mark.slow

LABELS = [0, 0, 3, 3, 3, 3, 3, 6]
"""Of EXPRESSIONS, from 0: two surprised, five happy, one neutral."""


def always(folder, expression, **options):
    """Save a network that calls every face this."""
    return small_checkpoint(folder, logits=[4.0 * (name == expression) for name in EXPRESSIONS], **options)


def compare(data, *contenders, **options):
    return run(CompareConfig(contenders=contenders, data=data, gpus=0, workers=0, **options), quiet=True)


def command(*arguments):
    return CliRunner().invoke(app, ["compare", *map(str, arguments), "--gpus", "0", "--workers", "0", "--quiet"])


@pytest.fixture
def says_happy(tmp_path):
    return rival_csv(tmp_path / "says_happy.csv", ["happiness"] * 8)


@pytest.fixture
def says_neutral(tmp_path):
    return rival_csv(tmp_path / "says_neutral.csv", ["neutral"] * 8)


@pytest.fixture
def data(tmp_path):
    return make_data(tmp_path / "data", labels=LABELS)


@pytest.fixture
def happy(tmp_path):
    return always(tmp_path / "happy", "happiness")


@pytest.fixture
def neutral(tmp_path):
    return always(tmp_path / "neutral", "neutral")


def rival_csv(path, answers):
    path.write_text("name,predicted\n" + "".join(f"test_{n:04}.jpg,{name}\n" for n, name in enumerate(answers)))
    return path


def test_two_checkpoints_are_compared_on_the_same_images(data, happy, neutral):
    result = compare(data, neutral, happy)
    (pair,) = result.sets[0].pairs
    assert pair.difference.accuracy.value == pytest.approx(5 / 8 - 1 / 8)
    assert (pair.difference.mcnemar.only_first, pair.difference.mcnemar.only_second) == (1, 5)
    assert pair.difference.mcnemar.p_value == pytest.approx(2 * (1 + 6) / 2**6)
    (tables,) = result.pairs
    assert [(one.true, one.first, one.second, one.images) for one in tables.changes] == [
        ("happiness", "neutral", "happiness", 5),
        ("neutral", "neutral", "happiness", 1),
    ]
    assert {one.name: one.neither for one in tables.classes} == {"surprise": 2, "happiness": 0, "neutral": 0}


def test_the_folder_holds_the_numbers_the_answers_and_the_pictures(data, happy, neutral):
    result = compare(data, neutral, happy)
    assert result.folder == data / "compare" / "neutral-happy-test"
    stored = json.loads((result.folder / "compare.json").read_text())
    assert stored == json.loads(json.dumps(result.to_dict()))
    assert stored["about"]["contenders"][1]["runs"][0]["path"] == str(happy / "best.pt")
    with (result.folder / "answers.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["true"], row["A"], row["B"]) for row in rows[1:3]] == [
        ("surprise", "neutral", "happiness"),
        ("happiness", "neutral", "happiness"),
    ]
    assert (result.folder / "differences-A-B.png").stat().st_size > 1000
    assert len(result.pairs[0].shown) == 6


def test_pictures_of_pairs_that_are_no_longer_compared_go(tmp_path, data):
    runs = [always(tmp_path / name, name) for name in ("neutral", "happiness", "surprise")]
    out = tmp_path / "out"
    compare(data, *runs, out=out)
    (out / "differences-of-mine.png").write_text("mine")
    assert {path.name for path in out.glob("*.png")} >= {"differences-A-C.png", "differences-B-C.png"}
    compare(data, *runs[:2], out=out, force=True)
    assert {path.name for path in out.glob("*.png")} == {"differences-A-B.png", "differences-of-mine.png"}


def test_the_hash_is_that_of_what_was_compared_though_training_goes_on(tmp_path, data, monkeypatch):
    runs = [always(tmp_path / name, name) for name in ("neutral", "happiness")]
    measured = [hashlib.sha256((run / "best.pt").read_bytes()).hexdigest() for run in runs]

    def while_training(*arguments):
        done = predict_split(*arguments)
        shutil.copy(always(tmp_path / "next", "fear") / "best.pt", runs[0] / "best.pt")
        return done

    monkeypatch.setattr(compare_module, "predict_split", while_training)
    found = compare(data, *runs).about["contenders"]
    assert [one["runs"][0]["sha256"] for one in found] == measured


def test_a_rivals_answers_stand_beside_a_checkpoint_and_those_it_lacks_are_errors(tmp_path, data, happy):
    rival = rival_csv(tmp_path / "rival.csv", ["surprise", "surprise", "contempt", "happiness"])
    result = compare(data, happy, rival)
    assert [one.accuracy.mean for one in result.sets[0].contenders] == pytest.approx([5 / 8, 3 / 8])
    changed = {(one.true, one.first, one.second): one.images for one in result.pairs[0].changes}
    assert changed["happiness", "happiness", "contempt"] == 1
    assert changed["happiness", "happiness", "no prediction"] == 3
    assert any(note.startswith("B: images without a prediction") for note in result.notes)


def test_files_of_answers_alone_cannot_be_mirrored(tmp_path, data):
    files = tuple(rival_csv(tmp_path / f"{name}.csv", ["surprise"] * 4) for name in ("one", "two"))
    with pytest.raises(UsageError, match="--mirror applies to checkpoints"):
        compare(data, *files, mirror=True)


def test_a_folder_of_several_seeds_is_used_with_all_its_runs(tmp_path, data, says_neutral):
    folder = tmp_path / "seeds"
    for seed, expression in ((2, "surprise"), (10, "happiness")):
        always(folder / f"seed{seed}", expression)
    (folder / "seed3").mkdir()  # interrupted
    result = compare(data, says_neutral, folder)
    several = result.sets[0].contenders[1]
    assert [one.accuracy.value for one in several.runs] == pytest.approx([2 / 8, 5 / 8])
    assert several.accuracy.deviation == pytest.approx(np.std([2, 5], ddof=1) / 8)
    assert result.sets[0].pairs[0].difference.mcnemar is None
    assert "B: without seed3, where there is no best.pt" in result.notes
    assert "A,B seed2,B seed10" in (result.folder / "answers.csv").read_text().splitlines()[0]


def test_votes_add_a_comparison_with_the_crowds_majority(data, says_happy, says_neutral):
    names = read_index(data).names[:2]
    votes = [[8, 2], [3, 7]]
    write_votes(data / "index" / "label_votes.csv", ("neutral", "happiness"), zip(names, votes, strict=True))
    _, crowd = compare(data, says_happy, says_neutral).sets
    assert crowd.images == 2
    assert [one.accuracy.mean for one in crowd.contenders] == [0.5, 0.5]


def test_images_of_classes_that_one_checkpoint_lacks_are_left_out_for_both(tmp_path, data, happy):
    small = small_checkpoint(tmp_path / "six", class_names=EXPRESSIONS[:6], logits=[0.0, 0, 0, 4, 0, 0])
    result = compare(data, happy, small)
    assert result.sets[0].images == 7
    assert any("images of neutral are left out" in note for note in result.notes)
    assert result.pairs[0].sheet == ""  # they agree about all others


def test_only_another_comparison_in_the_folder_is_protected(data, says_happy, says_neutral, tmp_path):
    compare(data, says_happy, says_neutral, out=tmp_path / "out")
    compare(data, says_happy, says_neutral, out=tmp_path / "out")
    with pytest.raises(UsageError, match="holds other results"):
        compare(data, says_neutral, says_happy, out=tmp_path / "out")
    compare(data, says_neutral, says_happy, out=tmp_path / "out", force=True)


def test_what_can_be_compared_is_named(data, happy, tmp_path):
    with pytest.raises(UsageError, match=r"nope\.csv does not exist; .*, a CSV file of predictions or `bundled`"):
        compare(data, happy, tmp_path / "nope.csv")


def test_the_same_file_by_two_names_is_refused(data, happy):
    with pytest.raises(UsageError, match="are the same file"):
        compare(data, happy, happy / "best.pt")


def test_a_folder_without_checkpoints_is_refused(data, happy, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match=r"holds no best\.pt"):
        compare(data, happy, tmp_path / "empty")


def test_checkpoints_that_share_no_classes_are_refused_before_a_folder_is_made(tmp_path, data, happy):
    other = small_checkpoint(tmp_path / "other", class_names=("pain", "boredom"))
    with pytest.raises(DataError, match="share fewer than two classes"):
        compare(data, happy, other)
    assert not (data / "compare").exists()


def test_runs_that_held_out_different_images_are_refused_before_the_work(tmp_path):
    data = write_prepared_faces(tmp_path / "data", train=4, val=0)
    for file in (*(data / "dataset").iterdir(), data / "index" / "data_label.txt"):
        if file.suffix == ".txt":
            rows = [line.split() for line in file.read_text().splitlines()]
            file.write_text("".join(f"{name.removeprefix('train_')} {int(label) - 1}\n" for name, label in rows))
        else:
            file.rename(file.with_name(file.name.removeprefix("train_")))
    known = read_landmarks(data / "index" / "land_marks.npy")
    names = [name.removeprefix("train_") for name in known]
    write_landmarks(data / "index" / "land_marks.npy", names, np.stack(list(known.values())))
    runs = [always(tmp_path / f"run{seed}", "fear", config={"seed": seed}) for seed in (1, 2)]
    with pytest.raises(DataError, match="was trained with seed 2, which holds out other images as val than seed 1"):
        compare(data, *runs, split="val")
    assert not (data / "compare").exists()


def test_the_screen_says_in_words_who_is_right_more_often(data, says_happy, says_neutral):
    done = command(says_happy, says_neutral, "--data", data)
    assert done.exit_code == 0
    assert "all images: no clear difference in accuracy, B - A = -50.00" in done.stdout
    assert "A and B: who is right, in images" in done.stdout
    assert "differences-A-B.png" in done.stdout


@pytest.mark.parametrize(
    ("adjusted_p", "words"),
    [(0.1009, "no clear difference in accuracy, B - A = +1.95 [+0.1, +3.8] points (p = 0.1009)"),
     (0.0301, "B is correct more often than A, by 1.9 points (95% interval 0.1 to 3.8)")],
)  # fmt: skip
def test_a_difference_is_called_one_only_if_it_is_for_all_pairs_together(adjusted_p, words):
    accuracy = Estimate(0.0195, (0.001, 0.038))
    test = McNemar(only_first=42, only_second=63, p_value=0.0504, adjusted_p=adjusted_p)
    pair = SimpleNamespace(first=0, second=1, difference=SimpleNamespace(accuracy=accuracy, mcnemar=test))
    contenders = [SimpleNamespace(letter=letter) for letter in "AB"]
    result: Any = SimpleNamespace(contenders=contenders, sets=[SimpleNamespace(name=ALL, pairs=[pair])])
    assert list(verdicts(result)) == [f"all images: {words}"]


def test_the_table_for_a_paper_is_all_of_stdout(data, says_happy, says_neutral):
    result = command(says_neutral, says_happy, "--data", data, "--latex")
    (written,) = data.glob("compare/*/compare.tex")
    assert result.stdout == written.read_text()
    assert r"all images & B - A & +50.0 {\scriptsize[" in result.stdout
    both = command(says_neutral, says_happy, "--data", data, "--latex", "--json")
    assert (both.exit_code, len(both.stderr.splitlines())) == (2, 1)


def test_json_is_all_of_stdout(data, says_happy, says_neutral):
    done = command(says_happy, says_neutral, "--data", data, "--json")
    assert json.loads(done.stdout)["sets"][0]["images"] == 8


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,predicted\nnobody.jpg,fear\n", "are not in the data set, first nobody.jpg"),
        ("name,predicted\ntest_0000.jpg,boredom\n", "line 2: boredom is not a class of the data"),
        ("a,b\n1,2\n", "has no column for the image"),
    ],
)
def test_predictions_that_cannot_be_used_are_one_line(tmp_path, data, says_happy, text, message):
    rival = tmp_path / "rival.csv"
    rival.write_text(text)
    done = command(says_happy, rival, "--data", data)
    assert (done.exit_code, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert message in line


@pytest.mark.parametrize("rivals", [1, 2])
def test_the_tables_cut_no_word_at_60_columns(rivals, happy, says_happy, says_neutral, data):
    result = compare(data, happy, *(says_happy, says_neutral)[:rivals])
    console = Console(file=io.StringIO(), width=60, highlight=False)
    console.print(*(table for table in comparison_tables(result) if not isinstance(table, str)), sep="\n")
    shown = cast(io.StringIO, console.file).getvalue()
    assert max(map(len, shown.splitlines())) <= 60
    assert {"images", "points", "second", "Holm" if rivals == 2 else "McNemar"} <= set(shown.split())
    assert len(re.findall(r"all images\s+. - .", shown)) == 1
