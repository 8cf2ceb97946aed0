"""`ampnet serve`: load the model, start the decoders, answer requests until it is stopped."""

from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
from rich.console import Console

from ampnet import __version__
from ampnet.checkpoints.model_files import bundled_name
from ampnet.errors import ConfigError, missing_package
from ampnet.files.opening import read_text
from ampnet.recognition.recognizer import Recognizer
from ampnet.runtime.cores import usable_cores
from ampnet.runtime.memory import keep_freed_memory
from ampnet.settings import PredictConfig, Runtime, ServeConfig
from pipelines.model import find_model
from pipelines.predictors import ChosenPredictor, choose_predictor
from pipelines.progress import notices
from pipelines.serve_workers import count_together, run_workers

if TYPE_CHECKING:
    from socket import socket

    from ampnet.service.schema import Model

MAX_DECODERS = 4
MAX_CARD_BYTES = 100_000


def run(
    config: ServeConfig,
    on_start: Callable[[str], None],
    log: Callable[[dict[str, Any]], None],
    quiet: bool = False,
    debug: bool = False,
) -> int:
    """Serve until SIGTERM or Ctrl-C.

    Args:
        on_start: gets the address once the service answers.
        log: gets a line of the access log for each answer, if the settings ask for one.
        quiet: show no notices; warnings are shown.
        debug: whether errors in ampnet are printed.

    Returns:
        The signal that ended the service; 0 if there was none.

    Raises:
        UsageError: a package is missing, there is no such checkpoint, or the address cannot be used.
        CheckpointError: the checkpoint cannot be used.
    """
    if config.workers > 1:
        count_together()
    try:
        from ampnet.service.guard import is_loopback
        from ampnet.service.server import address, listen
    except ImportError as error:
        raise missing_package(error.name, "serve") from error

    console = notices(quiet)
    if config.workers > 1:  # one for all, also for those that take the place of others
        config = replace(config, checkpoint=find_model(config.checkpoint, console, "--checkpoint"))
    if not is_loopback(config.host):
        notices().print(_warning(config))
    opened = listen(config.host, config.port)

    def up() -> None:
        on_start(address(opened))
        is_any = config.host in ("0.0.0.0", "::")
        here = f"http://localhost:{opened.getsockname()[1]}/" if is_any else "this address"
        console.print(f"open {here} in a browser; Ctrl-C ends the service")

    logged = log if config.access_log else None
    if config.workers == 1:
        return _serve(config, opened, up, logged, console, debug)
    quietly = notices(quiet=True)
    return run_workers(
        config, lambda share, tell: _serve(share, opened, tell, logged, quietly, debug), up, opened.close
    )


def _serve(
    config: ServeConfig,
    opened: "socket",
    up: Callable[[], None],
    log: Callable[[dict[str, Any]], None] | None,
    console: Console,
    debug: bool,
) -> int:
    from ampnet.reading.photo_decoders import DecoderPool
    from ampnet.service import server
    from ampnet.service.app import create_app
    from ampnet.service.engine import Engine
    from ampnet.service.metrics import Metrics

    keep_freed_memory()
    chosen, runtime = _choose(config, console)
    metrics = Metrics()
    processes = config.decoders or min(usable_cores(), MAX_DECODERS)
    pixels = round(config.max_megapixels * 1e6)
    decoders = DecoderPool(processes, pixels, config.max_decode_seconds, metrics.decoder_restarts.inc)
    engine = Engine(
        chosen.predictor,
        _explainer(chosen, runtime, console),
        decoders,
        metrics,
        *(config.queue, config.batch_size, config.batch_wait / 1000),
        chosen.parallel,
        config.max_faces,
    )
    app = create_app(engine, _about(chosen, runtime, config), config, metrics, log)
    return server.run(app, config, opened, up, debug) or 0


def _warning(config: ServeConfig) -> str:
    token = "a token is required" if config.token else "no token is required (--token)"
    return (
        f"warning: anyone who can reach {config.host} can use this service; {token}, and photos travel unencrypted: "
        "put it behind a proxy with TLS"
    )


def _choose(config: ServeConfig, console: Console) -> tuple[ChosenPredictor, Runtime]:
    """Load the model; by default in ONNX Runtime if the model is already exported, as exporting takes a while."""
    file = find_model(config.checkpoint, console, "--checkpoint")
    is_onnx = config.runtime == "onnx" or (config.runtime is None and not config.gpus and _is_exported(file))
    runtime: Runtime = "onnx" if is_onnx else "torch"
    settings = PredictConfig(images=(), checkpoint=file, detector=config.detector, gpus=config.gpus, runtime=runtime)
    chosen = choose_predictor(settings, console, parallel=config.parallel)
    cv2.setNumThreads(max(usable_cores() // chosen.parallel, 1))
    if runtime == "torch":
        import torch

        torch.set_num_threads(max(torch.get_num_threads() // chosen.parallel, 1))
    return chosen, runtime


def _is_exported(file: Path) -> bool:
    if file.suffix == ".onnx":
        return True
    if not all(find_spec(package) for package in ("onnxruntime", "platformdirs")):
        return False
    from pipelines.onnx_models import are_exported

    return are_exported(file)


def _explainer(chosen: ChosenPredictor, runtime: Runtime, console: Console) -> Callable[[], Recognizer]:
    """Return what gives the predictor for contributions: on torch, the only runtime that can compute them."""

    def explainer() -> Recognizer:
        if runtime == "torch":
            return chosen.predictor
        settings = PredictConfig(images=(), checkpoint=chosen.model, gpus=0, runtime="torch")
        found = choose_predictor(settings, console).predictor
        if found.model != chosen.predictor.model:
            raise ConfigError("the checkpoint was replaced since the service started; start it again")
        return found

    return explainer


def _has_regions(predictor: Recognizer) -> bool:
    """Whether the network has regions, as its exported form states, which cannot explain itself."""
    about = getattr(predictor, "metadata", None)
    return predictor.can_explain if about is None else bool(about.get("region_names", True))


def _about(chosen: ChosenPredictor, runtime: Runtime, config: ServeConfig) -> "Model":
    from ampnet.service.guard import is_loopback
    from ampnet.service.schema import Limits, Model

    file, predictor = chosen.model, chosen.predictor
    card = file.parent / "MODEL_CARD.md"
    return Model(
        name=predictor.model.name,
        sha256=predictor.model.sha256,
        runtime=runtime,
        ampnet=__version__,
        class_names=list(predictor.class_names),
        rejection_threshold=predictor.rejection_threshold,
        detector_sha256=predictor.detector.weights_sha256,
        can_explain=file.suffix != ".onnx" and find_spec("torch") is not None and _has_regions(predictor),
        card=read_text(card, MAX_CARD_BYTES) if bundled_name(file) and card.is_file() else None,
        is_local=is_loopback(config.host) and not config.proxies,
        limits=Limits(**{name: getattr(config, name) for name in Limits.model_fields}),
    )
