"""Two processes (gloo) train on streamed shards: every face once, the batches of files, the same end after a kill."""

from dataclasses import replace

import pytest

pytest.importorskip("pyarrow")

from ampnet.dataset.change_form import to_shards
from ampnet.dataset.open_index import read_index
from ampnet.errors import ProcessError
from ampnet.runtime.launch import launch
from ampnet.runtime.progress import ignore_progress
from ampnet.settings import TrainConfig
from ampnet.settings.recipes import make_recipe
from tests.dataset.shards.two_trainers import Steps, see_epochs, train
from tests.pipelines.test_train import assert_same_weights
from tests.prepared_faces import write_prepared_faces
from tests.small_checkpoint import SMALL_RUN

pytestmark = [pytest.mark.slow, pytest.mark.soak]

FACES = 28
"""For training, in six shards that hold faces of other splits as well."""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> TrainConfig:
    root = tmp_path_factory.mktemp("forms")
    files = write_prepared_faces(root / "files", train=4, val=2)
    to_shards(read_index(files), root / "shards", 8, ignore_progress)
    recipe = make_recipe("reference", {"epochs": 2, "batch_size": 8, "lr": 0.02, "dropout": 0.0})
    small = SMALL_RUN | {"processes": 2, "freeze": "norms", "save_every": 0}
    return TrainConfig(data=root / "shards", out=root / "runs", name="seen", recipe=recipe, **small)


@pytest.fixture(scope="module")
def seen(config: TrainConfig) -> list[list[Steps]]:
    """The steps of both processes: of two open shards, the same from the third step, of all shards, of files."""
    asked = [("shards", 2, 0), ("shards", 2, 2), ("shards", 32, 0), ("files", 32, 0)]
    return launch("ampnet train", 2, see_epochs, config, asked)


def test_both_together_see_every_face_once_in_an_epoch(seen: list[list[Steps]]) -> None:
    first, second = seen[0]
    assert [len(step) for step in first] == [len(step) for step in second] == [4, 4, 4, 2]
    assert sorted(place for step in (*first, *second) for place, _image in step) == list(range(FACES))
    assert len({image for step in (*first, *second) for _place, image in step}) == FACES


def test_both_can_start_within_an_epoch(seen: list[list[Steps]]) -> None:
    assert seen[1] == [steps[2:] for steps in seen[0]]


def test_few_shards_give_both_the_batches_of_files(seen: list[list[Steps]]) -> None:
    assert seen[2] == seen[3] != seen[0]


def test_a_run_whose_process_is_killed_within_an_epoch_resumes_to_the_same_weights(config: TrainConfig) -> None:
    whole, killed = replace(config, name="whole"), replace(config, name="killed")
    launch("ampnet train", 2, train, whole, 2, 0)
    with pytest.raises(ProcessError, match="SIGKILL"):
        launch("ampnet train", 2, train, killed, 2, 7)  # the third of four steps of the second epoch
    assert (config.out / "killed" / "last.pt").exists()
    launch("ampnet train", 2, train, replace(killed, resume=True), 2, 0)
    assert_same_weights(config.out / "whole", config.out / "killed")
