"""Episodes for the programs in which people annotate videos: ELAN and Praat; and time series for BIDS."""

import gzip
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from ampnet.files.printable import one_line
from ampnet.summary.series import Episode, Series

_SCHEMA = "{http://www.w3.org/2001/XMLSchema-instance}noNamespaceSchemaLocation"
_ELAN_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"

_SHORTEST = 1e-6
"""Seconds; times differ by less where they are the same but for rounding, and an interval needs a length."""

UNSEEN = "not seen"
"""Labels the times at which a face was not seen."""


@dataclass(frozen=True)
class Tier:
    """One lane of annotations that do not overlap: start, end (seconds) and label of each."""

    name: str
    spans: list[tuple[float, float, str]]


def tiers_of(series: Sequence[Series], episodes: Iterable[Episode]) -> list[Tier]:
    """Make the lanes of a video: one for each person and expression that was shown, and one for each person's absence.

    Two expressions of one person may overlap, so each has its own lane.
    """
    tiers: dict[str, list[tuple[float, float, str]]] = {}
    for episode in episodes:
        name = f"{one_line(episode.person)} {one_line(episode.expression)}"
        tiers.setdefault(name, []).append((episode.onset, episode.offset, one_line(episode.expression)))
    for one in series:
        edges = one.seconds[0] + one.step * np.flatnonzero(np.diff(np.concatenate([[0], ~one.is_seen, [0]])))
        spans = [(start, end, UNSEEN) for start, end in zip(edges[::2], edges[1::2], strict=True)]
        tiers[f"{one_line(one.person)} {UNSEEN}"] = [(float(start), float(end), label) for start, end, label in spans]
    return [Tier(name, sorted(spans)) for name, spans in sorted(tiers.items())]


def elan_document(video: str, tiers: Sequence[Tier]) -> bytes:
    """Return an ELAN annotation document (.eaf) as XML; times are whole milliseconds."""
    created = datetime.now(timezone.utc).isoformat(timespec="seconds")
    about = {"AUTHOR": "ampnet", "DATE": created, "FORMAT": "3.0", "VERSION": "3.0", _SCHEMA: _ELAN_SCHEMA}
    root = ElementTree.Element("ANNOTATION_DOCUMENT", about)
    header = ElementTree.SubElement(root, "HEADER", MEDIA_FILE="", TIME_UNITS="milliseconds")
    url = Path(one_line(video)).name
    ElementTree.SubElement(header, "MEDIA_DESCRIPTOR", MEDIA_URL=url, RELATIVE_MEDIA_URL=url, MIME_TYPE="video/mp4")
    order = ElementTree.SubElement(root, "TIME_ORDER")
    slots = annotations = 0
    for tier in tiers:
        lane = ElementTree.SubElement(root, "TIER", LINGUISTIC_TYPE_REF="default-lt", TIER_ID=tier.name)
        for start, end, label in tier.spans:
            places = []
            for seconds in (start, end):
                slots += 1
                places.append(f"ts{slots}")
                value = str(round(seconds * 1000))
                ElementTree.SubElement(order, "TIME_SLOT", TIME_SLOT_ID=places[-1], TIME_VALUE=value)
            annotations += 1
            ElementTree.SubElement(
                ElementTree.SubElement(
                    ElementTree.SubElement(lane, "ANNOTATION"),
                    "ALIGNABLE_ANNOTATION",
                    ANNOTATION_ID=f"a{annotations}",
                    TIME_SLOT_REF1=places[0],
                    TIME_SLOT_REF2=places[1],
                ),
                "ANNOTATION_VALUE",
            ).text = label
    ElementTree.SubElement(
        root, "LINGUISTIC_TYPE", GRAPHIC_REFERENCES="false", LINGUISTIC_TYPE_ID="default-lt", TIME_ALIGNABLE="true"
    )
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def praat_document(tiers: Sequence[Tier], seconds: float) -> bytes:
    """Return a Praat TextGrid in its long form; the times between annotations have an empty label.

    Args:
        seconds: length of the video.
    """
    end_of_all = max([seconds, *(end for tier in tiers for _, end, _ in tier.spans)])
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {end_of_all:.6f}"]
    lines += ["tiers? <exists>", f"size = {len(tiers)}", "item []:"]
    for number, tier in enumerate(tiers, start=1):
        spans: list[tuple[float, float, str]] = []
        last = 0.0
        for start, end, label in tier.spans:
            spans += [(last, start, "")] if start > last else []
            spans.append((start, end, label))
            last = end
        spans += [(last, end_of_all, "")] if end_of_all - last > _SHORTEST else []
        lines += [f"    item [{number}]:", '        class = "IntervalTier"', f'        name = "{_quoted(tier.name)}"']
        lines += ["        xmin = 0", f"        xmax = {end_of_all:.6f}", f"        intervals: size = {len(spans)}"]
        for place, (start, end, label) in enumerate(spans, start=1):
            lines += [
                f"        intervals [{place}]:",
                f"            xmin = {start:.6f}",
                f"            xmax = {end:.6f}",
            ]
            lines += [f'            text = "{_quoted(label)}"']
    return ("\n".join(lines) + "\n").encode()


Labels = dict[str, str]
"""By each label in small letters, as some file systems ignore case: the name that it stands for."""


def bids_name(person: str, video: str, people: Labels, tasks: Labels) -> str:
    """Name the files of a person in a video, without their extension, as BIDS does.

    Args:
        people: labels given to people so far, to which this one's is added: a person has the same one in each video ...
        tasks: ... and those given to videos.
    """
    return f"sub-{_label(person, people)}_task-{_label(video, tasks)}_recording-expression_physio"


def _label(name: str, taken: Labels) -> str:
    """Return a name in letters and digits that stands for no other name.

    Letters that are not English become their hexadecimal numbers in Unicode; a name whose label is taken gets a number.
    """
    plain = re.sub(r"[^A-Za-z0-9]", lambda one: f"{ord(one[0]):x}" if one[0].isalnum() else "", name)[:80] or "x"
    label, number = plain, 1
    while taken.setdefault(label.casefold(), name) != name:
        number += 1
        label = f"{plain}x{number}"
    return label


def bids_table(series: Series) -> bytes:
    """Return a table of probabilities without header, compressed; ``n/a`` where the face was not seen."""
    rows = ["\t".join("n/a" if np.isnan(score) else f"{score:.6f}" for score in scores) for scores in series.scores]
    return gzip.compress(("\n".join(rows) + "\n").encode(), mtime=0)


def bids_sidecar(series: Series, class_names: Sequence[str]) -> bytes:
    """Return the description of such a table."""
    columns = [one_line(name) for name in class_names]
    described: dict[str, Any] = {name: {"Description": f"probability of {name}", "Units": "1"} for name in columns}
    start = round(float(series.seconds[0]), 6)
    about = {"SamplingFrequency": round(1 / series.step, 6), "StartTime": start, "Columns": columns}
    return (json.dumps(about | described, indent=2, ensure_ascii=False) + "\n").encode()


def _quoted(text: str) -> str:
    return text.replace('"', '""')
