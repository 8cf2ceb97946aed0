"""`ampnet predict --estimate`: how long a run takes on this machine, measured on a sample."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from ampnet.errors import DataError, UsageError
from ampnet.files.printable import counted, printable
from ampnet.reading.reader import NOTHING, Task, count_results
from ampnet.reading.sources import Source
from ampnet.recognition.loop import answer_tasks
from ampnet.runtime.threads import Threads, start_threads
from ampnet.settings import PredictConfig
from pipelines.predict import list_sources
from pipelines.predictors import ChosenPredictor, choose_predictor, sampling_of
from pipelines.progress import notices

SAMPLE_SECONDS = 4.0
"""Time for a sample of the photos, and for one of the videos."""

SAMPLE_PHOTOS, SAMPLE_VIDEOS = 96, 4
"""Maximum number of sources in a sample, evenly spread over all."""


def run(config: PredictConfig, quiet: bool = False) -> str:
    """Estimate in one line how long a run takes on this machine, without drawing; nothing is written.

    Raises:
        UsageError: there is no such checkpoint, or photos are in an archive, which cannot be counted.
        DataError: the folders hold no image, or no photo or frame can be read.
        CheckpointError: the checkpoint cannot be used.
    """
    console, sampling = notices(quiet), sampling_of(config)
    sources = list_sources(config, console)
    if archive := next((source for source in sources if source.is_archive), None):
        raise UsageError(f"--estimate cannot count the photos in {printable(archive.name)}; leave it out")
    chosen = choose_predictor(config, console)
    seconds, measured = 0.0, 0
    counts: dict[bool, int] = {}
    with start_threads(chosen.cores, chosen.parallel) as threads:
        for is_video, most in ((False, SAMPLE_PHOTOS), (True, SAMPLE_VIDEOS)):
            of_kind = [source for source in sources if source.is_video == is_video]
            if not of_kind:
                continue
            sample = of_kind[:: -(-len(of_kind) // most)]
            groups = [[source] for source in sample] if is_video else [sample]
            with ThreadPoolExecutor(chosen.cores) as pool:
                counts[is_video] = sum(pool.map(partial(count_results, sampling=sampling), _tasks(of_kind)))
            rates = [_measure(config, chosen, group, threads, SAMPLE_SECONDS / len(groups)) for group in groups]
            done = sum(count for count, _ in rates)
            seconds += counts[is_video] * sum(spent for _, spent in rates) / max(done, 1)
            measured += done
    if not measured:
        raise DataError("no photo can be read, and no frame between --from and --to")
    what = [counted(counts[False], "photo")] if False in counts else []
    if True in counts:
        videos = sum(source.is_video for source in sources)
        what.append(f"{counted(counts[True], 'frame')} of {counted(videos, 'video')}")
    drawn = "; drawing takes longer" if config.annotate else ""
    drawn += "; explaining takes longer" if config.explain else ""
    return f"about {_duration(seconds)} for {' and '.join(what)} (measured on {measured:,} of them){drawn}"


def _tasks(sources: Sequence[Source]) -> list[Task]:
    return [(source, NOTHING) for source in sources]


def _measure(
    config: PredictConfig, chosen: ChosenPredictor, sources: Sequence[Source], threads: Threads, most: float
) -> tuple[int, float]:
    """Answer for a while; return the number of results, and the seconds that they took after the first chunk."""
    begun = first = time.monotonic()
    done, before = 0, 0
    sampling, is_hiding = sampling_of(config), config.hide is not None
    for chunk in answer_tasks(chosen.predictor, _tasks(sources), sampling, threads, finds_all=is_hiding):
        done += sum(result is None or result.problem is None for _, result in chunk)
        now = time.monotonic()
        if before == 0:
            before, first = done, now
        if now - begun > most:
            break
    spent = time.monotonic() - first
    return (done - before, spent) if done > before else (done, first - begun)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(max(round(seconds), 1), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
