"""From what `ampnet predict` was asked to its settings; what does not go together is refused before anything loads."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ampnet.errors import UsageError
from ampnet.settings import DetectorConfig, PredictConfig
from pipelines.commands.options import pick


def read_request(arguments: Mapping[str, Any]) -> PredictConfig:
    """Build the settings of a run from the arguments of its command line.

    Args:
        arguments: the command's parameters by name, ``as_json`` among them.

    Raises:
        UsageError: nothing is asked for, an argument is out of range, or two do not go together.
    """
    _require_input(arguments)
    config = PredictConfig(
        **pick(PredictConfig, arguments)
        | {"images": read_inputs(arguments["images"] or ()), "detector": _detector(arguments)}
    )
    if config.engine == "local":  # Ray's results are files, beside which --json prints a summary
        _require_places(config, arguments["as_json"])
    return config


def read_inputs(images: Iterable[str]) -> tuple[Path | str, ...]:
    """Tell addresses, which stay text, from paths."""
    from ampnet.files.download import is_url  # loads socket, which `ampnet --help` does without

    return tuple(text if is_url(text) else Path(text) for text in images)


def _require_input(arguments: Mapping[str, Any]) -> None:
    if not arguments["images"] and arguments["list_file"] is None and arguments["camera"] is None:
        raise UsageError("missing argument 'images', --list FILE or --camera 0 (see `ampnet predict --help`)")


def _detector(arguments: Mapping[str, Any]) -> DetectorConfig:
    chosen = pick(DetectorConfig, arguments) | {"name": arguments["detector"]}
    # the detector's limit counts pixels of the image it gets, which may be a reduced one
    chosen["min_face"] = min(arguments["min_face"], DetectorConfig.min_face)
    return DetectorConfig(**chosen)


def _require_places(config: PredictConfig, as_json: bool) -> None:
    """Require that what was asked for can be put where it was asked for."""
    if config.camera is not None and as_json:
        raise UsageError("--camera has a window and --csv only; leave out --json")
    if as_json and config.resume:
        raise UsageError("--json prints anew what --resume would continue; use --jsonl FILE")
    if config.explain and not (as_json or config.jsonl or config.annotate):
        raise UsageError("--explain needs a place for what it says: --annotate DIR, --json or --jsonl FILE")
