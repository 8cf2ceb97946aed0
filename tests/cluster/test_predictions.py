"""What is said after a run on Ray, and which runs are continued."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from ampnet.checkpoints.model_files import bundled_model
from ampnet.cluster.predictions import PartCounts
from ampnet.errors import DataError
from ampnet.settings import DetectorConfig, PredictConfig
from pipelines import predict_ray, predictors
from pipelines.predict_ray import RayPredictions, _begin
from pipelines.predictors import face_settings


@pytest.mark.parametrize(
    ("results", "unreadable", "told"),
    [
        (0, 0, ["there is no photo, and no frame between --from and --to"]),
        (1, 0, []),
        (1, 1, ["cannot read a.jpg"]),
        (1_201, 1_201, ["cannot read a.jpg", "1,200 further inputs cannot be read; the rows say why"]),
    ],
)
def test_the_first_problems_are_told_and_the_others_are_counted(results, unreadable, told):
    counts = PartCounts(results=results, unreadable=unreadable, problems=["cannot read a.jpg"] if unreadable else [])
    assert RayPredictions("rows", counts, earlier=0, seconds=1.0).all_problems() == told


@pytest.mark.parametrize("was_fast", [False, True])
def test_a_run_with_fast_is_not_continued_without_and_the_other_way_round(tmp_path, was_fast):
    asked = PredictConfig(images=(Path("photos"),), out=tmp_path, engine="ray", resume=True, fast=was_fast)
    _begin(asked, str(tmp_path), face_settings(asked))
    _begin(asked, str(tmp_path), face_settings(asked))
    with pytest.raises(DataError, match=r"changed: fast\)"):
        _begin(asked, str(tmp_path), face_settings(replace(asked, fast=not was_fast)))


def test_a_run_is_not_continued_with_another_prior_in_the_same_file(tmp_path, monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setattr(predict_ray, "ray_cluster", lambda _actors, _gpus: nullcontext(SimpleNamespace(on_gpu=False)))
    monkeypatch.setattr(predict_ray, "predict_parts", lambda *_arguments: iter(()))
    photos, prior = tmp_path / "photos", tmp_path / "prior.json"
    photos.mkdir()
    (photos / "a.jpg").write_text("a photo")
    prior.write_text('{"happiness": 1, "anger": 1}')
    asked = PredictConfig(images=(photos,), out=tmp_path / "rows", engine="ray", prior=str(prior))
    predict_ray.run(asked, quiet=True)
    predict_ray.run(replace(asked, resume=True), quiet=True)
    prior.write_text('{"happiness": 9, "anger": 1}')
    with pytest.raises(DataError, match=r"changed: prior\)"):
        predict_ray.run(replace(asked, resume=True), quiet=True)


def test_an_actor_takes_relative_paths_as_the_command_does_wherever_its_node_was_started(tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    monkeypatch.setattr(predict_ray, "choose_predictor", lambda *_, **__: SimpleNamespace(predictor=Path.cwd()))
    config = PredictConfig(images=(Path("photos"),), out=tmp_path, engine="ray")
    assert predict_ray.load(config, tmp_path) == tmp_path.resolve()
    assert predict_ray.load(config, tmp_path / "not on this node") == tmp_path.resolve()


def test_a_run_is_not_continued_with_another_detector_in_the_same_file(tmp_path):
    weights = tmp_path / "detector.pth"
    weights.write_bytes(b"one detector")
    asked = PredictConfig(
        images=(Path("photos"),),
        out=tmp_path / "rows",
        engine="ray",
        resume=True,
        detector=DetectorConfig(weights=weights),
    )
    asked.out.mkdir()
    _begin(asked, str(asked.out), face_settings(asked))
    weights.write_bytes(b"another one")
    with pytest.raises(DataError, match=r"changed: detector\)"):
        _begin(asked, str(asked.out), face_settings(asked))


def test_an_actor_s_network_on_onnx_runs_on_one_core_of_a_machine_with_many(tmp_path, monkeypatch):
    threads = []
    monkeypatch.chdir(tmp_path)
    for module in (predict_ray, predictors):
        monkeypatch.setattr(module, "usable_cores", lambda: 32)
    monkeypatch.setattr(predictors, "find_model", lambda *_: bundled_model())
    monkeypatch.setattr(predictors, "_on_onnx", lambda *given: threads.append(given[-1]) or SimpleNamespace())
    predict_ray.load(PredictConfig(out=tmp_path, engine="ray", runtime="onnx"), tmp_path)
    assert threads == [1]


def test_force_deletes_the_results_of_an_earlier_run_and_no_table_of_one_s_own(tmp_path):
    for name in ("part-00000000.parquet", "photos.parquet", "part-1.parquet", "summary.json"):
        (tmp_path / name).write_text("content")
    asked = PredictConfig(images=(Path("photos"),), out=tmp_path, engine="ray", force=True)
    _begin(asked, str(tmp_path), face_settings(asked))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["part-1.parquet", "photos.parquet", "plan.json"]
