"""A frame's time is its own, and the frames nearest to the ticks of a rate are asked for."""

from fractions import Fraction
from itertools import accumulate

import numpy as np
import pytest

from ampnet.reading.video import open_video
from ampnet.reading.video_clock import Clock, Sampling, is_sampled
from tests.clips import frames_of, write_timed

RANDOM = np.random.default_rng(1)
TIMES = {
    "25 a second": [i / 25 for i in range(20)],
    "30000/1001 a second": [i * 1001 / 30_000 for i in range(20)],
    "120 a second": [i / 120 for i in range(20)],
    "uneven, as of a browser": [0.0, *accumulate(RANDOM.choice([33, 34, 40, 66, 100, 120], 19) / 1000)],
    "frames dropped": [i / 30 for i in range(40) if i % 7 not in (2, 3)],
    "a pause of three seconds": [i / 30 + 3 * (i >= 10) for i in range(20)],
    "slower in dim light": [i / 30 for i in range(15)] + [0.5 + i / 10 for i in range(10)],
    "slow motion in the middle": [i / 30 for i in range(10)] + [1 / 3 + i / 4 for i in range(6)] + [1.9, 1.95, 2.0],
    "a start offset": [100 + i / 25 for i in range(20)],
}
CONTAINERS = {
    "mp4": ("libx264", Fraction(1, 90_000), None),
    "mkv": ("libx264", Fraction(1, 1000), None),
    "webm": ("libvpx", Fraction(1, 1000), {"live": "1"}),  # no duration, as browsers record
    "ts": ("libx264", Fraction(1, 90_000), None),
}


def image(number):
    """A grey that tells frames apart."""
    return np.full((48, 64, 3), 40 + 8 * (number % 20), np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize("extension", CONTAINERS)
@pytest.mark.parametrize("kind", TIMES)
def test_times_are_those_that_were_written(tmp_path, kind, extension):
    written = TIMES[kind]
    codec, unit, options = CONTAINERS[extension]
    images = [image(number) for number in range(len(written))]
    clip = write_timed(tmp_path / f"clip.{extension}", written, images, codec, unit, container_options=options)
    found = frames_of(clip)
    assert [frame.seconds for frame in found] == pytest.approx([time - written[0] for time in written], abs=0.001)
    assert [round((frame.image.mean() - 40) / 8) for frame in found] == [number % 20 for number in range(len(written))]


@pytest.mark.slow
def test_the_first_frame_says_where_it_is_on_the_clock_of_the_sound(tmp_path):
    clip = write_timed(tmp_path / "clip.mkv", [1.5, 1.6], [image(0), image(1)], time_base=Fraction(1, 1000))
    with open_video(clip) as video:
        assert video.info.start == pytest.approx(1.5)


@pytest.mark.slow
def test_a_rate_asks_for_the_frames_nearest_to_its_ticks(tmp_path):
    clip = write_timed(tmp_path / "clip.mp4", TIMES["slower in dim light"], [image(i) for i in range(25)])
    found = frames_of(clip, sampling=Sampling(rate=6))
    # Ticks at 0, 1/6, 2/6 ...; frames of the second half at 0.5, 0.6 ...: 0.667 is nearest to 0.7, 0.833 to 0.8.
    nearest = [0, 5 / 30, 10 / 30, 0.5, 0.7, 0.8, 1.0, 1.2, 1.3]
    assert [frame.seconds for frame in found] == pytest.approx(nearest, abs=0.001)


def asked(times, rate):
    neighbours = zip([None, *times[:-1]], times, [*times[1:], None], strict=True)
    return [i for i, (before, now, after) in enumerate(neighbours) if is_sampled(i, before, now, after, 1, rate)]


def test_no_tick_within_a_pause_asks_for_a_frame_twice():
    assert asked([0.0, 0.1, 5.0, 5.1], rate=2) == [0, 1, 2]  # the ticks up to 2.5 are nearer to 0.1


def test_a_rate_beyond_that_of_the_video_asks_for_every_frame():
    assert asked([i / 25 for i in range(50)], rate=30) == list(range(50))


def test_each_tick_asks_for_one_frame_of_an_even_video():
    assert asked([i / 30 for i in range(90)], rate=10) == list(range(0, 90, 3))


def test_times_never_step_back():
    clock = Clock(step=0.04)
    assert [clock.seconds(stamp) for stamp in (7.0, 7.04, 7.02, 7.08)] == pytest.approx([0, 0.04, 0.04, 0.08])


def test_joined_recordings_follow_one_another():
    clock = Clock(step=0.04)
    assert [clock.seconds(stamp) for stamp in (5.0, 7.0, 0.0, 0.5)] == pytest.approx([0, 2, 2.04, 2.54])


def test_a_frame_without_a_time_stamp_follows_by_one_step():
    clock = Clock(step=0.04)
    assert [clock.seconds(stamp) for stamp in (None, None, 0.1)] == pytest.approx([0, 0.04, 0.1])
