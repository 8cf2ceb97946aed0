"""What a training face is to be recognised as, and which faces choose the best epoch."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ampnet.checkpoints.checkpoint import load_checkpoint
from ampnet.dataset.index.face_index import FaceIndex
from ampnet.dataset.index.label_votes import LabelVotes
from ampnet.dataset.loading.dataset import FaceDataset
from ampnet.dataset.open_index import read_index
from ampnet.errors import CheckpointError, ConfigError, DataError, TrainingError
from ampnet.inference.classifier import mirror_faces
from ampnet.models.ampnet import fuse_logits
from ampnet.runtime.launch import Process
from ampnet.runtime.progress import silent
from ampnet.settings.labels import EXPRESSIONS
from ampnet.settings.recipes import make_recipe
from ampnet.training.defaults import RunConfig
from ampnet.training.run_folder import hash_data
from ampnet.training.targets import (
    TEACHERS,
    blend_targets,
    distillation_targets,
    load_teachers,
    selection_faces,
    training_targets,
)
from pipelines.train import run
from tests.prepared_faces import one_face, write_prepared_faces
from tests.small_checkpoint import SMALL_RUN, small_checkpoint
from tests.small_report import draw_nothing

VOTES = LabelVotes(
    ("fear", "anger", "unknown"),
    np.array([[8, 2, 0], [1, 3, 6], [0, 9, 1], [1, 1, 0], [0, 0, 0]], dtype=np.float32),
)
TRAINING = np.array([2, 0, 3])


@pytest.fixture
def index() -> FaceIndex:
    names = [f"{i}.jpg" for i in range(5)]
    labels = np.array([0, 0, 0, 1, 1])
    landmarks = np.zeros((5, 5, 2), dtype=np.float32)
    return FaceIndex(Path("faces"), ("fear", "anger"), names, labels, [""] * 5, landmarks, names, votes=VOTES)


def test_a_run_that_learns_from_votes_is_not_resumed_on_others(index: FaceIndex) -> None:
    other = replace(index, votes=replace(VOTES, counts=VOTES.counts[::-1].copy()))
    assert hash_data(index, on_votes=True) != hash_data(other, on_votes=True)
    assert hash_data(index) == hash_data(other)


def test_labels_are_learned_unless_votes_are_asked_for(index: FaceIndex) -> None:
    assert training_targets(index, TRAINING, make_recipe("reference")) is None


def test_votes_are_learned_as_shares_and_few_votes_as_the_label(index: FaceIndex) -> None:
    targets = training_targets(index, TRAINING, make_recipe("reference", {"targets": "votes"}))
    assert targets is not None
    assert np.allclose(targets, np.array([[0, 1], [0.8, 0.2], [0, 1]]))


def test_a_mix_has_so_much_of_the_votes(index: FaceIndex) -> None:
    targets = training_targets(index, TRAINING, make_recipe("reference", {"targets": "mix", "vote_weight": "0.25"}))
    assert targets is not None
    assert np.allclose(targets, np.array([[0.75, 0.25], [0.95, 0.05], [0, 1]]))


def test_other_probabilities_are_mixed_into_targets_or_labels() -> None:
    labels, other = np.array([1]), np.array([[0.5, 0.5]], dtype=np.float32)
    assert np.allclose(blend_targets(None, labels, other, 0.5), [[0.25, 0.75]])
    own = np.array([[0.9, 0.1]], dtype=np.float32)
    assert np.allclose(blend_targets(own, labels, other, 0.5), [[0.7, 0.3]])
    assert np.allclose(blend_targets(own, labels, other, 0.0), own)
    assert np.allclose(blend_targets(own, labels, other, 1.0), other)


def test_votes_of_a_set_without_any_are_refused_with_the_cure(index: FaceIndex) -> None:
    with pytest.raises(DataError, match=r"no index/label_votes\.csv.*--targets label"):
        training_targets(replace(index, votes=None), TRAINING, make_recipe("reference", {"targets": "mix"}))


def test_a_run_that_learns_votes_is_judged_by_the_majority_where_there_is_one(index: FaceIndex) -> None:
    selection = np.arange(5)
    judged, chosen = selection_faces(index, selection, make_recipe("reference", {"targets": "votes"}))
    assert chosen.tolist() == [0, 2]
    assert judged.labels[chosen].tolist() == [0, 1]  # face 2 is labelled fear, nine of ten say anger
    same, all_of_them = selection_faces(index, selection, make_recipe("reference"))
    assert same is index
    assert all_of_them is selection


def test_labels_judge_where_no_face_has_a_majority(index: FaceIndex) -> None:
    selection = np.array([1, 3, 4])
    judged, chosen = selection_faces(index, selection, make_recipe("reference", {"targets": "votes"}))
    assert judged is index
    assert chosen is selection


def test_wrong_values_are_refused() -> None:
    with pytest.raises(ConfigError, match="targets must be one of label, votes, mix"):
        make_recipe("reference", {"targets": "crowd"})
    with pytest.raises(ConfigError, match=r"vote_weight must be within \[0, 1\]"):
        make_recipe("reference", {"vote_weight": 1.5})


pytestmark = pytest.mark.slow

ALONE = Process(rank=0, world_size=1, device=torch.device("cpu"))


@pytest.fixture(autouse=True)
def no_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the curves, which are drawn after each epoch; test_curves.py draws them."""
    draw_nothing(monkeypatch)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_prepared_faces(tmp_path_factory.mktemp("faces"), train=3, val=1)


def settings(data, folder, *teachers, **changes):
    recipe = make_recipe("reference", {"epochs": 1, "batch_size": 12, **changes})
    return RunConfig(
        data=data,
        variant="ampnet-small",
        out=folder,
        name="run",
        recipe=recipe,
        teachers=teachers,
        **SMALL_RUN,
    )


def learn(config, folder, is_resumed=False):
    index = read_index(config.data)
    training = np.flatnonzero(np.array(index.splits) == "train")
    teachers = load_teachers(config.teachers, index.class_names)
    return index, training, distillation_targets(teachers, index, training, config, folder, ALONE, silent, is_resumed)


def certain(folder, name, sure_of):
    """Make a teacher that gives one class 90% whatever it sees, its classes in reverse order."""
    classes = EXPRESSIONS[::-1]
    logits = [math.log(0.9 if c == sure_of else 0.1 / 6) for c in classes]
    return small_checkpoint(folder, classes, logits, name) / name


def test_a_teacher_gives_its_mean_probabilities_over_the_face_and_its_mirror_image(data, tmp_path):
    teacher = small_checkpoint(tmp_path, temperature=0.8)
    index, training, targets = learn(settings(data, tmp_path, teacher), tmp_path)
    checkpoint = load_checkpoint(teacher)
    faces = FaceDataset(index, training, 64)
    for position in range(3):
        image, landmarks, _label = one_face(faces, position)
        views = (image[None], landmarks[None]), mirror_faces(image[None], landmarks[None])
        with torch.inference_mode():
            logits = [fuse_logits(*checkpoint.model(*view)) for view in views]
        said = torch.softmax(torch.stack(logits).mean(0) / 0.8, dim=1)[0].numpy()
        assert np.allclose(targets[position], said, atol=1e-5)


def test_several_teachers_are_averaged_and_their_classes_matched_by_name(data, tmp_path):
    teachers = [certain(tmp_path, f"{name}.pt", name) for name in ("fear", "anger")]
    index, _, targets = learn(settings(data, tmp_path, *teachers, teacher_weight=1.0), tmp_path)
    by_name = dict(zip(index.class_names, targets[0], strict=True))
    assert [by_name["fear"], by_name["anger"]] == pytest.approx([(0.9 + 0.1 / 6) / 2] * 2, abs=1e-4)
    assert by_name["neutral"] == pytest.approx(0.1 / 6, abs=1e-4)
    assert np.allclose(targets.sum(axis=1), 1, atol=1e-5)


def test_a_run_learns_the_teachers_opinion_in_place_of_the_labels(data, tmp_path):
    teacher = certain(tmp_path, "fear.pt", "fear")
    result = run(settings(data, tmp_path, teacher, teacher_weight=1.0, epochs=8, lr=0.1), quiet=True)
    pupil = load_checkpoint(result.folder / "last.pt")
    index = read_index(data)
    faces = FaceDataset(index, np.arange(len(index)), 48)
    seen = [one_face(faces, i) for i in range(len(faces))]
    images, landmarks = (torch.stack([face[part] for face in seen]) for part in (0, 1))
    with torch.inference_mode():
        said = fuse_logits(*pupil.model(images, landmarks)).softmax(dim=1)
    assert said[:, pupil.class_names.index("fear")].min() > 0.5


def test_answers_are_kept_for_a_resumed_run_and_damaged_ones_refused(data, tmp_path):
    config = settings(data, tmp_path, certain(tmp_path, "fear.pt", "fear"))
    _, _, targets = learn(config, tmp_path)
    (tmp_path / "fear.pt").write_bytes(certain(tmp_path, "anger.pt", "anger").read_bytes())
    assert np.array_equal(learn(config, tmp_path, is_resumed=True)[2], targets)
    assert not np.array_equal(learn(config, tmp_path)[2], targets)  # a run without a save asks anew
    for damage in (b"", b"no array", (tmp_path / TEACHERS).read_bytes()[:200]):
        (tmp_path / TEACHERS).write_bytes(damage)
        with pytest.raises(CheckpointError, match="run the teachers again"):
            learn(config, tmp_path, is_resumed=True)
    claims = (tmp_path / TEACHERS).read_bytes().replace(b"(21, 7)", b"(9**9, 7)")
    none = "does not hold probabilities"
    for array, message in ((targets[:5], "other data"), (targets * np.float32(np.nan), none), (targets * 2, none)):
        np.save(tmp_path / TEACHERS, array)
        with pytest.raises(CheckpointError, match=message):
            learn(config, tmp_path, is_resumed=True)
    (tmp_path / TEACHERS).write_bytes(claims)
    with pytest.raises(CheckpointError, match="run the teachers again"):
        learn(config, tmp_path, is_resumed=True)


def test_a_teacher_of_nan_is_refused_before_anything_is_made(data, tmp_path):
    folder = small_checkpoint(tmp_path / "teacher", EXPRESSIONS, [math.nan] * 7)
    with pytest.raises(CheckpointError, match="holds NaN or infinity"):
        run(settings(data, tmp_path / "runs", folder), quiet=True)
    assert not (tmp_path / "runs").exists()


@pytest.mark.soak
def test_two_processes_train_as_one_with_a_teacher(data, tmp_path):
    teacher = small_checkpoint(tmp_path)
    results = []
    for processes in (1, 2):
        config = settings(data, tmp_path / str(processes), teacher, batch_size=8, dropout=0.0)
        results.append(run(replace(config, processes=processes, freeze="norms"), quiet=True))
    one, two = (np.load(result.folder / TEACHERS) for result in results)
    assert np.allclose(one, two, atol=1e-6)
    losses = [(result.folder / "history.csv").read_text().splitlines()[1].split(",")[2] for result in results]
    assert float(losses[0]) == pytest.approx(float(losses[1]), abs=1e-4)


def test_a_resumed_run_keeps_its_teachers(data, tmp_path):
    teacher, other = (certain(tmp_path, f"{name}.pt", name) for name in ("fear", "anger"))
    config = settings(data, tmp_path, teacher)
    first = run(config, quiet=True)
    assert run(replace(config, teachers=(), resume=True), quiet=True) == first
    with pytest.raises(TrainingError, match=r"other settings: teachers"):
        run(replace(config, teachers=(other,), resume=True), quiet=True)


def test_a_teacher_of_other_classes_is_refused_before_anything_is_made(data, tmp_path):
    teacher = small_checkpoint(tmp_path / "teacher", ("cat", "dog"))
    with pytest.raises(CheckpointError, match=r"cannot distil from .*: .*checkpoint: cat, dog"):
        run(settings(data, tmp_path / "runs", teacher), quiet=True)
    assert not (tmp_path / "runs").exists()
