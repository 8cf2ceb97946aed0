"""The pictures of a summary, and of a video's timeline: any name is drawn; and cells without a number."""

import warnings

import numpy as np
import pytest

from ampnet.detection.face import Face
from ampnet.results.face_prediction import FacePrediction
from ampnet.results.timeline import Timeline
from ampnet.summary.outputs import draw_lanes, people_table, series_table
from ampnet.summary.series import Series

FORMULA, FOREIGN = "$x_$", "\N{CJK UNIFIED IDEOGRAPH-559C}"
"""What matplotlib takes for a formula, a wrong one; and what its font lacks."""


@pytest.mark.parametrize("name", [FORMULA, FOREIGN])
def test_names_of_videos_people_and_classes_are_drawn_whatever_they_are(name):
    ticks = np.arange(3) / 10
    series = Series(name, name, 0.1, ticks, np.full((3, 2), 0.5), np.ones(3, bool))
    face = Face(np.zeros(4, np.float32), 0.9, np.zeros((5, 2), np.float32))
    timeline = Timeline()
    for seconds in ticks:
        timeline.add(seconds, [FacePrediction(face, name, 0.5, {name: 0.5, "other": 0.5}, track=1)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert draw_lanes([series], [name, "other"]).startswith(b"\x89PNG")
        assert timeline.plot(f"{name}.mp4").std() > 0


def test_someone_seen_at_no_tick_has_no_scores_no_shares_and_no_means():
    unseen = np.full((3, 2), np.nan)
    series = Series("clip", "1", 0.1, np.arange(3) / 10, unseen, np.zeros(3, bool), baseline=np.array([0.5, 0.5]))
    _header, row = people_table([series], ["joy", "other"], [])
    assert row == "clip,1,0.300,0.000,0.300,0.000,,,,,0,0,,\n"
    assert list(series_table([series], ["joy", "other"]))[1] == "clip,1,0.000,0,,,,\n"
