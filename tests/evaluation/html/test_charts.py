"""Charts are valid SVG, escape texts, and keep values inside their axes."""

from xml.etree import ElementTree

import pytest

from ampnet.evaluation.html.charts import Axis, Bar, Line, axis_around, chart

UNIT = Axis("x & <y>", 0, 1)


def shapes(drawn, tag):
    return [item for item in ElementTree.fromstring(drawn).iter() if item.tag == tag]


def test_texts_are_escaped():
    drawn = chart('a "b" <c>', UNIT, UNIT)
    assert ElementTree.fromstring(drawn).get("aria-label") == 'a "b" <c>'
    assert [item.text for item in shapes(drawn, "text")][-1] == "x & <y>"


def test_a_line_runs_from_the_lower_left_to_the_upper_right():
    drawn = chart("", UNIT, UNIT, [Line("l", [(0, 0), (1, 1)], "one", is_marked=True)])
    assert shapes(drawn, "polyline")[0].get("points") == "46.0,210.0 320.0,12.0"
    assert [item.findtext("title") for item in shapes(drawn, "circle")] == ["l: 0% - 0%", "l: 100% - 100%"]


def test_a_bar_stands_on_the_axis_with_its_whisker_and_values_outside_are_clipped():
    drawn = chart("", UNIT, UNIT, bars=[Bar(0.5, 0.6, 0.5, "half", (0.25, 7.0))])
    (bar,) = shapes(drawn, "rect")
    assert (bar.get("y"), bar.get("height")) == ("111.0", "99.0")
    whisker = next(item for item in shapes(drawn, "line") if item.get("class") == "whisker")
    assert (whisker.get("y1"), whisker.get("y2")) == ("160.5", "12.0")


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ((0.7, 0.725), ["70.0%", "71.0%", "72.0%", "73.0%", "74.0%"]),
        ((0.0, 0.287), ["0%", "10%", "20%", "30%", "40%"]),
        ((0.66, 0.86), ["60%", "70%", "80%", "90%", "100%"]),
        ((0.5, 0.5), ["50.0%", "51.0%", "52.0%", "53.0%", "54.0%"]),
        ((1.0, 1.0), ["96.0%", "97.0%", "98.0%", "99.0%", "100.0%"]),
        ((0.0, 1.0), ["0%", "25%", "50%", "75%", "100%"]),
    ],
)
def test_the_ticks_around_values_are_whole_percents(values, ticks):
    axis = axis_around("", values)
    assert [axis.text(value) for value in axis.ticks()] == ticks
    assert axis.low <= min(values) <= max(values) <= axis.high
