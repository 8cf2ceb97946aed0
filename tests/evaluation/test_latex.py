"""The table for a paper."""

import re

from ampnet.evaluation.latex import escape, latex_table
from tests.small_report import small_report


def test_text_of_others_is_escaped_and_stays_on_its_line():
    assert escape(r"50% of {a_b} & c~d^e\f #1 $2") == (
        r"50\% of \{a\_b\} \& c\textasciitilde{}d\textasciicircum{}e\textbackslash{}f \#1 \$2"
    )
    assert "\n" not in escape("two\nlines")


def test_the_table_has_a_row_for_each_class_and_each_score():
    table = latex_table(small_report([[3, 1, 0], [0, 4, 2]], ("anger", "fear"), with_votes=True))
    lines = table.splitlines()
    assert lines[0] == "% ampnet eval run/best.pt"
    assert r"    Class & Images & Undetected & Recall & Precision & F1 \\" in lines
    assert r"    fear & 6 & 2 & 66.7 {\scriptsize[30.0, 90.3]} & 80.0 {\scriptsize[37.6, 96.4]} & " in table
    assert r"    \multicolumn{5}{l}{Accuracy} & 70.0 {\scriptsize[39.7, 89.2]} \\" in lines
    assert "10 images, 2 of them without a prediction and counted as errors" in table


def test_braces_and_environments_are_balanced_and_every_row_has_all_cells():
    table = latex_table(small_report([[3, 1, 0], [0, 0, 0]], ("a & b", "100%")))
    assert table.count("{") - table.count(r"\{") == table.count("}") - table.count(r"\}")
    assert re.findall(r"\\(begin|end)\{(\w+)\}", table) == [
        ("begin", "table"),
        ("begin", "tabular"),
        ("end", "tabular"),
        ("end", "table"),
    ]
    rows = [line for line in table.splitlines() if line.endswith(r"\\")]
    spans = [sum(int(span) - 1 for span in re.findall(r"multicolumn\{(\d)", row)) for row in rows]
    cells = [len(re.findall(r"(?<!\\)&", row)) + 1 + span for row, span in zip(rows, spans, strict=True)]
    assert set(cells) == {5}
    assert r"    100\% & 0 & -- & 0.0 {\scriptsize[0.0, 79.3]} & -- \\" in table  # one image was called so, wrongly
