"""Series have even ticks, are smoothed without lag, and know a person's neutral."""

import numpy as np
import pytest

from ampnet.errors import DataError, UsageError
from ampnet.summary.faces_file import RunSettings, read_faces, read_people, write_settings
from ampnet.summary.series import series_of, smoothed, with_baselines
from tests.faces_tables import CLASSES, smiles, write_faces

TENTHS = [number / 10 for number in range(100)]


def series(path, people=None, rate=None, smooth=0.0):
    class_names, videos = read_faces([path], people or {})
    assert class_names == CLASSES
    return [one for video in videos for one in series_of(video, rate, smooth)]


def test_ticks_are_those_of_the_frames_unless_a_rate_is_given(tmp_path):
    path = write_faces(tmp_path / "faces.csv", {"1": smiles(2, 4)}, TENTHS)
    (one,) = series(path)
    assert one.step == pytest.approx(0.1)
    assert one.scores[:, 0].tolist() == [0.1] * 20 + [0.9] * 20 + [0.1] * 60
    (two,) = series(path, rate=2)
    assert two.seconds.tolist() == [number / 2 for number in range(20)]
    assert two.scores[:, 0].tolist() == [0.1] * 4 + [0.9] * 4 + [0.1] * 12


@pytest.mark.parametrize("count", [18, 19, 20, 24, 30, 60])
def test_every_frame_at_a_third_of_a_decimal_has_its_tick(tmp_path, count):
    path = write_faces(tmp_path / "faces.csv", {"1": smiles((count - 1) / 6, 99)}, [n / 6 for n in range(count)])
    (one,) = series(path)
    assert one.scores[:, 0].tolist() == [0.1] * (count - 1) + [0.9]


def test_the_last_tick_is_kept_whose_frame_comes_before_it(tmp_path):
    # Those of 29 frames, 0.1 s apart, that are nearest to the sixths of a second; the last is 17 sixths, 2.833 s.
    tenths = [0, 2, 3, 5, 7, 8, 10, 12, 13, 15, 17, 18, 20, 22, 23, 25, 27, 28]
    path = with_rate(write_faces(tmp_path / "faces.csv", {"1": smiles(2.75, 9)}, [tenth / 10 for tenth in tenths]), 6.0)
    (one,) = series(path)
    assert one.seconds == pytest.approx([sixth / 6 for sixth in range(18)])
    assert one.scores[:, 0].tolist() == [0.1] * 17 + [0.9]


def test_a_part_that_is_shorter_than_a_tick_has_one(tmp_path):
    (one,) = series(write_faces(tmp_path / "part.csv", {"1": smiles(0, 9)}, [0.6, 0.7, 0.8, 0.9]), rate=1)
    assert (one.seconds.tolist(), one.scores[:, 0].tolist()) == ([1.0], [0.9])


def with_rate(path, rate):
    write_settings(RunSettings(ampnet="1", model="m", sha256="0", rate=rate), path)
    return path


def test_ticks_are_those_that_predict_was_asked_for(tmp_path):
    uneven = [0.0, 0.03, 0.04, 0.24, 0.25, 0.45, 0.46, 0.66, 0.85, 1.0, 1.03]
    path = with_rate(write_faces(tmp_path / "faces.csv", {"1": smiles(0, 9)}, uneven), 6.0)
    (one,) = series(path)
    assert one.step == pytest.approx(1 / 6)
    assert one.is_seen.all()  # a face is in every frame
    slow = with_rate(write_faces(tmp_path / "slow.csv", {"1": smiles(0, 9)}, range(5)), 6.0)
    assert series(slow)[0].step == 1  # the video has no more frames
    single = with_rate(write_faces(tmp_path / "single.csv", {"1": smiles(0, 9)}, [0.0]), 6.0)
    assert series(single)[0].step == pytest.approx(1 / 6)


def test_the_order_of_rows_and_what_separates_cells_do_not_matter(tmp_path):
    path = write_faces(tmp_path / "faces.csv", {"1": smiles(2, 4), "2": smiles(5, 6)}, TENTHS)
    header, *rows = path.read_text().splitlines()
    sorted_by_track = sorted(rows, key=lambda row: row.rsplit(",", 1)[1])
    assert sorted_by_track != rows
    other = tmp_path / "sorted.csv"
    other.write_text("\n".join([header, *sorted_by_track]).replace(",", "\t"))
    for one, same in zip(series(path), series(other), strict=True):
        assert np.array_equal(one.scores, same.scores)


def test_what_was_not_seen_and_what_was_not_watched_is_empty(tmp_path):
    path = write_faces(tmp_path / "faces.csv", {"1": smiles(2, 4, gap=(6, 7))}, TENTHS)
    assert np.flatnonzero(~series(path)[0].is_seen).tolist() == list(range(60, 70))
    paused = write_faces(tmp_path / "paused.csv", {"1": smiles(2, 4)}, [t + 5 * (t >= 3) for t in TENTHS])
    assert np.flatnonzero(~series(paused)[0].is_seen).tolist() == list(range(30, 80))


@pytest.mark.parametrize("times", [[60.0, 60.5, 61.0], [60.0], [60.2, 60.4, 60.6, 60.8]])
def test_the_time_before_the_first_classified_frame_was_not_watched(tmp_path, times):
    (one,) = series(write_faces(tmp_path / "from_60.csv", {"1": smiles(0, 99)}, times))
    assert one.is_seen.all()
    assert one.seconds.tolist() == pytest.approx(times, abs=0.001)


@pytest.mark.parametrize("pause", [40, 300])
def test_frames_that_are_minutes_apart_have_a_tick_each(tmp_path, pause):
    (one,) = series(write_faces(tmp_path / "faces.csv", {"1": smiles(0, 9)}, [0, pause, 2 * pause, 3 * pause]))
    assert one.scores[:, 0].tolist() == [0.9, 0.1, 0.1, 0.1]
    assert one.step == pytest.approx(pause, rel=0.002)


def test_smoothing_is_symmetric_in_time():
    seconds = np.arange(0, 10, 0.1)
    scores = np.where((seconds >= 4) & (seconds < 6), 1.0, 0.0)[:, None]
    found = smoothed(seconds, scores, 1.0)[:, 0]
    assert found == pytest.approx(found[::-1], abs=1e-9)
    assert found[40] == pytest.approx(0.5, abs=0.05)  # the edge stays where it was
    # A single peak: half a width away, its smoothed height is half of what it is in the middle.
    peak = smoothed(seconds, (seconds == seconds[50]).astype(float)[:, None], 1.0)[:, 0]
    assert peak[45] / peak[50] == pytest.approx(0.5, abs=1e-6)


def test_smoothing_leaves_gaps_open():
    seconds = np.arange(0, 2, 0.1)
    scores = np.where((seconds > 0.95) & (seconds < 1.25), np.nan, 0.4)[:, None]
    assert np.isnan(smoothed(seconds, scores, 0.5)[:, 0]).sum() == 3


def test_a_baseline_is_the_median_of_a_person_s_seconds_or_of_a_video(tmp_path):
    path = write_faces(tmp_path / "faces.csv", {"1": smiles(0, 8)}, TENTHS)
    write_faces(path, {"1": lambda _: (0.2, 0.1, 0.7)}, TENTHS, video="rest/calm.mp4")
    found = series(path)
    calm = (("8.5-9.5", 0.1), ("calm.mp4", 0.2), ("rest/calm.mp4", 0.2))
    for baseline, expected in (("median", 0.9), ("7.9-8", 0.9), *calm):  # 8 is calm
        assert with_baselines(found[:1] + found[1:], baseline)[0].baseline[0] == pytest.approx(expected)
    with pytest.raises(UsageError, match="neither median, nor seconds such as 0-10, nor one of the videos"):
        with_baselines(found, "nothing.mp4")
    with pytest.raises(UsageError, match="was not seen there"):
        with_baselines(found, "100-200")
    with pytest.raises(UsageError, match="--baseline 5-2 ends before it begins; write 2-5"):
        with_baselines(found, "5-2")
    with pytest.raises(UsageError, match="--baseline 5-5 covers no time; write 5-15"):
        with_baselines(found, "5-5")


def test_a_file_names_people_and_joins_tracks(tmp_path):
    path = write_faces(tmp_path / "faces.csv", {"1": smiles(2, 4, gap=(5, 10)), "2": smiles(2, 4, gap=(0, 5))}, TENTHS)
    assert [one.person for one in series(path)] == ["1", "2"]
    (tmp_path / "who.csv").write_text("video,track,person\nclip.mp4,1,Ada\nclip.mp4,2,Ada\n")
    (ada,) = series(path, read_people(tmp_path / "who.csv"))
    assert ada.person == "Ada"
    assert ada.is_seen.all()
    (tmp_path / "who.csv").write_text("track,person\n1,Ada\n1,Bo\n")
    with pytest.raises(DataError, match=r"who\.csv, line 3: track '1' is named twice"):
        read_people(tmp_path / "who.csv")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("clip.mp4,3,0.3", "clip.mp4,3,nan"), r"line 5: expected a number from 0"),
        (lambda text: text.replace("clip.mp4,3,0.3", "clip.mp4,3,0.1"), r"line 5: time goes backwards"),
        (lambda text: text.replace("clip.mp4,3,0.3", "clip.mp4,,"), None),
        (lambda text: text.replace("score_", "p_"), r"no columns score_<class>"),
        (lambda text: text.splitlines()[0], r"holds no frames of videos"),
        (lambda text: text.replace(",track", ",person of interest"), None),
    ],
)
def test_a_table_that_cannot_be_used_is_one_line_with_the_place(tmp_path, change, message):
    path = write_faces(tmp_path / "faces.csv", {"1": smiles(2, 4)}, TENTHS)
    path.write_text(change(path.read_text()))
    if message is None:
        assert len(series(path)) == 1
        return
    with pytest.raises(DataError, match=message) as told:
        series(path)
    assert "\n" not in str(told.value)


def test_two_faces_in_a_frame_need_tracks(tmp_path):
    path = write_faces(tmp_path / "faces.csv", {"1": smiles(2, 4), "2": smiles(2, 4)}, TENTHS)
    path.write_text(path.read_text().replace(",track", ",other"))
    with pytest.raises(DataError, match="nothing tells who is who"):
        series(path)
