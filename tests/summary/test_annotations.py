"""Annotations keep the rules of the programs that read them."""

import re

import pytest

from ampnet.summary.annotations import Tier, bids_name, praat_document


@pytest.mark.parametrize("ticks", range(1, 40))
def test_an_interval_of_praat_ends_after_it_begins(ticks):
    step = 1 / 6
    to_the_end = Tier("1 happiness", [(0.0, (ticks - 1) * step + step, "happiness")])  # as episodes end
    document = praat_document([to_the_end], ticks * step).decode()
    spans = re.findall(r"intervals \[\d+\]:\n *xmin = ([\d.]+)\n *xmax = ([\d.]+)", document)
    assert spans == [("0.000000", f"{ticks / 6:.6f}")]


def test_people_and_videos_whose_names_are_alike_have_files_of_their_own():
    pairs = [("Ann", "a"), ("An n", "a"), ("Ann", "a."), ("李", "a"), ("王", "a"), ("?", "a"), ("!", "a"), ("Ann", "b")]
    pairs += [("ann", "a"), ("Ann", "clip one"), ("Ann", "clip-one"), ("An n", "clip-one")]
    names = bids_names(pairs)
    assert len({name.casefold() for name in names}) == len(pairs)
    assert all(re.fullmatch(r"sub-[A-Za-z0-9]+_task-[A-Za-z0-9]+_recording-expression_physio", name) for name in names)
    people = [name.partition("_")[0] for name in names]
    assert people[0] == people[2] == people[7] == people[9] == people[10] == "sub-Ann"  # in each video the same
    assert people[1] == people[11] == "sub-Annx2"
    assert bids_names([("王", "b")])[0].startswith("sub-738b_task-b_")


def bids_names(pairs):
    labels: tuple[dict[str, str], dict[str, str]] = {}, {}
    return [bids_name(person, video, *labels) for person, video in pairs]
