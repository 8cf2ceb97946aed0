"""`ampnet serve`: load the model, start the decoders, answer requests until somebody ends it."""

import os
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING

from rich.console import Console

from ampnet import __version__
from ampnet.checkpoints.bundled import MODELS, model_path
from ampnet.config import PredictConfig, Runtime, ServeConfig
from ampnet.errors import UsageError
from ampnet.media.opening import read_text
from ampnet.prediction.photos import PhotoPredictor
from ampnet.runtime.memory import keep_freed_memory
from pipelines.predictors import ChosenPredictor, choose_predictor
from pipelines.progress import notices

if TYPE_CHECKING:
    from ampnet.service.about import AboutModel

MAX_DECODERS = 4
MAX_CARD_BYTES = 100_000


def run(config: ServeConfig, on_start: Callable[[str], None], quiet: bool = False, debug: bool = False) -> int:
    """Serve until SIGTERM or Ctrl-C.

    Args:
        config: the settings.
        on_start: gets the address once the service answers.
        quiet: show no notices; warnings are shown.
        debug: whether errors in ampnet are printed.

    Returns:
        The signal that ended the service; 0 if there was none.

    Raises:
        UsageError: a package is missing, there is no such checkpoint, or the address cannot be used.
        CheckpointError: the checkpoint cannot be used.
    """
    try:
        from ampnet.service import server
        from ampnet.service.app import create_app
        from ampnet.service.decoders import DecoderPool
        from ampnet.service.engine import Engine
        from ampnet.service.guard import is_loopback
        from ampnet.service.metrics import Metrics
    except ImportError as error:
        raise UsageError(f"{error.name} is missing; install it with `pip install 'ampnet[serve]'`") from error

    console = notices(quiet)
    if not is_loopback(config.host):
        notices().print(_warning(config))
    opened = server.listen(config.host, config.port)
    keep_freed_memory()
    chosen, runtime = _choose(config, console)
    metrics = Metrics()
    decoders = DecoderPool(
        config.decoders or min(_cores(), MAX_DECODERS),
        round(config.max_megapixels * 1e6),
        config.max_decode_seconds,
        metrics.decoder_restarts.inc,
    )
    engine = Engine(
        chosen.predictor,
        _explainer(chosen, console),
        decoders,
        metrics,
        config.queue,
        config.batch_size,
        config.batch_wait / 1000,
        config.max_faces,
    )
    app = create_app(engine, _about(chosen, runtime), config, metrics)
    ended_by = server.run(app, config, opened, lambda: on_start(server.address(opened)), debug)
    return ended_by or 0


def _warning(config: ServeConfig) -> str:
    token = "a token is asked for" if config.token else "nobody is asked for a token (--token)"
    return (
        f"warning: whoever reaches {config.host} can use this service; {token}, and photos travel unencrypted: put it "
        f"behind a proxy with TLS"
    )


def _choose(config: ServeConfig, console: Console) -> tuple[ChosenPredictor, Runtime]:
    """Load the model; without a choice of the user, in the runtime that starts sooner, if it is there."""
    if config.runtime is not None:
        return choose_predictor(_predicting(config, config.runtime), console), config.runtime
    is_onnx_file = config.checkpoint is not None and config.checkpoint.suffix == ".onnx"
    if is_onnx_file or (not config.gpus and all(find_spec(name) for name in ("onnxruntime", "onnx", "platformdirs"))):
        try:
            return choose_predictor(_predicting(config, "onnx"), console), "onnx"
        except (UsageError, ImportError):
            if is_onnx_file or find_spec("torch") is None:
                raise
    return choose_predictor(_predicting(config, "torch"), console), "torch"


def _predicting(config: ServeConfig, runtime: Runtime) -> PredictConfig:
    return PredictConfig(
        images=(), checkpoint=config.checkpoint, detector=config.detector, gpus=config.gpus, runtime=runtime
    )


def _explainer(chosen: ChosenPredictor, console: Console) -> Callable[[], PhotoPredictor]:
    """Return what gives the predictor for contributions: on torch, which alone can take answers apart."""

    def explainer() -> PhotoPredictor:
        if hasattr(chosen.predictor, "checkpoint"):
            return chosen.predictor
        asked = PredictConfig(images=(), checkpoint=chosen.model, gpus=0, runtime="torch")
        return choose_predictor(asked, console).predictor

    return explainer


def _about(chosen: ChosenPredictor, runtime: Runtime) -> "AboutModel":
    from ampnet.service.about import AboutModel

    file, predictor = chosen.model, chosen.predictor
    is_bundled = file in [model_path(name) for name in MODELS]
    card = file.parent / "MODEL_CARD.md"
    return AboutModel(
        name=file.parent.name if file.stem == "best" else file.stem,
        sha256=str(chosen.settings["model"]),
        runtime=runtime,
        ampnet=__version__,
        class_names=predictor.class_names,
        rejection_threshold=predictor.rejection_threshold,
        detector_sha256=predictor.detector.weights_sha256,
        can_explain=file.suffix != ".onnx" and find_spec("torch") is not None,
        card=read_text(card, MAX_CARD_BYTES) if is_bundled and card.is_file() else None,
    )


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
