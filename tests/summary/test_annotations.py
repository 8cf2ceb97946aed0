"""Annotations keep the rules of the programs that read them."""

import re

import pytest

from ampnet.summary.annotations import Tier, praat_document


@pytest.mark.parametrize("ticks", range(1, 40))
def test_an_interval_of_praat_ends_after_it_begins(ticks):
    step = 1 / 6
    to_the_end = Tier("1 happiness", [(0.0, (ticks - 1) * step + step, "happiness")])  # as episodes end
    document = praat_document([to_the_end], ticks * step).decode()
    spans = re.findall(r"intervals \[\d+\]:\n *xmin = ([\d.]+)\n *xmax = ([\d.]+)", document)
    assert spans == [("0.000000", f"{ticks / 6:.6f}")]
