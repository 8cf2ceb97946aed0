"""`ampnet summarize`: from tables of faces to series, people, episodes, annotations, pictures and a methods section."""

import os
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ampnet.files.documents import listed
from ampnet.files.printable import MAX_NAME, counted, one_line, printable, shortened
from ampnet.files.writing import atomic_write, make_folder, refuse_inputs, refuse_overwrite
from ampnet.settings.summary import SummarizeConfig
from ampnet.summary.annotations import (
    Labels,
    bids_name,
    bids_sidecar,
    bids_table,
    elan_document,
    praat_document,
    tiers_of,
)
from ampnet.summary.faces_file import RunSettings, Video, read_faces, read_people, read_settings
from ampnet.summary.outputs import draw_lanes, episodes_table, methods_text, people_table, series_table
from ampnet.summary.series import Episode, EpisodeRule, Series, count_people, find_episodes, series_of, with_baselines

HELD = 0.5
"""A baseline with an expression of this probability is a held expression rather than a neutral face."""


@dataclass(frozen=True)
class Summary:
    """What was written."""

    folder: Path
    videos: int
    people: int
    episodes: int
    files: list[Path]
    warnings: list[str]


def run(config: SummarizeConfig) -> Summary:
    """Summarize tables of faces.

    Raises:
        DataError: a table cannot be used, or a file not be written.
        UsageError: a file exists already, or the baseline does not fit.
    """
    people = {} if config.people is None else read_people(config.people)
    class_names, found = read_faces(config.tables, people)
    videos = [video for video in found if video.seconds.size]
    series = [one for video in videos for one in series_of(video, config.rate, config.smooth)]
    if config.baseline is not None:
        series = with_baselines(series, config.baseline)
    rule = EpisodeRule(config.on, config.off, config.bridge, config.shortest)
    episodes = [episode for one in series for episode in find_episodes(one, class_names, rule)]
    settings = [read_settings(table) for table in config.tables]
    methods = methods_text(videos, series, episodes, rule, settings[0], config.smooth, config.baseline)

    contents = {
        "series.csv": _text(series_table(series, class_names)),
        "people.csv": _text(people_table(series, class_names, episodes)),
        "episodes.csv": _text(episodes_table(episodes)),
        "methods.txt": methods.encode(errors="backslashreplace"),
    }
    labels: tuple[Labels, Labels] = {}, {}
    shown: dict[str, list[Episode]] = {}
    for episode in episodes:
        shown.setdefault(episode.video, []).append(episode)
    for name, own in _by_video(series):
        contents |= _files_of(name, own, shown.get(own[0].video, []), class_names, config, *labels)
    refuse_inputs((config.out / name for name in contents), (*config.tables, config.people))
    is_again = (config.out / "series.csv").exists()
    targets = {name: refuse_overwrite(config.out / name, config.force) for name in contents}
    make_folder(config.out)
    for name, content in contents.items():
        with atomic_write(targets[name]) as aside:
            aside.write_bytes(content)
    known = {(name, track) for one in videos for name in one.names for track in one.tracks}
    unknown = [
        f"{printable(config.people or '')}: no table has track {printable(track)} of {printable(video or 'any video')}"
        for video, track in people
        if (video, track) not in known
    ]
    told_apart = _people_of_baseline(series, config.baseline)
    if "bids" in config.formats:
        told_apart += _people_of_bids(series)
    stale = _not_of_this_run(config.out, contents) if is_again else []
    warnings = unknown + stale + _differing(settings) + told_apart + _warnings(found, series, class_names)
    return Summary(config.out, len(videos), count_people(series), len(episodes), [*targets.values()], warnings)


def _text(lines: Iterator[str]) -> bytes:
    return "".join(lines).encode(errors="backslashreplace")


def _by_video(series: Sequence[Series]) -> list[tuple[str, list[Series]]]:
    """Give each video's series, and a name for its files that no other video has."""
    taken: set[str] = set()
    named = []
    for video in dict.fromkeys(one.video for one in series):
        stem = one_line(Path(video).stem).replace(os.sep, "_")
        stem = shortened(stem, MAX_NAME - len(".TextGrid") - len("-9999"))
        name, number = stem, 2
        while name.casefold() in taken:  # which some file systems do not tell apart
            name, number = f"{stem}-{number}", number + 1
        taken.add(name.casefold())
        named.append((name, [one for one in series if one.video == video]))
    return named


def _files_of(
    name: str,
    series: list[Series],
    episodes: Sequence[Episode],
    class_names: Sequence[str],
    config: SummarizeConfig,
    people: Labels,
    tasks: Labels,
) -> dict[str, bytes]:
    video = series[0].video
    files = {f"{name}.png": draw_lanes(series, class_names)}
    tiers = tiers_of(series, episodes)
    if "elan" in config.formats:
        files[f"{name}.eaf"] = elan_document(video, tiers)
    if "praat" in config.formats:
        files[f"{name}.TextGrid"] = praat_document(tiers, float(series[0].seconds[-1]) + series[0].step)
    if "bids" in config.formats:
        for one in series:
            label = bids_name(one.person, name, people, tasks)
            files |= {f"{label}.tsv.gz": bids_table(one), f"{label}.json": bids_sidecar(one, class_names)}
    return files


def _not_of_this_run(folder: Path, written: Collection[str]) -> list[str]:
    """Name the annotations and pictures that an earlier run may have left, such as those of people who were renamed."""
    ours = (".png", ".eaf", ".TextGrid", ".tsv.gz", "_physio.json")
    others = sorted(path.name for path in folder.iterdir() if path.name.endswith(ours) and path.name not in written)
    if not others:
        return []
    return [f"{printable(folder)}: {counted(len(others), 'file')} from an earlier run, such as {printable(others[0])}"]


def _differing(settings: Sequence[RunSettings | None]) -> list[str]:
    """Warn if the tables were made with different settings, of which the methods describe one."""
    ways = {
        (one.first, one.last, one.smooth, one.fast, one.mirror, tuple(sorted(one.options.items())))
        for one in settings
        if one
    }
    which = "the others were made with another part, smoothing, --fast, --mirror or other options of predict"
    return [f"methods.txt describes only the first table: {which}"] if len(ways) > 1 else []


def _people_of_baseline(series: Sequence[Series], baseline: str | None) -> list[str]:
    """Warn if another video is the baseline, but people have only numbers, which differ from video to video."""
    is_clip = any(baseline in (one.video, one.video.rpartition("/")[2]) for one in series)
    numbered = Counter(one.video for one in series if one.person.isdecimal())
    if not is_clip or max(numbered.values(), default=0) < 2:
        return []
    what = "people have only numbers, which differ from video to video; name them with --people"
    return [f"--baseline {printable(baseline or '')}: {what}"]


def _people_of_bids(series: Sequence[Series]) -> list[str]:
    """Warn if a BIDS subject stands for several people, as numbers differ from video to video."""
    videos = Counter(one.person for one in series if one.person.isdecimal())
    shared = [number for number, count in videos.items() if count > 1]
    what = "is another person in each video, since numbers start anew in each; name people with --people"
    return [f"BIDS: sub-{shared[0]} {what}"] if shared else []


def _warnings(videos: Sequence[Video], series: Sequence[Series], class_names: Sequence[str]) -> list[str]:
    """Say what limits the tables; a held expression as baseline would be subtracted from what is shown later."""
    warnings = []
    if len(models := frozenset[str]().union(*(video.models for video in videos))) > 1:
        warnings.append(f"the answers come from several models ({listed(sorted(models))})")
    for video in videos:
        if video.partial:
            faces = counted(video.partial, "face")
            warnings.append(f"{printable(video.name)}: the probabilities of {faces} do not add up to 1")
        if not video.seconds.size:
            warnings.append(f"in no table: {printable(video.problem)}")
            continue
        if video.problem:
            warnings.append(f"{printable(video.name)}: its end could not be read: {printable(video.problem)}")
        if not video.people:
            warnings.append(f"{printable(video.name)}: no face was seen")
    for one in series:
        if one.baseline is not None:
            best = int(np.argmax(one.baseline))
            if class_names[best] != "neutral" and one.baseline[best] >= HELD:
                warnings.append(
                    f"{printable(one.video)}: the baseline of {printable(one.person)} is not neutral "
                    f"({class_names[best]} {one.baseline[best]:.0%}); choose other seconds"
                )
    return warnings
