"""The command line of `ampnet predict`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ampnet.settings import DetectorConfig, FacePolicy, PredictConfig, Runtime
from pipelines.commands.one_line_errors import TO_REPEAT, TO_RESUME, complain, user_errors
from pipelines.commands.options import (
    Actors,
    AsJson,
    BatchSize,
    CheckpointOption,
    Debug,
    Detector,
    DetectorWeights,
    EngineName,
    Mirror,
    OneGpu,
    Prior,
    Quiet,
    ScoreThreshold,
    UsedPrecision,
    face_option,
    input_option,
    machine_option,
    output_option,
)
from pipelines.commands.predict_request import read_request
from pipelines.commands.stdout import print_json, tell

NOT_AN_EMOTION = (
    "An expression is not an emotion: the model names what a face shows, not what the person feels. "
    "Do not use it to make decisions about people. In the EU, Art. 5(1)(f) of the AI Act prohibits inferring emotions "
    "of people at work and in education, except for medical or safety reasons."
)
"""The last words of the help."""


def predict(
    images: Annotated[
        list[str] | None,  # a path would lose a slash of an address
        typer.Argument(
            help="Photos, videos, folders of photos, quoted patterns ('**/*.jpg'), http(s) addresses, or - for stdin."
        ),
    ] = None,
    list_file: Annotated[
        Path | None, input_option("--list", help="Also read the paths and addresses in this text file, one per line.")
    ] = None,
    videos: Annotated[bool, input_option("--videos", help="Also read the videos in folders.")] = False,
    camera: Annotated[
        int | None, input_option(min=0, help="Watch this camera (0 is the first) in a window; q quits.")
    ] = PredictConfig.camera,
    every: Annotated[int, input_option(min=1, help="Classify every Nth frame of a video.")] = PredictConfig.every,
    face: Annotated[FacePolicy, face_option(help="Which faces of a photo to classify.")] = PredictConfig.face,
    min_face: Annotated[
        float, face_option(min=0, help="Leave out faces with a shorter side, in pixels.")
    ] = PredictConfig.min_face,
    track: Annotated[
        bool, face_option("--track", help="Number the faces of a video; a face keeps its number from frame to frame.")
    ] = False,
    smooth: Annotated[
        float, face_option(min=0, max=60, help="Average the probabilities of a tracked face over this many seconds.")
    ] = PredictConfig.smooth,
    detector: Detector = DetectorConfig.name,
    weights: DetectorWeights = DetectorConfig.weights,
    score_threshold: ScoreThreshold = DetectorConfig.score_threshold,
    checkpoint: CheckpointOption = None,
    mirror: Mirror = False,
    prior: Prior = None,
    runtime: Annotated[
        Runtime, machine_option(help="What runs the networks; onnx starts sooner and needs less memory.")
    ] = PredictConfig.runtime,
    csv: Annotated[
        Path | None, output_option(help="Also write the results to this CSV file, row by row.", dir_okay=False)
    ] = None,
    jsonl: Annotated[
        Path | None,
        output_option(help="Also write the results to this file, one JSON object per line.", dir_okay=False),
    ] = None,
    annotate: Annotated[
        Path | None, output_option(help="Also write pictures with boxes and labels to this folder.", file_okay=False)
    ] = None,
    out: Annotated[Path | None, output_option(help="Folder or address of the parquet files of --engine ray.")] = None,
    part_images: Annotated[
        int, output_option(min=1, help="Photos in each parquet file of --engine ray.")
    ] = PredictConfig.part_images,
    explain: Annotated[
        bool,
        output_option(
            "--explain",
            help="Add what each region of a face contributed: numbers to --json and --jsonl, pictures to --annotate.",
        ),
    ] = False,
    force: Annotated[bool, output_option("--force", help="Replace existing files.")] = False,
    resume: Annotated[
        bool, output_option("--resume", help="Continue the --csv, --jsonl or --out of an interrupted run.")
    ] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
    gpus: OneGpu = PredictConfig.gpus,
    batch_size: BatchSize = PredictConfig.batch_size,
    precision: UsedPrecision = PredictConfig.precision,
    engine: EngineName = PredictConfig.engine,
    actors: Actors = PredictConfig.actors,
) -> None:
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
    with user_errors(debug, TO_RESUME if csv or jsonl or out else TO_REPEAT):
        config = read_request(locals())
        if config.engine == "ray":
            _predict_on_ray(config, as_json, quiet)
        else:
            _predict_here(config, as_json, quiet)


def _predict_here(config: PredictConfig, as_json: bool, quiet: bool) -> None:
    from pipelines.show import prediction_lines, show

    if config.camera is None:
        from pipelines.predict import run  # loads torch; kept out of `ampnet --help`

        result = run(config, quiet, sys.stdout if as_json else None)
    else:
        from pipelines.camera import run as watch_camera

        result = watch_camera(config, quiet)
    if not as_json:
        show(prediction_lines(result))
    _end(result.all_problems(), result.is_interrupted)


def _predict_on_ray(config: PredictConfig, as_json: bool, quiet: bool) -> None:
    from pipelines.predict_ray import run

    result = run(config, quiet)
    if as_json:
        print_json(result.to_dict())
    else:
        tell(*result.lines())
    _end(result.all_problems())


def _end(problems: Sequence[str], is_interrupted: bool = False) -> None:
    """Say what could not be done; the exit code says so, too."""
    for problem in problems:
        complain(problem)
    if is_interrupted:
        raise KeyboardInterrupt
    if problems:
        raise typer.Exit(1)
