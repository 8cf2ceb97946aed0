"""The command lines of `ampnet predict`, `ampnet serve` and `ampnet summarize`."""

import json
import signal
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

from ampnet.errors import INTERRUPTED, UsageError
from ampnet.files.printable import printable
from ampnet.settings import PredictConfig, ServeConfig
from ampnet.settings.summary import SummarizeConfig
from pipelines.commands.command import AsJson, Debug, Quiet, command
from pipelines.commands.one_line_errors import complain, fail_for
from pipelines.commands.stdout import json_stdout, print_lines, print_result

NOT_AN_EMOTION = (
    "An expression is not an emotion: the model names what a face shows, not what the person feels. "
    "Do not use it to make decisions about people. In the EU, Art. 5(1)(f) of the AI Act prohibits inferring emotions "
    "of people at work and in education, except for medical or safety reasons."
)
"""The epilogue of the help."""


@command
def predict(config: PredictConfig, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Find every face in photos and videos and classify its expression.

    \bExamples:
      $ ampnet predict photo.jpg
      $ ampnet predict holiday/ clip.mp4 --csv faces.csv --annotate drawn
      $ ampnet predict photo.jpg --checkpoint bundled:fer2013
      $ ampnet predict archive/ --videos --csv faces.csv --resume
      $ ampnet predict "photos/**/*.jpg" --list more.txt
      $ ampnet predict https://example.org/photo.jpg
      $ ampnet predict - --face largest < photo.jpg
      $ ampnet predict --camera 0 --csv faces.csv
    """
    config = read_request(config, as_json)
    if config.engine == "ray":
        _predict_on_ray(config, as_json, quiet)
    else:
        _predict_here(config, as_json, quiet)


def read_request(config: PredictConfig, as_json: bool) -> PredictConfig:
    """Return the settings of a run; what does not go together is refused before anything loads.

    Args:
        config: as the command line gives them: inputs are text.
        as_json: whether the results go to stdout as JSON.

    Raises:
        UsageError: there is no input, or two options contradict each other.
    """
    from ampnet.files.download import is_url  # loads socket, which `ampnet --help` does without

    if not config.images and config.list_file is None and config.camera is None:
        raise UsageError("missing argument 'images', --list FILE or --camera 0 (see `ampnet predict --help`)")
    if config.engine == "local":  # Ray's results are files, beside which --json prints a summary
        _require_places(config, as_json)
    inputs = tuple(text if is_url(text) else Path(text) for text in config.images)
    return replace(config, images=inputs)


def _require_places(config: PredictConfig, as_json: bool) -> None:
    if config.camera is not None and as_json:
        raise UsageError("--camera writes only --csv; leave out --json")
    if as_json and config.resume:
        raise UsageError("--json cannot be resumed; use --jsonl FILE")
    if as_json and config.estimate:
        raise UsageError("--estimate prints one line; leave out --json")
    if config.explain and not (as_json or config.jsonl or config.annotate):
        raise UsageError("--explain needs an output: --annotate DIR, --json or --jsonl FILE")


def _predict_here(config: PredictConfig, as_json: bool, quiet: bool) -> None:
    from pipelines.show import prediction_lines, show

    if config.estimate:
        from pipelines.estimate import run as estimate

        print_lines(estimate(config, quiet))
        return
    if config.camera is None:
        from pipelines.predict import run  # loads torch; kept out of `ampnet --help`

        result = run(config, quiet, json_stdout() if as_json else None)
    else:
        from pipelines.camera import run as watch_camera

        result = watch_camera(config, quiet)
    if not as_json:
        show(prediction_lines(result))
    try:
        fail_for(*result.all_problems())
    finally:
        if result.is_interrupted:
            raise KeyboardInterrupt(result.advice)


def _predict_on_ray(config: PredictConfig, as_json: bool, quiet: bool) -> None:
    from pipelines.predict_ray import run

    result = run(config, quiet)
    print_result(result, as_json)
    fail_for(*result.all_problems())


@command
def serve(config: ServeConfig, quiet: Quiet = False, debug: Debug = False) -> None:
    """Serve a web page and an HTTP API that classify photos, on this machine unless --host is given.

    \bExamples:
      $ ampnet serve                    # the page: http://127.0.0.1:8000/
      $ curl -F file=@photo.jpg http://127.0.0.1:8000/v1/predict
      $ AMPNET_TOKEN=... ampnet serve --host 0.0.0.0 --allow-host faces.example.org
    """
    from pipelines.serve import run

    ended_by = run(config, lambda address: print_lines(f"ampnet serves {address}"), _log, quiet, debug)
    if ended_by == signal.SIGINT:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # an orderly end, of which nothing needs to be told
        raise typer.Exit(INTERRUPTED)


def _log(line: dict[str, Any]) -> None:
    with suppress(OSError):  # a full disk, or a reader that has gone, must not take the answers with it
        print_lines(json.dumps(line))


MAX_NAMED = 12
"""Maximum number of files to name."""


@command
def summarize(config: SummarizeConfig) -> None:
    """Make tables, episodes and pictures of the faces that predict found in videos.

    \bExamples:
      $ ampnet summarize faces.csv --out tables
      $ ampnet summarize faces.csv --people who.csv --smooth 0.5 --format elan,praat
    """
    from pipelines.summarize import run

    summary = run(config)
    for warning in summary.warnings:
        complain(f"warning: {warning}")
    more = f" and {len(summary.files) - MAX_NAMED:,} more" if len(summary.files) > MAX_NAMED else ""
    print_lines(
        f"videos: {summary.videos:,}, people: {summary.people:,}, episodes: {summary.episodes:,}",
        f"written to {printable(summary.folder)}: {', '.join(path.name for path in summary.files[:MAX_NAMED])}{more}",
    )
