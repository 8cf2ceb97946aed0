"""`ampnet eval --by`: groups come from faces.csv or a CSV of the user's own, and are in every report."""

import json

import pytest
from typer.testing import CliRunner

from ampnet.dataset.index.faces_table import FaceRow, write_faces
from ampnet.errors import DataError, UsageError
from ampnet.settings import EvalConfig
from cli import app
from pipelines.evaluate import run
from tests.prepared_faces import write_prepared_faces


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Seven classes of eight test faces of two people, and one image without a face."""
    data = write_prepared_faces(tmp_path_factory.mktemp("faces"), train=1, val=1, test=8)
    names = [line.split()[0] for line in (data / "index" / "data_label.txt").read_text().splitlines()]
    rows = [
        FaceRow(name, f"raw/{name}", "test", "fear", "detected", width=100 + number, subject="ab"[number % 2])
        for number, name in enumerate(name for name in names if name.startswith("test_"))
    ]
    lost = FaceRow("", "raw/lost.jpg", "test", "fear", "rejected", "no face", width=50, height=50, subject="a")
    write_faces(data / "index" / "faces.csv", [*rows, lost])
    return data


@pytest.fixture
def answers(data, tmp_path):
    """Everything is taken for fear."""
    names = [line.split()[0] for line in (data / "index" / "data_label.txt").read_text().splitlines()]
    file = tmp_path / "answers.csv"
    file.write_text("name,predicted\n" + "".join(f"{name},fear\n" for name in names if name.startswith("test_")))
    return file


def measured(data, answers, tmp_path, **options):
    config = EvalConfig(predictions=answers, data=data, out=tmp_path / "out", force=True, **options)
    return run(config, quiet=True).report.groups


def test_columns_of_faces_csv_are_groups_and_a_lost_image_is_a_miss_of_its_group(data, answers, tmp_path):
    subject, width = measured(data, answers, tmp_path, by=("subject", "width"))
    assert [(one.name, one.images) for one in subject.groups] == [("a", 29), ("b", 28)]
    assert subject.groups[0].missed.value == pytest.approx(1 / 29)
    assert subject.groups[1].missed.value == 0
    assert subject.groups[0].is_small
    assert len(width.groups) == 4  # quarters of the widths


def test_a_csv_gives_groups_by_path_or_by_person(data, answers, tmp_path):
    by_person = tmp_path / "people.csv"
    by_person.write_text("Subject,gender\na,female\nB,male\nz,male\n\n")  # B is spelled so here
    (found,) = measured(data, answers, tmp_path, by=("gender",), groups=by_person)
    assert [(one.name, one.images) for one in found.groups] == [("female", 29), ("male", 28)]
    by_path = tmp_path / "images.csv"
    by_path.write_text("name;place\nraw/lost.jpg;indoors\nlost.jpg;indoors\n")
    (found,) = measured(data, answers, tmp_path, by=("place",), groups=by_path)
    assert ([(one.name, one.images) for one in found.groups], found.unknown) == ([("indoors", 1)], 56)


def test_a_group_that_is_spelled_in_two_ways_is_one_and_a_person_s_number_is_no_quantity(data, answers, tmp_path):
    file = tmp_path / "people.csv"
    names = [line.split()[0] for line in (data / "index" / "data_label.txt").read_text().splitlines()]
    rows = [(name, ("Male", "male", "female")[number % 3], number % 12) for number, name in enumerate(names)]
    file.write_text("name,gender,subject\n" + "".join(f"{name},{gender},{who}\n" for name, gender, who in rows))
    gender, subject = measured(data, answers, tmp_path, by=("gender", "subject"), groups=file)
    assert {one.name for one in gender.groups} in ({"Male", "female"}, {"male", "female"})
    assert {one.name for one in subject.groups} == {str(number) for number in range(12)}


@pytest.mark.parametrize(
    ("text", "column", "error", "message"),
    [
        (None, "gender", UsageError, "there is no column 'gender'; index/faces.csv has split, class, status"),
        (None, "traits", UsageError, "has no value for an image"),
        ("name,gender\nraw/lost.jpg,x\n", "age", UsageError, "people.csv has gender; index/faces.csv has"),
        ("person,gender\na,x\n", "gender", DataError, "lacks the column name"),
        ("name,gender\nnobody.jpg,x\n", "gender", DataError, "names no image of this split"),
        ("subject,gender\nnobody,x\n", "gender", DataError, "names no subject of this split"),
        ("name,gender\nraw/lost.jpg\n", "gender", DataError, "line 2: expected 2 cells, got 1"),
        ("subject,gender\na,x\nb,y\na,y\n", "gender", DataError, "line 4: 'a' contradicts line 2"),
        ("subject,gender\na,NaN\nb,nan\n", "gender", UsageError, "has no value for an image"),
    ],
)
def test_what_cannot_be_grouped_is_refused_before_the_work(data, answers, tmp_path, text, column, error, message):
    file = None
    if text is not None:
        file = tmp_path / "people.csv"
        file.write_text(text)
    with pytest.raises(error, match=message):
        measured(data, answers, tmp_path, by=(column,), groups=file)
    assert not (tmp_path / "out").exists()


def test_a_column_with_a_value_for_each_image_has_too_many_groups(data, answers, tmp_path):
    file = tmp_path / "people.csv"
    names = [line.split()[0] for line in (data / "index" / "data_label.txt").read_text().splitlines()]
    file.write_text("name,id\n" + "".join(f"{name},id {name}\n" for name in names))
    with pytest.raises(UsageError, match="56 different values; at most 50 are supported"):
        measured(data, answers, tmp_path, by=("id",), groups=file)


def test_every_report_shows_the_groups(data, answers, tmp_path):
    arguments = ["eval", "--predictions", str(answers), "--data", str(data), "--out", str(tmp_path / "out"), "--force"]
    shown = CliRunner().invoke(app, [*arguments, "--by", "subject"])
    for text in ("by subject, in %", "largest gaps between groups", "* fewer than 30 images"):
        assert text in shown.stdout
    written = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert [one["images"] for one in written["groups"][0]["groups"]] == [29, 28]
    assert "--by subject" in written["about"]["command"]
    page = (tmp_path / "out" / "report.html").read_text()
    assert 'data-metric="groups.0.groups.0.missed.value"' in page
    assert r"a * & 29 & " in (tmp_path / "out" / "classes.tex").read_text()


def test_a_report_without_groups_does_not_replace_one_with_them(data, answers):
    configs = [EvalConfig(predictions=answers, data=data, by=by) for by in (("subject", "width"), ())]
    with_groups, without = (run(config, quiet=True).folder for config in configs)
    assert (with_groups.name, without.name) == ("answers-test-by-subject-width", "answers-test")
    assert len(json.loads((with_groups / "metrics.json").read_text())["groups"]) == 2


def test_a_file_of_groups_without_by_is_a_wrong_usage(data, answers):
    arguments = ["eval", "--predictions", str(answers), "--data", str(data), "--groups", str(answers)]
    result = CliRunner().invoke(app, arguments)
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert "--by" in result.stderr


def test_long_names_that_differ_in_their_middle_are_two_groups(data, answers, tmp_path):
    names = [f"{'a' * 40}{person}{'z' * 40}" for person in "xy"]
    file = tmp_path / "places.csv"
    file.write_text(f"subject,place\na,{names[0]}\nb,{names[1]}\n")
    (found,) = measured(data, answers, tmp_path, by=("place",), groups=file)
    assert [(one.name, one.images) for one in found.groups] == [(names[0], 29), (names[1], 28)]
