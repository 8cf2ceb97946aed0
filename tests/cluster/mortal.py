"""A predictor and an actor of prepare whose process is killed once, in the middle of its work."""

import os
import pickle
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ampnet.cluster.preparation import PrepareActor
from ampnet.recognition.recognizer import Recognizer
from ampnet.settings import PredictConfig
from pipelines.predict_ray import load as load_predictor


def load(mark: Path, config: PredictConfig, folder: Path) -> Recognizer:
    """Load a predictor that kills its process at the second call of the first process to come so far."""
    predictor = load_predictor(config, folder)
    answer, calls = predictor.answer, iter(range(1_000_000))

    def find_or_die(*given: Any, **options: Any) -> Any:
        if next(calls) == 1:
            _die_once(mark)
        return answer(*given, **options)

    predictor.answer = find_or_die  # type: ignore[method-assign]
    return predictor


class MortalPrepareActor(PrepareActor):
    """Kills its process before it reports the second chunk, if it is the first process to come so far.

    Of a set in shards; the mark is beside the output folder.
    """

    def __call__(self, batch: dict[str, Any]) -> Iterator[dict[str, Any]]:
        _chunks, job = pickle.loads(batch["job"][0])
        for number, row in enumerate(super().__call__(batch)):
            if number == 1:
                _die_once(job.store.folder.parents[2] / "killed")
            yield row


def _die_once(mark: Path) -> None:
    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
