"""What `ampnet serve` says about its model is so."""

from types import SimpleNamespace

import pytest

from ampnet.settings import PredictConfig, ServeConfig
from pipelines.predictors import choose_predictor
from pipelines.progress import notices
from pipelines.serve import _about
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
