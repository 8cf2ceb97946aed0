"""Training on a data set in shards that is never in memory as a whole."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pyarrow")

import torch

from ampnet.dataset import open_index
from ampnet.dataset.change_form import to_shards
from ampnet.dataset.loading.sampling import ResumableBatchSampler, ShuffledShards, StreamedBatchSampler
from ampnet.dataset.open_index import read_index
from ampnet.errors import DataError
from ampnet.runtime.launch import Process
from ampnet.runtime.progress import ignore_progress
from ampnet.settings import TrainConfig
from ampnet.settings.recipes import make_recipe
from ampnet.training.defaults import resolve_defaults
from ampnet.training.run import open_run
from pipelines.train import run
from tests.pipelines.test_train import assert_same_weights, stop_after
from tests.prepared_faces import write_prepared_faces
from tests.small_checkpoint import SMALL_RUN

ALONE = Process(0, 1, torch.device("cpu"))


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The samples, train and val faces mixed, as files and as shards of 8 faces."""
    root = tmp_path_factory.mktemp("forms")
    files = write_prepared_faces(root / "files", train=4, val=2)
    to_shards(read_index(files), root / "shards", 8, ignore_progress)
    return files, root / "shards"


@pytest.fixture
def always_streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_index, "STREAMED_FACES", 0)


def batches_of(data: Path, out: Path, **changes: Any) -> list[tuple[torch.Tensor, ...]]:
    asked = TrainConfig(data=data, out=out, name=data.name, recipe_changes={"batch_size": 8}, **SMALL_RUN, **changes)
    with open_run(resolve_defaults(asked), ALONE) as training:
        training.order.start_at(epoch=2, step=1)
        batches = [*training.batches, *training.selection]
        return [(batch.images, batch.landmarks, batch.labels) for batch in batches]


def test_a_run_on_streamed_shards_gets_the_batches_of_a_run_on_files(
    forms: tuple[Path, Path], always_streamed: None, tmp_path: Path
) -> None:
    files, shards = (batches_of(data, tmp_path) for data in forms)
    assert len(files) == len(shards) == 3 + 2  # the first of four steps is skipped; 14 faces choose the epoch
    for ours, others in zip(files, shards, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(ours, others, strict=True))


def test_a_run_stopped_within_an_epoch_resumes_to_the_end_of_the_same_run_on_files(
    forms: tuple[Path, Path], always_streamed: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = make_recipe("reference", {"epochs": 2, "batch_size": 8, "lr": 0.02})
    asked = TrainConfig(data=forms[0], out=tmp_path, name="files", recipe=recipe, **SMALL_RUN)
    run(asked, quiet=True)
    on_shards = replace(asked, data=forms[1], name="shards")
    stop_after(monkeypatch, 6)  # in the second epoch of four steps
    with pytest.raises(KeyboardInterrupt):
        run(on_shards, quiet=True)
    run(replace(on_shards, resume=True), quiet=True)
    assert_same_weights(tmp_path / "files", tmp_path / "shards")


def test_weights_of_classes_come_from_counts_alone(
    forms: tuple[Path, Path], always_streamed: None, tmp_path: Path
) -> None:
    index = open_index.open_training_index(forms[1])
    assert index.shards is not None
    train = index.shards.splits()["train"]
    assert train.class_counts().tolist() == [4] * 7
    assert index.labels[train[range(28)]].tolist() == sorted([*range(7)] * 4)


@pytest.mark.parametrize("changes", [{"balance": "sampling"}, {"targets": "votes"}])
def test_what_needs_all_labels_in_memory_is_refused(
    forms: tuple[Path, Path], always_streamed: None, tmp_path: Path, changes: dict[str, str]
) -> None:
    asked = TrainConfig(data=forms[1], out=tmp_path, gpus=0, processes=1, recipe_changes=changes)
    with pytest.raises(DataError, match="needs labels or targets"), open_run(resolve_defaults(asked), ALONE):
        pass
    assert not any(tmp_path.iterdir())


def test_an_epoch_has_every_face_once_from_a_few_shards_at_a_time() -> None:
    sizes = [7, 0, 3, 10, 5, 8]
    order = ShuffledShards(sizes, at_once=2, seed=1, epoch=0)
    faces = [order[draw] for draw in range(33)]
    assert sorted(faces) == list(range(33))
    shard_of = np.repeat(np.arange(6), sizes)
    for start, end in zip([0, *order.ends[:-1]], order.ends, strict=True):
        assert len(set(shard_of[faces[start:end]])) <= 2
    assert faces != [ShuffledShards(sizes, 2, 1, epoch=1)[draw] for draw in range(33)]


def test_processes_share_each_step_and_a_later_start_gives_the_same_steps() -> None:
    def steps(rank: int, world: int, step: int) -> list[list[int]]:
        sampler = StreamedBatchSampler([20, 20, 20], 1, 12, 5, rank, world)
        sampler.start_at(1, step)
        return [[key.position for key in keys] for keys in sampler]

    alone = steps(0, 1, 0)
    pairs = zip(steps(0, 2, 0), steps(1, 2, 0), strict=True)
    assert [sorted(keys) for keys in alone] == [sorted([*first, *second]) for first, second in pairs]
    assert steps(0, 1, 3) == alone[3:]


def test_few_shards_are_shuffled_like_a_set_of_files() -> None:
    files, shards = ResumableBatchSampler(np.zeros(60, np.int64), 12, 5), StreamedBatchSampler([20, 40], 2, 12, 5)
    assert list(files) == list(shards)
