"""A run trains, evaluates, distils and resumes on a GPU; whatever stays on the CPU is an error."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from ampnet.checkpoints.checkpoint import Checkpoint, save_checkpoint
from ampnet.faces.framing import Framing
from ampnet.models.ampnet import AMPNet
from ampnet.runtime.launch import Process
from ampnet.runtime.progress import silent
from ampnet.settings import TrainConfig
from ampnet.settings.labels import EXPRESSIONS
from ampnet.training.defaults import resolve_defaults
from ampnet.training.loop import evaluate, train_epoch
from ampnet.training.run import open_run
from tests.fake_gpu import CUDA, fake_gpu
from tests.prepared_faces import write_prepared_faces
from tests.small_checkpoint import ALL, SMALL_RUN

ON_GPU = Process(0, 1, CUDA)

PLAIN: dict[str, Any] = {"variant": "resnet18", "width": None, "modules": ALL}
"""A third of the tensors, each of which costs time."""

RUNS: dict[str, dict[str, Any]] = {
    "the paper's recipe": {"recipe": "reference"} | PLAIN,
    "today's recipe, class weights, clipped": {"recipe": "modern", "recipe_changes": {"balance": "weights", "clip": 5}}
    | PLAIN,
    "pairs, mixed, in bfloat16": {
        "recipe": "modern",
        "recipe_changes": {"consistency": 3, "mixup": 0.2, "degrade": 0.5},
        "placement": "continuous",
        "standardise": "yes",
        "precision": "bf16",
    },
    "AdamW": {"recipe": "modern", "recipe_changes": {"optimizer": "adamw"}} | PLAIN,
}

pytestmark = [
    pytest.mark.filterwarnings("ignore:'pin_memory' argument is set as true"),
    pytest.mark.filterwarnings("ignore:CUDA is not available"),
]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_prepared_faces(tmp_path_factory.mktemp("faces"), train=2, val=1)


@pytest.fixture
def settings(data, tmp_path):
    def make(recipe_changes=None, **changes):
        recipe = {"batch_size": 7} | (recipe_changes or {})
        return resolve_defaults(
            TrainConfig(data=data, out=tmp_path, name="run", recipe_changes=recipe, **SMALL_RUN | changes)
        )

    return make


def run_an_epoch(training):
    reports = train_epoch(
        training.state, training.batches, training.order, training.loss_fn, training.config, training.process
    )
    assert [report.step for report in reports] == [2]  # reported once, since each report waits for the GPU


@pytest.mark.parametrize("name", RUNS)
def test_a_run_trains_and_evaluates_on_the_gpu(name, settings):
    with fake_gpu(), open_run(settings(**RUNS[name]), ON_GPU) as training:
        run_an_epoch(training)
        state, precision = training.state, training.config.precision
        assert {value.device for value in state.evaluated_model.state_dict().values()} == {CUDA}
        with silent("", 7) as advance:
            evaluate(state.evaluated_model, training.selection, training.loss_fn, precision, ON_GPU, advance)


def test_teachers_answer_on_the_gpu(settings, tmp_path):
    teacher = tmp_path / "teacher.pt"
    save_checkpoint(teacher, Checkpoint(AMPNet(width=0.05, image_size=48, modules=("gp",)), EXPRESSIONS, Framing()))
    with fake_gpu(), open_run(settings(teachers=(teacher,)), ON_GPU) as training:
        dataset: Any = training.batches.dataset
        assert dataset.faces.targets.shape == (14, 7)
        run_an_epoch(training)


def test_a_run_saved_on_a_cpu_resumes_on_the_gpu(settings):
    config = settings(recipe="modern")
    with open_run(config, Process(0, 1, torch.device("cpu"))) as training:
        list(train_epoch(training.state, training.batches, training.order, training.loss_fn, config, training.process))
        training.save()
    with fake_gpu(), open_run(replace(config, resume=True), ON_GPU) as training:
        moments = [entry["momentum_buffer"] for entry in training.state.optimizer.state.values()]
        assert moments
        assert {moment.device for moment in moments} == {CUDA}
        run_an_epoch(training)


def test_what_stays_on_the_cpu_is_an_error(settings):
    changes = RUNS["today's recipe, class weights, clipped"]
    with fake_gpu(), open_run(settings(**changes), ON_GPU) as training:
        left_behind = replace(training.loss_fn, class_weights=training.loss_fn.class_weights.cpu())
        with pytest.raises(RuntimeError, match="device"):
            run_an_epoch(replace(training, loss_fn=left_behind))
        training.state.ema.model.cpu()
        with pytest.raises(RuntimeError, match="device"):
            training.state.ema.update(training.state.model, 0)
