"""The pictures open, have something in them, and take any class names."""

import re
import warnings
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from ampnet.reports.figures import PAGE_COLORS, draw_confusion, draw_fusion, figures, inline_svg, save_figure
from tests.small_report import small_report

pytestmark = pytest.mark.slow

MATRIX = np.array([[30, 2, 1], [4, 9, 0], [0, 0, 0]])


def save_confusion(path, *what):
    save_figure(draw_confusion(*what), path)


def opened(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def test_confusion_is_darkest_on_a_perfect_diagonal(tmp_path):
    save_confusion(tmp_path / "deep" / "c.png", np.eye(3, dtype=np.int64) * 5, ["a", "b", "c"], "perfect")
    picture = opened(tmp_path / "deep" / "c.png")
    blue = (picture[..., 2] - picture[..., 0]) > 60  # the full colour of the map
    assert 0.1 < blue.mean() < 0.3  # a third of both panels, which fill some two thirds of the picture
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["c.png"]


@pytest.mark.parametrize("names", [["glücklich", "страх", "怒り"], ["$a^{", "b_$", "100%"]])
def test_any_class_names_are_drawn(tmp_path, names):
    save_confusion(tmp_path / "c.png", MATRIX, names, "a title with $ and _")
    assert opened(tmp_path / "c.png").std() > 10


def test_a_long_class_name_leaves_room_for_the_plot(tmp_path):
    names = ("a", "a_very_long_class_name_that_somebody_chose_for_the_study", "c")
    figure = figures(small_report([[30, 2, 1], [4, 9, 0], [0, 0, 0]], names))["classes"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_figure(figure, tmp_path / "classes.png")
    (axes,) = figure.axes
    legend = axes.get_legend().get_window_extent()
    assert legend.x1 <= figure.bbox.x1
    assert axes.bbox.width > figure.bbox.width / 2


def test_images_without_a_face_have_a_column(tmp_path):
    save_confusion(tmp_path / "without.png", MATRIX, ["a", "b", "c"], "t")
    save_confusion(tmp_path / "with.png", np.column_stack([MATRIX, [0, 5, 0]]), ["a", "b", "c"], "t")
    assert (tmp_path / "with.png").read_bytes() != (tmp_path / "without.png").read_bytes()


def a_report():
    return small_report([[30, 2, 1], [4, 9, 0], [0, 0, 0]], ("a", "怒り", "$c_"))


@pytest.fixture(scope="module")
def drawn_twice():
    return {round_: figures(a_report()) for round_ in ("first", "second")}


@pytest.mark.parametrize("name", ["confusion", "classes", "reliability", "risk_coverage", "fusion", "priors"])
def test_every_figure_of_a_report_is_a_picture_and_valid_svg_and_always_the_same(tmp_path, name, drawn_twice):
    for round_, drawn in drawn_twice.items():
        figure = drawn[name]
        save_figure(figure, tmp_path / round_ / f"{name}.svg")
    save_figure(drawn_twice["first"][name], tmp_path / "first" / f"{name}.png")
    assert opened(tmp_path / "first" / f"{name}.png").std() > 10
    root = ElementTree.parse(tmp_path / "first" / f"{name}.svg").getroot()
    assert root.tag.endswith("svg")
    first, second = (tmp_path / round_ / f"{name}.svg" for round_ in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()  # and so is what they show, in any form


def test_a_figure_within_a_page_is_one_svg_element_in_the_page_s_colours():
    text = inline_svg(draw_fusion(a_report().heads, "<b> & more"), 'a "b" <c>')
    root = ElementTree.fromstring(text)
    assert root.tag.endswith("svg")
    assert root.get("aria-label") == 'a "b" <c>'
    assert "<b> & more" in "".join(root.itertext())
    assert not re.search(r"<(script|style|metadata|g id)", text)
    assert set(re.findall(r"stroke: ([^;\"]+)", text)) <= {f"var(--{name})" for name in PAGE_COLORS.values()} | {"none"}


def test_what_was_not_measured_is_not_drawn():
    assert set(figures(small_report([[0, 0, 3], [0, 0, 1]], ("a", "b")))) == {
        "confusion",
        "classes",
        "fusion",
        "priors",
    }
