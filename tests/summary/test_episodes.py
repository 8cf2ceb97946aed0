"""Episodes follow the stated rule: thresholds with hysteresis, bridged gaps, a shortest duration."""

import numpy as np
import pytest

from ampnet.summary.series import EpisodeRule, Series, find_episodes

RULE = EpisodeRule(on=0.5, off=0.35, bridge=0.2, shortest=0.3)


def episodes(values, rule=RULE, step=0.1):
    scores = np.array([values, [0.0] * len(values)]).T
    series = Series("a", "1", step, np.arange(len(values)) * step, scores, np.ones(len(values), bool))
    return [
        (round(one.onset, 3), round(one.apex, 3), round(one.offset, 3), one.peak)
        for one in find_episodes(series, ("smile", "other"), rule)
    ]


def test_it_begins_at_the_upper_threshold_and_ends_below_the_lower_one():
    assert episodes([0.1, 0.4, 0.5, 0.8, 0.4, 0.36, 0.34, 0.4]) == [(0.2, 0.3, 0.6, 0.8)]


def test_what_never_reaches_the_upper_threshold_is_none():
    assert episodes([0.49] * 20) == []


def test_short_gaps_are_bridged_and_longer_ones_are_not():
    assert episodes([0.9, 0.9, 0.0, 0.0, 0.8, 0.8]) == [(0.0, 0.0, 0.6, 0.9)]
    assert episodes([0.9] * 3 + [0.0] * 3 + [0.8] * 3) == [(0.0, 0.0, 0.3, 0.9), (0.6, 0.6, 0.9, 0.8)]


def test_an_absence_ends_an_episode_unless_it_is_bridged():
    nan = np.nan
    assert episodes([0.9, 0.9, 0.9, nan, nan, 0.8, 0.8, 0.8]) == [(0.0, 0.0, 0.8, 0.9)]
    assert episodes([0.9, 0.9, 0.9, nan, nan, nan, 0.4, 0.4]) == [(0.0, 0.0, 0.3, 0.9)]


def test_short_episodes_are_left_out_after_bridging():
    values = [0.9, 0.9, 0.0, 0.0, 0.0, 0.9, 0.0, 0.9, 0.0, 0.0, 0.0, 0.9]
    assert episodes(values) == [(0.5, 0.5, 0.8, 0.9)]


@pytest.mark.parametrize("step", [1 / 6, 1 / 30])
def test_thresholds_of_time_hold_at_any_rate(step):
    count = round(0.3 / step + 0.5)
    assert len(episodes([0.9] * count, step=step)) == 1
    assert len(episodes([0.9] * (round(0.3 / step) - 1), step=step)) == 0
