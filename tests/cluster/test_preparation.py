"""What actors of prepare do is what a single machine does; test_ray.py has Ray itself call them."""

import pickle
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ampnet.cluster import actors, preparation
from ampnet.cluster.actors import ActorOptions
from ampnet.dataset import prepared_shards
from ampnet.dataset.preparation import chunks
from pipelines.prepare import run as prepare
from tests.cluster.raw_faces import in_form, link_samples
from tests.prepared_faces import files_of

pytestmark = pytest.mark.slow


def run_here(
    work: Iterable[dict[str, Any]], actor: type[Any], arguments: dict[str, Any], options: ActorOptions
) -> Iterator[dict[str, Any]]:
    """Call one actor as Ray calls several: with copies, one row at a time, in any order."""
    assert options.count == 2
    built = actor(**pickle.loads(pickle.dumps(arguments)))
    for row in reversed(list(work)):
        for done in built({name: np.array([value], dtype=object) for name, value in row.items()}):
            yield {name: value[0] for name, value in done.items()}


@pytest.mark.parametrize("form", ["files", "shards"])
def test_actors_prepare_the_bytes_of_a_single_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: Any
) -> None:
    monkeypatch.setattr(actors, "ray_cluster", lambda _count, _gpus: nullcontext(ActorOptions(2, on_gpu=False)))
    monkeypatch.setattr(preparation, "run_on_actors", run_here)
    monkeypatch.setattr(preparation, "BATCH", 1)
    for module in (preparation, chunks, prepared_shards):
        monkeypatch.setattr(module, "CHUNK", 16)
    raw = link_samples(tmp_path / "raw", 34)  # three chunks
    asked = in_form(raw, tmp_path / "local", form)
    asked = replace(asked, faces_per_shard=20) if form == "shards" else asked
    prepare(asked, quiet=True)
    prepare(replace(asked, out=tmp_path / "ray", engine="ray", actors=2), quiet=True)
    assert files_of(tmp_path / "ray") == files_of(tmp_path / "local")
    assert len(list((tmp_path / "ray" / "dataset").iterdir())) > (30 if form == "files" else 1)
