"""`ampnet summarize` makes tables, annotations and pictures; other programs read them."""

import gzip
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from ampnet.summary.faces_file import Video
from cli import app
from tests.faces_tables import smiles, write_faces

TENTHS = [number / 10 for number in range(100)]
FORMATS = ["--format", "elan,praat,bids"]


@pytest.fixture
def faces(tmp_path):
    """Two people in one video; the first smiles from 2 to 4 s and is away from 6 to 7 s."""
    path = tmp_path / "faces.csv"
    return write_faces(path, {"1": smiles(2, 4, gap=(6, 7)), "2": smiles(5, 5.5)}, TENTHS, "talk/clip.mp4")


def summarize(*words):
    return CliRunner().invoke(app, ["summarize", *map(str, words)])


def test_answers_of_two_models_and_missing_columns_are_told(faces, tmp_path):
    header, *rows = faces.read_text().splitlines()
    mixed = [f"{header},model", *(f"{row},{'first' if n < 50 else 'second'}" for n, row in enumerate(rows))]
    (tmp_path / "mixed.csv").write_text("\n".join(mixed))
    done = summarize(tmp_path / "mixed.csv", "--out", tmp_path / "tables")
    assert "the answers come from several models (first, second)" in done.output
    assert "do not add up to 1" not in done.output
    less = [line.replace("score_neutral", "neutral") for line in faces.read_text().splitlines()]
    (tmp_path / "less.csv").write_text("\n".join(less))
    done = summarize(tmp_path / "less.csv", "--out", tmp_path / "less")
    assert "talk/clip.mp4: the probabilities of 190 faces do not add up to 1" in " ".join(done.output.split())


def test_tables_say_who_showed_what_and_for_how_long(faces, tmp_path):
    done = summarize(faces, "--out", tmp_path / "tables")
    assert done.exit_code == 0, done.output
    assert "videos: 1, people: 2, episodes: 7" in done.output
    series = pd.read_csv(tmp_path / "tables" / "series.csv")
    assert list(series.columns) == [
        "video",
        "person",
        "seconds",
        "seen",
        *(f"score_{c}" for c in ("happiness", "anger", "neutral")),
    ]
    assert len(series) == 200
    assert series["score_neutral"].isna().sum() == 10
    people = pd.read_csv(tmp_path / "tables" / "people.csv").set_index("person")
    assert people.loc[1, ["seconds_watched", "seconds_seen", "seconds_unseen", "seconds_unsure"]].tolist() == [
        10,
        9,
        1,
        0,
    ]
    assert people.loc[1, "share_happiness"] == pytest.approx(2 / 9, abs=1e-6)
    assert people.loc[1, "mean_happiness"] == pytest.approx((2 * 0.9 + 7 * 0.1) / 9, abs=1e-6)
    assert people["episodes_happiness"].tolist() == [1, 1]
    episodes = pd.read_csv(tmp_path / "tables" / "episodes.csv")
    smile = episodes[(episodes["expression"] == "happiness") & (episodes["person"] == 1)].iloc[0]
    assert smile[["onset", "apex", "offset", "duration", "peak"]].tolist() == [2.0, 2.0, 4.0, 2.0, 0.9]


def test_annotations_are_read_by_another_library(faces, tmp_path):
    pympi = pytest.importorskip("pympi")
    assert summarize(faces, "--out", tmp_path / "tables", *FORMATS).exit_code == 0
    elan = pympi.Elan.Eaf(str(tmp_path / "tables" / "clip.eaf"))
    assert [span[:3] for span in elan.get_annotation_data_for_tier("1 happiness")] == [(2000, 4000, "happiness")]
    assert [span[:3] for span in elan.get_annotation_data_for_tier("1 not seen")] == [(6000, 7000, "not seen")]
    assert list(elan.get_annotation_data_for_tier("2 not seen")) == []
    assert elan.media_descriptors[0]["MEDIA_URL"] == "clip.mp4"
    praat = pympi.Praat.TextGrid(str(tmp_path / "tables" / "clip.TextGrid"))
    assert praat.xmax == pytest.approx(10.0)
    spans = list(praat.get_tier("1 happiness").get_all_intervals())
    assert spans == [(0.0, 2.0, ""), (2.0, 4.0, "happiness"), (4.0, 10.0, "")]


def test_bids_tables_have_a_sidecar_and_no_header(faces, tmp_path):
    assert summarize(faces, "--out", tmp_path / "tables", *FORMATS).exit_code == 0
    name = "sub-1_task-clip_recording-expression_physio"
    about = json.loads((tmp_path / "tables" / f"{name}.json").read_text())
    assert (about["SamplingFrequency"], about["StartTime"]) == (10.0, 0.0)
    with gzip.open(tmp_path / "tables" / f"{name}.tsv.gz", "rt") as file:
        rows = [line.rstrip("\n").split("\t") for line in file]
    assert len(rows) == 100
    assert {len(row) for row in rows} == {len(about["Columns"])}
    assert rows[65] == ["n/a"] * 3


def test_of_a_part_of_a_video_every_output_begins_where_it_was_watched(tmp_path):
    pympi = pytest.importorskip("pympi")
    times = [60 + tenth for tenth in TENTHS]
    path = write_faces(tmp_path / "faces.csv", {"1": smiles(62, 64, gap=(66, 67))}, times, "clip.mp4")
    assert summarize(path, "--out", tmp_path / "tables", *FORMATS).exit_code == 0
    people = pd.read_csv(tmp_path / "tables" / "people.csv")
    assert people.loc[0, ["seconds_watched", "seconds_seen", "seconds_unseen"]].tolist() == [10, 9, 1]
    episodes = pd.read_csv(tmp_path / "tables" / "episodes.csv").set_index("expression")
    assert episodes.loc["happiness", ["onset", "offset"]].tolist() == [62, 64]
    elan = pympi.Elan.Eaf(str(tmp_path / "tables" / "clip.eaf"))
    assert [span[:2] for span in elan.get_annotation_data_for_tier("1 not seen")] == [(66000, 67000)]
    praat = pympi.Praat.TextGrid(str(tmp_path / "tables" / "clip.TextGrid"))
    assert next(iter(praat.get_tier("1 happiness").get_all_intervals())) == (0.0, 62.0, "")
    about = json.loads((tmp_path / "tables" / "sub-1_task-clip_recording-expression_physio.json").read_text())
    assert about["StartTime"] == 60.0


def test_a_text_grid_lasts_until_the_end_of_the_part_that_was_watched(tmp_path):
    times = [60 + tenth for tenth in TENTHS]  # without an episode, and seen throughout
    path = write_faces(tmp_path / "faces.csv", {"1": lambda _: (0.4, 0.3, 0.3)}, times, "clip.mp4")
    assert summarize(path, "--out", tmp_path / "tables", "--format", "praat").exit_code == 0
    assert "xmax = 70.000000" in (tmp_path / "tables" / "clip.TextGrid").read_text().splitlines()


def test_the_picture_has_a_lane_for_each_person_and_leaves_gaps_open(faces, tmp_path, monkeypatch):
    monkeypatch.undo()  # tests/pipelines/conftest.py leaves pictures out
    assert summarize(faces, "--out", tmp_path / "tables").exit_code == 0
    with Image.open(tmp_path / "tables" / "clip.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    grey = (np.abs(pixels - 0xF2) <= 1).all(axis=2)  # where a face was not seen
    assert 0.02 < grey.mean() < 0.1


def test_the_methods_state_the_numbers_of_the_run(faces, tmp_path):
    about = {"ampnet": "9.8.7", "model": "bundled", "sha256": "ab" * 32, "rate": 10.0}
    (tmp_path / "faces.csv.json").write_text(json.dumps(about))
    assert summarize(faces, "--out", tmp_path / "tables", "--on", "0.6", "--smooth", "0.4").exit_code == 0
    text = (tmp_path / "tables" / "methods.txt").read_text()
    assert "per second; times are the frames' own presentation times, from" in text  # of whole videos
    assert "subtracted" not in text  # without --baseline
    (tmp_path / "faces.csv.json").unlink()  # as of version 0.1, whose times were numbers of frames by a nominal rate
    assert summarize(faces, "--out", tmp_path / "old").exit_code == 0
    assert "per second; times are from the first frame" in (tmp_path / "old" / "methods.txt").read_text()
    for part in ("ampnet 9.8.7", "abababab", "1 video", "100 frames", "10 frames per second", "0.4 s full width",
                 "reached 0.6", "below 0.35", "19.0 s (95.0%)", "10.1109/TCSVT.2022.3165321"):  # fmt: skip
        assert part in text, text


@pytest.mark.parametrize(
    ("told", "words"),
    [({"first": 2.5}, "from 2.5 s of each video to its end"), ({"last": 9.0}, "from 0 s of each video to 9 s")],
)
def test_the_methods_state_the_part_that_was_watched(faces, tmp_path, told, words):
    (tmp_path / "faces.csv.json").write_text(json.dumps({"ampnet": "1", "model": "m", "sha256": "ab" * 32, **told}))
    assert summarize(faces, "--out", tmp_path / "tables").exit_code == 0
    assert f"frames per second, {words}; times" in (tmp_path / "tables" / "methods.txt").read_text()


def test_a_video_in_which_no_face_was_seen_is_summarised_and_told(tmp_path):
    done = summarize(write_faces(tmp_path / "faces.csv", {}, TENTHS), "--out", tmp_path / "tables")
    assert done.exit_code == 0, done.output
    assert "clip.mp4: no face was seen" in done.stderr
    assert "at no ticks per second" in (tmp_path / "tables" / "methods.txt").read_text()


def test_a_baseline_stands_beside_the_raw_values_and_a_held_smile_is_warned_of(faces, tmp_path):
    done = summarize(faces, "--out", tmp_path / "tables", "--baseline", "2-3.5")
    assert done.exit_code == 0
    assert "warning: talk/clip.mp4: the baseline of 1 is not neutral (happiness 90%)" in done.stderr
    series = pd.read_csv(tmp_path / "tables" / "series.csv")
    first = series[series["person"] == 1].iloc[0]
    assert (first["score_happiness"], first["delta_happiness"]) == pytest.approx((0.1, -0.8))
    assert "in the seconds 2-3.5 of each video, was" in (tmp_path / "tables" / "methods.txt").read_text()


def test_tables_that_came_about_in_different_ways_are_told(faces, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text(faces.read_text().replace("talk/clip.mp4", "talk/other.mp4"))
    about = {"ampnet": "1", "model": "bundled", "sha256": "ab" * 32}
    for smooth, is_told in ((0.0, False), (0.5, True)):
        for table, seconds in ((faces, 0.0), (other, smooth)):
            table.with_name(f"{table.name}.json").write_text(json.dumps({**about, "smooth": seconds}))
        done = summarize(faces, other, "--out", tmp_path / f"tables{smooth}")
        assert done.exit_code == 0, done.stderr
        assert ("methods.txt describes only the first table" in done.stderr) == is_told


def test_numbers_of_several_people_are_no_names_for_a_baseline(faces, tmp_path):
    told = "--baseline calm.mp4: people have only numbers, which differ from video to video; name them with --people"
    calm = write_faces(tmp_path / "calm.csv", {"1": smiles(2, 3)}, TENTHS, "calm.mp4")
    alone = write_faces(tmp_path / "alone.csv", {"1": smiles(2, 4)}, TENTHS, "talk/alone.mp4")
    two = write_faces(tmp_path / "two.csv", {"1": smiles(2, 4), "2": smiles(5, 6)}, TENTHS, "calm.mp4")
    for tables, baseline, is_told in (((alone, calm), "calm.mp4", False), ((alone, two), "calm.mp4", True),
                                      ((alone, two), "median", False)):  # fmt: skip
        done = summarize(*tables, "--out", tmp_path / "tables", "--force", "--baseline", baseline)
        assert done.exit_code == 0, done.stderr
        assert (told in " ".join(done.stderr.split())) == is_told


def test_existing_files_are_kept_unless_forced(faces, tmp_path):
    assert summarize(faces, "--out", tmp_path / "tables").exit_code == 0
    again = summarize(faces, "--out", tmp_path / "tables")
    assert again.exit_code in (1, 2)
    assert "exists; choose another path, or replace it with --force" in again.stderr
    assert summarize(faces, "--out", tmp_path / "tables", "--force").exit_code == 0


def test_a_file_that_is_read_is_not_replaced_even_by_force(faces, tmp_path):
    people = tmp_path / "people.csv"  # the name of one of the tables
    people.write_text("video,track,person\n,1,Ada\n")
    done = summarize(faces, "--people", people, "--out", tmp_path, "--force")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "people.csv is itself one of the inputs" in done.stderr
    assert people.read_text().endswith(",1,Ada\n")


def test_what_is_no_table_of_faces_is_refused_in_one_line(tmp_path):
    (tmp_path / "list.csv").write_text("milk,eggs\n")
    done = summarize(tmp_path / "list.csv", "--out", tmp_path / "tables")
    assert done.exit_code == 1
    assert "has no columns score_<class>" in done.stderr
    assert not (tmp_path / "tables").exists()


def test_a_file_of_people_may_have_semicolons_and_what_it_names_in_vain_is_said(faces, tmp_path):
    who = tmp_path / "who.csv"
    who.write_text(
        "video;track;person\nclip.mp4;1;Anna\n;2;Ben\nclip.mp4;9;Cleo\nother.mp4;1;Dora\n", encoding="utf-8-sig"
    )
    done = summarize(faces, "--people", who, "--out", tmp_path / "tables")
    assert done.exit_code == 0, done.output
    assert set(pd.read_csv(tmp_path / "tables" / "people.csv")["person"]) == {"Anna", "Ben"}
    said = " ".join(done.output.split())
    assert "no table has track 9 of clip.mp4" in said
    assert "no table has track 1 of other.mp4" in said
    assert said.count("no table has") == 2


def test_each_video_is_looked_at_once_for_a_file_of_people(faces, tmp_path, monkeypatch):
    videos = ["talk/clip.mp4", "talk/a.mp4", "talk/b.mp4"]
    for name in videos[1:]:
        write_faces(faces, {"1": smiles(2, 4)}, TENTHS, name)
    looks, names = [], vars(Video)["names"].fget
    monkeypatch.setattr(Video, "names", property(lambda video: looks.append(video.name) or names(video)))
    who = tmp_path / "who.csv"
    who.write_text("video,track,person\n" + "".join(f"{name},1,Anna\n" for name in videos))
    assert summarize(faces, "--people", who, "--out", tmp_path / "tables").exit_code == 0
    assert sorted(looks) == sorted(videos)


def test_a_name_is_one_person_in_all_videos_and_a_number_another_in_each(faces, tmp_path):
    write_faces(faces, {"1": smiles(2, 4), "2": smiles(5, 5.5)}, TENTHS, "talk/other.mp4")
    assert "videos: 2, people: 4" in summarize(faces, "--out", tmp_path / "tables").output
    assert "4 people (numbered anew in each video)" in (tmp_path / "tables" / "methods.txt").read_text()
    done = summarize(faces, "--out", tmp_path / "bids", "--format", "bids")
    assert "BIDS: sub-1 is another person in each video" in " ".join(done.stderr.split())
    who = tmp_path / "who.csv"
    who.write_text("track,person\n1,Anna\n2,Ben\n")
    done = summarize(faces, "--people", who, "--out", tmp_path / "named", "--format", "bids")
    assert "videos: 2, people: 2" in done.output
    assert "BIDS" not in done.stderr
    assert "2 people, " in (tmp_path / "named" / "methods.txt").read_text()


def test_the_example_in_r_runs_on_the_tables(faces, tmp_path):
    rscript = shutil.which("Rscript")
    if rscript is None:
        pytest.skip("needs R with lme4")
    write_faces(faces, {"1": smiles(2, 4), "2": smiles(1, 9)}, TENTHS, "talk/other.mp4")
    assert summarize(faces, "--out", tmp_path / "tables").exit_code == 0
    text = (Path(__file__).parents[2] / "docs" / "video.md").read_text()
    example = text.split("```r\n")[1].split("```")[0]
    done = subprocess.run([rscript, "-e", example], cwd=tmp_path, capture_output=True, text=True, check=False)
    if "there is no package called" in done.stderr:
        pytest.skip("needs R with lme4")
    assert done.returncode == 0, done.stderr
    sums = [line.split()[1:] for line in done.stdout.splitlines()[1:]]
    assert ["talk/other.mp4", "2", "happiness", "8.0"] in sums


def test_a_table_of_an_earlier_version_is_read_and_photos_between_videos_are_left_out(faces, tmp_path):
    columns = faces.read_text().splitlines()[0].count(",")
    earlier = tmp_path / "earlier.csv"
    earlier.write_text(faces.read_text().replace("video,", "image,", 1))
    with faces.open("a") as file:
        file.write(",,,unreadable,cannot read talk/photo.jpg: not an image" + "," * (columns - 4) + "\n")
    for table in (faces, earlier):
        done = summarize(table, "--out", tmp_path / table.stem)
        assert done.exit_code == 0, done.output
        assert "videos: 1, people: 2" in done.output
        assert "photo.jpg" not in done.output
    new, old = (tmp_path / table.stem / "people.csv" for table in (faces, earlier))
    assert new.read_text() == old.read_text()


def test_a_video_that_could_not_be_read_is_named_and_not_counted(faces, tmp_path):
    columns = faces.read_text().splitlines()[0].count(",")
    with faces.open("a") as file:
        file.write("talk/broken.mp4,,,unreadable,cannot read talk/broken.mp4: not a video" + "," * (columns - 4) + "\n")
    done = summarize(faces, "--out", tmp_path / "tables")
    assert done.exit_code == 0, done.output
    assert "videos: 1, people: 2" in done.output
    told = "in no table: cannot read talk/broken.mp4: not a video"
    assert told in " ".join(done.output.split())
    again = write_faces(tmp_path / "again.csv", {"1": smiles(2, 4)}, TENTHS, "talk/broken.mp4")
    later = summarize(faces, again, "--out", tmp_path / "later").output
    assert "videos: 2, people: 3" in later
    assert told not in " ".join(later.split())
    assert set(pd.read_csv(tmp_path / "tables" / "people.csv")["video"]) == {"talk/clip.mp4"}


def test_files_of_an_earlier_summary_that_stay_are_named(faces, tmp_path):
    out, people = tmp_path / "tables", tmp_path / "people.csv"
    assert "from an earlier run" not in summarize(faces, "--out", out, "--format", "bids").output
    people.write_text("video,track,person\n,1,anna\n,2,ben\n")
    done = summarize(faces, "--out", out, "--format", "bids", "--people", people, "--force")
    assert done.exit_code == 0, done.output
    told = (
        "tables: 4 files from an earlier run, such as sub-1_task-clip_recording-expression_physio.json"  # of two people
    )
    assert told in " ".join(done.output.split())
