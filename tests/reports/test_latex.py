"""Tables for papers: everything is escaped, and LaTeX can read it."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ampnet.evaluation.comparison import image_sets
from ampnet.reports.latex import comparison_latex, escape, evaluation_latex, latex_table, short_name
from tests.small_report import small_report, small_table

ABOUT = {"data": "/data/fer_2013", "split": "test", "command": "ampnet compare a b", "versions": {"ampnet": "1"}}


def is_balanced(text):
    bare = text.replace(r"\{", "").replace(r"\}", "")
    begun = [name for end, name in re.findall(r"\\(begin|end)\{(\w+)\}", text) if end == "begin"]
    ended = [name for end, name in re.findall(r"\\(begin|end)\{(\w+)\}", text) if end == "end"]
    return bare.count("{") == bare.count("}") and sorted(begun) == sorted(ended)


def cells_of_rows(text):
    """Count the cells of every row of each tabular."""
    tables = re.findall(r"\\begin\{tabular\}.*?\\end\{tabular\}", text, flags=re.S)
    rows = [[line for line in table.splitlines() if line.endswith(r"\\")] for table in tables]
    return [{len(re.findall(r"(?<!\\)&", row)) + 1 for row in of_table} for of_table in rows]


def test_text_of_others_is_escaped_and_stays_on_its_line():
    assert escape(r"50% of {a_b} & c~d^e\f #1 $2") == (
        r"50\% of \{a\_b\} \& c\textasciitilde{}d\textasciicircum{}e\textbackslash{}f \#1 \$2"
    )
    assert escape("p < 0.1 | >") == r"p \textless{} 0.1 \textbar{} \textgreater{}"  # else inverted ! and ?, a dash
    assert "\n" not in escape("two\nlines")
    caption = "100 images, 1 of them without a prediction. " * 9
    assert escape(caption) == caption  # whole


def test_a_row_that_begins_with_a_bracket_is_no_argument_of_the_one_above():
    table = latex_table([pd.DataFrame({"age": ["[0, 20)", "[20, 40)"], "Images": ["1", "2"]})], "", "", "")
    assert r"{[}20, 40) & 2 \\" in table


def test_headings_cells_and_caption_are_escaped_and_the_command_is_a_comment():
    table = latex_table([pd.DataFrame({"a_b": ["50% [40, 60]", "-"]})], "of {x}", "ampnet eval 'a\nb'", "1.0")
    assert table.splitlines()[0] == "% ampnet eval 'a b'"
    for part in (r"a\_b \\", r"50\% {\scriptsize[40, 60]} \\", r"-- \\", r"\caption{of \{x\}}", r"\toprule"):
        assert part in table
    assert is_balanced(table)


def test_an_evaluation_has_a_row_for_each_class_and_each_number():
    table = evaluation_latex(small_report([[3, 1, 0], [0, 4, 2]], ("anger", "fear"), with_votes=True))
    lines = table.splitlines()
    assert lines[0] == "% ampnet eval run/best.pt"
    assert r"Class & Images & Undetected & Recall & Precision & F1 \\" in lines
    assert r"fear & 6 & 2 & 66.7 {\scriptsize[30.0, 90.3]} & 80.0 {\scriptsize[37.6, 96.4]} & " in table
    assert r"Accuracy & 70.0 {\scriptsize[39.7, 89.2]} \\" in lines
    assert "run on the test split of data: 10 images, 2 of them without a prediction and counted as errors" in table


def test_a_class_without_images_and_odd_names_leave_every_row_whole():
    table = evaluation_latex(small_report([[3, 1, 0], [0, 0, 0]], ("a & b", "100%")))
    assert is_balanced(table)
    assert cells_of_rows(table) == [{5}, {2}]
    assert r"100\% & 0 & -- & 0.0 {\scriptsize[0.0, 79.3]} & -- \\" in table  # one image was called so, wrongly


def test_a_comparison_has_the_scores_of_each_model_and_the_paired_differences():
    images = small_table([[50, 50, 0], [0, 100, 0]], ("anger", "fear")).images
    worse = small_table([[50, 50, 0], [0, 100, 0]], ("anger", "fear")).answers
    sets = image_sets(images, [worse[None], images.labels[None]])
    table = comparison_latex(sets, {"A": "run_1", "B": "bundled"}, ABOUT)
    assert is_balanced(table)
    assert cells_of_rows(table) == [{5}, {5}]
    assert r"\caption{A: run\_1; B: bundled, on the test split of fer\_2013." in table
    assert r"all images & 200 & A & 75.0 {\scriptsize[" in table
    assert r"all images & 200 & B & 100.0 {\scriptsize[" in table
    assert r"all images & B - A & +25.0 {\scriptsize[+" in table
    assert r"& \textless{} 0.0001 \\" in table  # fifty images that only one classifies correctly: 2 / 2^50


def test_several_seeds_have_a_mean_and_a_deviation():
    images = small_table([[50, 50, 0], [0, 100, 0]], ("anger", "fear")).images
    worse = small_table([[50, 50, 0], [0, 100, 0]], ("anger", "fear")).answers
    sets = image_sets(images, [np.stack([worse, images.labels]), images.labels[None]])
    assert "A & 87.5 ± 17.7 &" in comparison_latex(sets, {"A": "a", "B": "b"}, ABOUT)  # 75 and 100


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("checkpoint/run1/best.pt", "run1"),
        ("checkpoint/run1/last.pt", "run1/last"),
        ("answers/rival.csv", "rival"),
    ],
)
def test_captions_name_the_run(path, name):
    assert short_name(Path(path)) == name
