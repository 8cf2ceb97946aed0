"""Anybody's predictions are read by one set of rules, and what does not fit is said in one line."""

import numpy as np
import pytest

from ampnet.errors import DataError
from ampnet.evaluation.agreement import CrowdVotes
from ampnet.evaluation.predictions import SplitImages, write_predictions
from ampnet.evaluation.predictions_file import read_predictions
from tests.small_report import small_table

CLASSES = ("fear", "happiness", "neutral")
VOTES = CrowdVotes(np.eye(3), np.ones(3), np.zeros(3, bool))
IMAGES = SplitImages(
    class_names=CLASSES,
    names=("test_a.jpg", "test_b.jpg", ""),
    sources=("Test/fear/a.png", "Test/joy/b.png", "Test/neutral/c.png"),
    labels=np.array([0, 1, 2]),
    status=np.array(["scored", "scored", "undetected"]),
    votes=VOTES,
)
ELSEWHERE = ("train_a.jpg", "Train/fear/a.png")


def read(tmp_path, text):
    path = tmp_path / "p.csv"
    path.write_text(text, encoding="utf-8")
    return read_predictions(path, IMAGES, ELSEWHERE)


def refusal(tmp_path, text):
    with pytest.raises(DataError) as raised:
        read(tmp_path, text)
    assert len(str(raised.value).splitlines()) == 1
    return str(raised.value)


def test_answers_by_name_in_the_index_or_by_the_end_of_the_path_and_by_synonym(tmp_path):
    table = read(
        tmp_path, "image,label\ntest_a.jpg,Scared\n/home/me/Test/joy/b.png,Joy\nneutral\\c.png,neutral\n"
    ).table
    assert table.answers.tolist() == [0, 1, 2]
    assert table.status.tolist() == ["scored"] * 3  # a face that our detector missed may have an answer
    assert table.probabilities is None


def test_probabilities_decide_where_no_answer_is_given(tmp_path):
    table = read(tmp_path, "name,score_Happy,score_neutral,score_fear\ntest_a.jpg,0.2,0.1,0.7\nb.png,0.8,0.2,0\n").table
    assert table.answers.tolist() == [0, 1, -1]
    assert table.probabilities[0] == pytest.approx([0.7, 0.2, 0.1])
    assert np.isnan(table.probabilities[2]).all()
    assert table.status.tolist() == ["scored", "scored", "undetected"]


def test_percentages_and_rounded_probabilities_are_brought_to_one(tmp_path):
    table = read(tmp_path, "name,fear,happiness,neutral\ntest_a.jpg,70,21,10\ntest_b.jpg,0,99,0\n").table
    assert table.probabilities[0] == pytest.approx([70 / 101, 21 / 101, 10 / 101])
    assert table.probabilities[1].tolist() == [0, 1, 0]


def test_an_answer_beside_the_probabilities_is_the_answer(tmp_path):
    table = read(tmp_path, "name,predicted,p_fear,p_happiness,p_neutral\ntest_a.jpg,neutral,0.4,0.2,0.4\n").table
    assert table.answers.tolist() == [2, -1, -1]


@pytest.mark.parametrize(
    "text",
    [
        "img_path,dominant_emotion,emotion.fear,emotion.happy,emotion.neutral\n{a},fear,60,40,0\n{b},happy,0,99,1\n",
        "img_path,emotion,dominant_emotion\n{a},\"{{'fear': 60, 'happy': 40}}\",fear\n{b},{{}},happy\n",
        "FaceScore,AU01,fear,happiness,neutral,input,frame\n0.9,0.1,0.6,0.4,0,{a},0\n0.9,0.1,0,1,0,{b},0\n",
        "image_path,emo_label,emo_proba\n{a},fear,0.6\n{b},happy,0.9\n",
        "file,top_emotion,top_score\n{a},fear,0.6\n{b},happy,0.9\n",
        "fileName,expressions.fearful,expressions.happy,expressions.neutral\n{a},0.6,0.4,0\n{b},0,1,0\n",
        "image,prob_fear,prob_happy,prob_neutral\n{a},0.6,0.4,0\n{b},0,1,0\n",
    ],
    ids=["deepface", "deepface, not normalised", "py-feat", "rmn", "fer", "face-api", "prob"],
)
def test_tables_of_other_programs_are_read_as_they_write_them(tmp_path, text):
    table = read(tmp_path, text.format(a="test_a.jpg", b="test_b.jpg")).table
    assert table.answers.tolist() == [0, 1, -1]


def test_not_sure_in_the_table_of_predict_stands_for_the_most_probable_class(tmp_path):
    text = "image,label,answer,score_fear,score_happiness,score_neutral\n"
    rows = "test_a.jpg,happiness,not sure,0.3,0.4,0.3\ntest_b.jpg,happiness,happiness,0,1,0\nc.png,,,,,\n"
    table = read(tmp_path, text + rows).table
    assert table.answers.tolist() == [1, 1, -1]
    assert read(tmp_path, "image,answer\ntest_a.jpg,not sure\nb.png,fear\n").table.answers.tolist() == [-1, 0, -1]


def test_images_without_a_row_or_an_answer_count_as_errors_and_this_is_told(tmp_path):
    read_ = read(tmp_path, "name,predicted\ntest_a.jpg,fear\ntest_b.jpg,\n")
    assert read_.table.answers.tolist() == [0, -1, -1]
    assert read_.notes == (f"images without a prediction in {tmp_path / 'p.csv'}, counted as errors: 2",)


def test_rows_about_other_splits_are_skipped_even_if_their_file_has_the_same_name(tmp_path):
    read_ = read(tmp_path, "name,predicted\nTrain/fear/a.png,fear\nTest/fear/a.png,neutral\n")
    assert read_.table.answers.tolist() == [2, -1, -1]
    assert read_.notes[0].endswith("about other images of the data set, skipped: 1")


def test_probabilities_of_an_expression_that_the_data_lack_are_left_out_as_for_checkpoints(tmp_path):
    read_ = read(tmp_path, "name,fear,happiness,neutral,contempt\ntest_a.jpg,0.1,0.2,0.2,0.5\ntest_b.jpg,0,0,0,1\n")
    assert read_.table.probabilities[0] == pytest.approx([0.2, 0.4, 0.4])
    assert "never predicted: contempt" in read_.notes[0]
    assert read_.table.answers.tolist() == [1, -1, -1]  # test_b: contempt, not whichever class comes first


def test_answers_that_contradict_the_probabilities_are_told_and_a_label_that_does_is_taken_for_the_truth(tmp_path):
    text = "name,{},fear,happiness,neutral\ntest_a.jpg,happy,0.6,0.3,0.1\ntest_b.jpg,happy,0.1,0.9,0\n"
    read_ = read(tmp_path, text.format("predicted"))
    assert read_.table.answers.tolist() == [1, 1, -1]
    assert "in 1 of 2 rows, predicted is not the most probable class" in read_.notes[0]
    for column in ("label", "Emotion"):
        said = refusal(tmp_path, text.format(column))
        assert f"in 1 of 2 rows, {column} is not the most probable class; delete the column if it is the truth" in said
    agreeing = "name,label,fear,happiness,contempt\ntest_a.jpg,fear,0.6,0.4,0\ntest_b.jpg,contempt,0.1,0.2,0.7\n"
    assert read(tmp_path, agreeing).table.answers.tolist() == [0, 3, -1]


def test_a_bare_answer_that_the_data_lack_is_an_error(tmp_path):
    read_ = read(tmp_path, "name,predicted\ntest_a.jpg,contempt\ntest_b.jpg,happy\n")
    assert read_.table.class_names == (*CLASSES, "contempt")
    assert read_.table.answers.tolist() == [3, 1, -1]
    assert read_.table.images.votes.counts.shape == (3, 4)
    assert "contempt" in read_.notes[0]


def test_a_class_without_a_column_is_never_probable(tmp_path):
    read_ = read(tmp_path, "name,fear,happiness\ntest_a.jpg,0.6,0.4\n")
    assert read_.table.probabilities[0].tolist() == [0.6, 0.4, 0]
    assert "no probabilities of neutral" in read_.notes[0]


def test_our_own_file_comes_back_as_it_was(tmp_path):
    table = small_table([[3, 1, 0, 0], [0, 4, 0, 2], [1, 0, 2, 1]], CLASSES)
    write_predictions(tmp_path / "predictions.csv", table)
    again = read_predictions(tmp_path / "predictions.csv", table.images).table
    assert np.array_equal(again.answers, table.answers)
    assert again.status.tolist() == table.status.tolist()
    for name in ("probabilities", "local", "global_"):
        assert np.allclose(getattr(again, name), getattr(table, name), rtol=1e-6, equal_nan=True)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "name,predicted\nx.jpg,fear\ny.jpg,fear\ntest_a.jpg,fear\n",
            "2 of its 3 images are not in the data set, first x",
        ),
        (
            "name,predicted\ntest_a.jpg,pain\n",
            "line 2: pain is not a class of the data, which has fear, happiness, neutral",
        ),
        (
            "name,predicted\ntest_a.jpg,fear\nTest/fear/a.png,fear\n",
            "is listed twice (first in line 2); give one row for each image, as `predict --face largest` writes",
        ),
        ("face,predicted\n1,fear\n", "has no column for the image"),
        ("name,score\ntest_a.jpg,1\n", "has neither a column predicted nor probabilities"),
        ("name,p_fear,p_happiness,p_pain\ntest_a.jpg,1,0,0\n", "the column p_pain is of no class of the data"),
        ("name,p_fear,p_scared,p_neutral\ntest_a.jpg,1,0,0\n", "are both of fear"),
        ("name,fear,happiness,neutral\ntest_a.jpg,1,1,1\n", "line 2: probabilities must be at least 0 and add up to 1"),
        ("name,fear,happiness,neutral\ntest_a.jpg,0,0,0\ntest_b.jpg,1,0,0\n", "line 2: probabilities must be at"),
        ("name,fear,happiness,neutral\ntest_a.jpg,2,-1,0\n", "line 2: probabilities must be at least 0"),
        ("name,fear,happiness,neutral\ntest_a.jpg,nan,1,0\n", "line 2: probabilities must be at least 0"),
        ("name,fear,happiness,neutral\ntest_a.jpg,much,1,0\n", "line 2: could not convert string to float: 'much'"),
        ("name,predicted\ntest_a.jpg,fear,1\n", "line 2: expected 2 cells"),
        ("name,predicted\ntest_a.jpg\n", "line 2: expected 2 cells"),
        ("name,name\ntest_a.jpg,fear\n", "two columns of one name"),
        ("name,predicted\n", "holds no predictions"),
        ('name,predicted\n"test_a.jpg,fear\n', "line 2: expected 2 cells"),
        ("name,predicted\ntest_a.jpg,\n", "no prediction for any of the 3 images"),
        ("name,predicted\n\x1b[31mevil.jpg,fear\n", "first \\x1b[31mevil.jpg"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(tmp_path, text, says):
    assert says in refusal(tmp_path, text)


def test_a_name_that_stands_for_several_images_is_refused(tmp_path):
    images = SplitImages(CLASSES, ("a", "b"), ("x/1.png", "y/1.png"), np.array([0, 1]), np.array(["scored"] * 2))
    path = tmp_path / "p.csv"
    path.write_text("name,predicted\n1.png,fear\n")
    with pytest.raises(DataError, match=r"1\.png stands for 2 images; give names as paths"):
        read_predictions(path, images)


def test_a_folder_and_binary_data_are_refused(tmp_path):
    with pytest.raises(DataError, match="a folder, not a regular file"):
        read_predictions(tmp_path, IMAGES)
    (tmp_path / "p.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="not UTF-8"):
        read_predictions(tmp_path / "p.csv", IMAGES)
