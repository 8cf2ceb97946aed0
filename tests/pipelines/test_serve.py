"""What `ampnet serve` says about its model is so."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from ampnet.errors import ConfigError
from ampnet.settings import PredictConfig, ServeConfig
from pipelines import serve
from pipelines.predictors import choose_predictor
from pipelines.progress import notices
from pipelines.serve import _about, _explainer
from tests.small_checkpoint import ALL, small_checkpoint

pytest.importorskip("fastapi")


@pytest.mark.parametrize(("modules", "can_explain"), [(("gp",), False), (ALL, True)])
def test_a_network_without_regions_is_not_said_to_explain_its_answers(tmp_path, modules, can_explain):
    asked = PredictConfig(checkpoint=small_checkpoint(tmp_path / "run", modules=modules), gpus=0)
    chosen = choose_predictor(asked, notices(quiet=True))
    assert _about(chosen, "torch", ServeConfig()).can_explain is can_explain
    regions = ["left eye"] if can_explain else []
    known = ("model", "class_names", "rejection_threshold", "detector")
    exported = {name: getattr(chosen.predictor, name) for name in known} | {"metadata": {"region_names": regions}}
    on_onnx = SimpleNamespace(model=chosen.model, predictor=SimpleNamespace(can_explain=False, **exported))
    assert _about(on_onnx, "onnx", ServeConfig()).can_explain is can_explain  # type: ignore[arg-type]


def test_answers_are_not_explained_by_a_checkpoint_that_took_the_place_of_theirs(tmp_path):
    run = small_checkpoint(tmp_path / "run", modules=ALL)
    chosen = choose_predictor(PredictConfig(checkpoint=run, gpus=0), notices(quiet=True))
    explainer = _explainer(chosen, "onnx", notices(quiet=True))
    assert explainer().model == chosen.predictor.model
    small_checkpoint(run, modules=ALL, logits=[9.0, 0, 0, 0, 0, 0, 0])
    with pytest.raises(ConfigError, match="was replaced since the service started"):
        explainer()


def test_all_workers_serve_the_run_that_was_newest_when_the_service_started(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small_checkpoint(tmp_path / "checkpoint" / "run1")
    shares = []
    monkeypatch.setattr(serve, "run_workers", lambda config, _serve, _up, close: shares.append(config) or close())
    monkeypatch.setattr(serve, "count_together", lambda: None)
    serve.run(ServeConfig(workers=2, port=0), lambda _address: None, lambda _line: None, quiet=True)
    assert [one.checkpoint for one in shares] == [Path("checkpoint/run1/best.pt")]
