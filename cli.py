"""The `ampnet` command: reads arguments, calls one pipeline, prints its result."""

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from ampnet import __version__
from ampnet.config import (
    MODULES,
    CheckConfig,
    CropMode,
    DetectorConfig,
    DetectorName,
    EvalConfig,
    ExportConfig,
    FacePolicy,
    Freeze,
    ImportConfig,
    LayoutName,
    NoFacePolicy,
    Precision,
    PredictConfig,
    PrepareConfig,
    SelectionSplit,
    Split,
    TrainConfig,
    Variant,
    read_modules,
)
from ampnet.errors import INTERRUPTED, AmpnetError
from ampnet.recipes import RecipeName, Targets, read_changes

app = typer.Typer(
    name="ampnet",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Facial expression recognition with AMP-Net: prepare a face data set, train, evaluate, predict.",
)

Gpus = Annotated[int | None, typer.Option(min=0, help="GPUs to use, one process each; 0 is the CPU. Default: all.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of a failure.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")]
DataRoot = Annotated[Path, typer.Option("--data", help="Folder that `ampnet prepare` wrote (holds index/).")]
AsJson = Annotated[bool, typer.Option("--json", help="Results as JSON on stdout, and nothing else there.")]

Mirror = Annotated[bool, typer.Option("--mirror", help="Average each face with its mirror image.")]
PriorOption = Annotated[
    str | None,
    typer.Option(
        "--prior",
        metavar="training|balanced|FILE",
        help="Expected class shares; FILE is JSON of class -> share. Default: what the checkpoint was tuned for.",
    ),
]

Detector = Annotated[DetectorName, typer.Option(help="Face detector; resnet50 is downloaded on first use.")]
DetectorWeights = Annotated[
    Path | None, typer.Option("--weights", help="Weights file of the detector.", exists=True, dir_okay=False)
]
ScoreThreshold = Annotated[float, typer.Option(min=0.01, max=0.99, help="Least detection score of a face.")]


@contextmanager
def user_errors(debug: bool, go_on: str = "run the same command again") -> Iterator[None]:
    """Turn expected failures into one line on stderr and an exit code; a bug keeps its traceback."""
    try:
        yield
    except AmpnetError as error:
        if debug:
            raise
        typer.echo(f"ampnet: {error}", err=True)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # asked twice is asked once
        typer.echo(f"ampnet: interrupted; to go on, {go_on}", err=True)
        if threading.active_count() > 1:  # native code in a thread aborts when Python shuts down around it
            sys.stdout.flush()
            os._exit(INTERRUPTED)
        raise typer.Exit(INTERRUPTED) from None


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"ampnet {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Facial expression recognition with AMP-Net: prepare a face data set, train, evaluate, predict."""


@app.command()
def prepare(
    raw_dir: Annotated[Path, typer.Argument(help="Folder with the images as their owners hand them out.")],
    out: Annotated[Path, typer.Option(help="Folder that receives index/ and dataset/.", file_okay=False)] = Path(),
    layout: Annotated[
        LayoutName, typer.Option(help="How the data set is laid out; auto recognises it.")
    ] = PrepareConfig.layout,
    fold: Annotated[
        int, typer.Option(min=0, max=9, help="Tenth of the people that tests, in sets split by person.")
    ] = 0,
    votes: Annotated[
        Path | None,
        typer.Option(
            help="Votes on the images: fer2013new.csv for FER-2013, or a csv with name and one column per class.",
            exists=True,
            dir_okay=False,
        ),
    ] = PrepareConfig.votes,
    crop: Annotated[
        CropMode, typer.Option(help="none keeps whole images, face cuts each face out and aligns it.")
    ] = PrepareConfig.crop,
    face: Annotated[FacePolicy, typer.Option(help="Which face counts where there are several.")] = PrepareConfig.face,
    no_face: Annotated[
        NoFacePolicy | None,
        typer.Option(help="Without a face: the set's mean landmarks, or left out. Default: template for whole images."),
    ] = None,
    detector: Detector = DetectorConfig.name,
    weights: DetectorWeights = None,
    score_threshold: ScoreThreshold = DetectorConfig.score_threshold,
    min_face: Annotated[float, typer.Option(min=0, help="Least side of a face in pixels.")] = DetectorConfig.min_face,
    workers: Annotated[int, typer.Option(min=1, help="Threads that read and write images.")] = PrepareConfig.workers,
    check: Annotated[bool, typer.Option("--check/--no-check", help="Look for copies and leaks at the end.")] = True,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier index and its images.")] = False,
    gpus: Gpus = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Find the face in every image of a data set and write what training reads: index/ and dataset/."""
    with user_errors(debug, go_on="run the same command with --resume"):
        from pipelines.console import results
        from pipelines.data_tables import prepare_lines  # loads torch; kept out of `ampnet --help`
        from pipelines.prepare import run

        config = PrepareConfig(
            raw_dir=raw_dir,
            out=out,
            layout=layout,
            fold=fold,
            votes=votes,
            crop=crop,
            face=face,
            no_face=no_face,
            detector=DetectorConfig(name=detector, weights=weights, score_threshold=score_threshold, min_face=min_face),
            workers=workers,
            check=check,
            resume=resume,
            force=force,
            gpus=gpus,
        )
        result = run(config, quiet)
        if result is None:  # one of many processes; the first one speaks
            return
        if as_json:
            typer.echo(json.dumps(result.to_dict(), indent=2, ensure_ascii=False))
            return
        results().print(*prepare_lines(result), sep="\n")
        typer.echo(f"next: ampnet train --data {out}")


@app.command()
def train(
    data: DataRoot = TrainConfig.data,
    out: Annotated[Path, typer.Option(help="Folder that receives the run's folder.", file_okay=False)] = (
        TrainConfig.out
    ),
    name: Annotated[str | None, typer.Option(help="The run's folder. Default: run1, run2, ...")] = TrainConfig.name,
    variant: Annotated[
        Variant | None, typer.Option(help="The paper's network (default with a GPU), or a small one (without).")
    ] = TrainConfig.variant,
    width: Annotated[float | None, typer.Option(help="Multiplier of all channel counts.")] = TrainConfig.width,
    image_size: Annotated[int | None, typer.Option(help="Side of the images, a multiple of 8.")] = None,
    modules: Annotated[str, typer.Option(help="Perception modules to use, for ablations.")] = ",".join(MODULES),
    recipe: Annotated[
        RecipeName | None,
        typer.Option(help="How to optimise: as published (default with a GPU), or as is usual today (without)."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the training split. [recipe]")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Images of a step over all processes. [recipe]")] = None,
    lr: Annotated[float | None, typer.Option(help="Largest learning rate. [recipe]")] = None,
    body_lr: Annotated[float | None, typer.Option(help="Learning rate of all but the heads. [recipe]")] = None,
    targets: Annotated[
        Targets | None,
        typer.Option(help="What to learn: each face's label, the votes on it, or a mix of both. [recipe]"),
    ] = None,
    vote_weight: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of the votes in each target, with --targets mix. [recipe]")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Change any other value of the recipe, e.g. erase=0.5."),
    ] = None,
    reference_mirror: Annotated[
        bool, typer.Option("--reference-mirror", help="Mirror landmarks as the published program does (wrongly).")
    ] = False,
    pretrained: Annotated[
        Path | None, typer.Option(help="Start from a run, a checkpoint, bundled, or a published file.")
    ] = TrainConfig.pretrained,
    teacher: Annotated[
        list[Path] | None,
        typer.Option(help="Also learn what this trained network (or bundled) says; repeat for several."),
    ] = None,
    freeze: Annotated[Freeze, typer.Option(help="Leave the stem, or all norms' statistics.")] = TrainConfig.freeze,
    seed: Annotated[int, typer.Option(min=0, help="Decides everything random.")] = TrainConfig.seed,
    seeds: Annotated[int, typer.Option(min=1, help="Train this many seeds; report the spread.")] = TrainConfig.seeds,
    select_on: Annotated[
        SelectionSplit, typer.Option(help="Split that chooses the best epoch; test flatters, and is marked.")
    ] = TrainConfig.select_on,
    patience: Annotated[int, typer.Option(min=0, help="Stop after so many epochs without a better one; 0: never.")] = (
        TrainConfig.patience
    ),
    precision: Annotated[Precision, typer.Option(help="Of the arithmetic.")] = TrainConfig.precision,
    accumulate: Annotated[int, typer.Option(min=1, help="Compute each step in so many parts, for less memory.")] = (
        TrainConfig.accumulate
    ),
    deterministic: Annotated[bool, typer.Option("--deterministic", help="Only deterministic operations.")] = False,
    sync_bn: Annotated[bool, typer.Option("--sync-bn", help="Normalise over all GPUs' batches together.")] = False,
    compiled: Annotated[bool, typer.Option("--compile", help="Compile the network; for long runs on GPUs.")] = False,
    gpus: Gpus = None,
    processes: Annotated[
        int | None, typer.Option(min=1, help="CPU processes that train together. Default: one for each core.")
    ] = TrainConfig.processes,
    workers: Annotated[
        int | None,
        typer.Option(min=0, help="Processes that load images, for each that trains. Default: 1; up to 8 with GPUs."),
    ] = TrainConfig.workers,
    save_every: Annotated[float, typer.Option(min=0, help="Minutes between saves within an epoch.")] = (
        TrainConfig.save_every
    ),
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Also write TensorBoard's files.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run --name, or the last saved.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Train AMP-Net on a prepared data set and keep the best epoch."""
    with user_errors(debug, go_on="run the same command with --resume"):
        common = {
            "epochs": epochs,
            "batch_size": batch_size,
            "lr": lr,
            "body_lr": body_lr,
            "targets": targets,
            "vote_weight": vote_weight,
        }
        config = TrainConfig(
            data=data,
            out=out,
            name=name,
            variant=variant,
            width=width,
            image_size=image_size,
            modules=read_modules(modules),
            recipe=recipe,
            recipe_changes={**common, "reference_mirror": reference_mirror or None, **read_changes(changes or [])},
            pretrained=pretrained,
            teachers=tuple(teacher or ()),
            freeze=freeze,
            seed=seed,
            seeds=seeds,
            select_on=select_on,
            patience=patience,
            precision=precision,
            accumulate=accumulate,
            deterministic=deterministic,
            sync_bn=sync_bn,
            compile=compiled,
            gpus=gpus,
            processes=processes,
            workers=workers,
            save_every=save_every,
            tensorboard=tensorboard,
            resume=resume,
        )
        from ampnet.runtime.launch import is_main_process
        from pipelines.train import run  # loads torch; kept out of `ampnet --help`

        result = run(config, quiet)
        if not is_main_process():
            return  # torchrun runs this command in every process; one of them tells the result
        if as_json:
            typer.echo(json.dumps(result.to_dict(), indent=2, ensure_ascii=False))
            return
        typer.echo("\n".join(result.lines()))


@app.command("check")
def check_data(
    data: DataRoot = CheckConfig.data,
    workers: Annotated[int, typer.Option(min=1, help="Threads that read images.")] = CheckConfig.workers,
    as_json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Look for copies, leaks between splits, lost and broken images in a prepared data set."""
    with user_errors(debug):
        from pipelines.check import run  # loads torch; kept out of `ampnet --help`
        from pipelines.console import results
        from pipelines.data_tables import check_lines

        result = run(CheckConfig(data=data, workers=workers), quiet)
        if as_json:
            typer.echo(json.dumps(result.report.to_dict(), indent=2, ensure_ascii=False))
        else:
            results().print(*check_lines(result), sep="\n")
        if result.report.unreadable:
            raise typer.Exit(1)


@app.command("eval")
def evaluate(
    checkpoint: Annotated[
        Path | None,
        typer.Argument(
            help="A run folder (its best.pt), a checkpoint file, or bundled:NAME. Default: the bundled model."
        ),
    ] = None,
    data: DataRoot = EvalConfig.data,
    split: Annotated[Split, typer.Option(help="Which faces to measure on.")] = EvalConfig.split,
    mirror: Mirror = False,
    prior: PriorOption = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the report. Default: eval/<split> beside the checkpoint.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a report on something else.")] = False,
    batch_size: Annotated[int, typer.Option(min=1, help="Faces at once.")] = EvalConfig.batch_size,
    workers: Annotated[int, typer.Option(min=0, help="Processes that load images.")] = EvalConfig.workers,
    gpus: Gpus = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Measure a checkpoint on a split: accuracy, scores by class, confusion matrix; tables, CSV, JSON and PNG."""
    with user_errors(debug):
        from pipelines.console import results
        from pipelines.evaluate import run  # loads torch; kept out of `ampnet --help`
        from pipelines.tables import evaluation_tables

        config = EvalConfig(
            checkpoint=checkpoint,
            data=data,
            split=split,
            mirror=mirror,
            prior=prior,
            out=out,
            force=force,
            batch_size=batch_size,
            workers=workers,
            gpus=gpus,
        )
        result = run(config, quiet)
        if as_json:
            typer.echo(json.dumps(result.report.to_dict(), indent=2, ensure_ascii=False))
            return
        results().print(*evaluation_tables(result.report), sep="\n")
        typer.echo(f"report: {result.folder}")


@app.command()
def predict(
    images: Annotated[list[Path], typer.Argument(help="Image files, videos, or folders of images.")],
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="A run folder (its best.pt), a checkpoint file, or bundled:NAME. Default: bundled."),
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Also write the results to this CSV file.", dir_okay=False)] = None,
    annotate: Annotated[
        Path | None, typer.Option(help="Also write pictures with boxes and labels to this folder.", file_okay=False)
    ] = None,
    every: Annotated[int, typer.Option(min=1, help="Of videos, classify every so many frames.")] = PredictConfig.every,
    mirror: Mirror = False,
    prior: PriorOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace existing results.")] = False,
    detector: Detector = DetectorConfig.name,
    weights: DetectorWeights = None,
    score_threshold: ScoreThreshold = DetectorConfig.score_threshold,
    batch_size: Annotated[int, typer.Option(min=1, help="Faces at once.")] = PredictConfig.batch_size,
    gpus: Gpus = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Find every face in photos and videos and tell its expression."""
    with user_errors(debug):
        from pipelines.console import results
        from pipelines.predict import run  # loads torch; kept out of `ampnet --help`
        from pipelines.tables import prediction_table

        config = PredictConfig(
            images=tuple(images),
            checkpoint=checkpoint,
            every=every,
            csv=csv,
            annotate=annotate,
            force=force,
            detector=DetectorConfig(name=detector, weights=weights, score_threshold=score_threshold),
            batch_size=batch_size,
            gpus=gpus,
            mirror=mirror,
            prior=prior,
        )
        result = run(config, quiet)
        if as_json:
            typer.echo(json.dumps(result.to_dict(), indent=2, ensure_ascii=False))
        else:
            results().print(prediction_table(result))
        for problem in result.problems:
            typer.echo(f"ampnet: {problem}", err=True)
        if result.problems:
            raise typer.Exit(1)


@app.command("import")
def import_reference(
    source: Annotated[Path, typer.Argument(help="Checkpoint of the published program (.pth).")],
    out: Annotated[
        Path | None, typer.Option(help="Checkpoint to write. Default: checkpoint/<name>.pt.", dir_okay=False)
    ] = None,
    classes: Annotated[
        str, typer.Option(help="Class names in the file's label order, by commas. Default: RAF-DB's order.")
    ] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace an existing checkpoint.")] = False,
    debug: Debug = False,
) -> None:
    """Turn a checkpoint of the authors' program into ours; nothing in the file is executed."""
    with user_errors(debug):
        from pipelines.import_reference import import_reference  # loads torch; kept out of `ampnet --help`

        names = tuple(name.strip() for name in classes.split(",")) if classes else ()
        result = import_reference(ImportConfig(source=source, out=out, class_names=names, force=force))
        typer.echo("\n".join(result.lines()))


@app.command("export-reference")
def export_reference(
    checkpoint: Annotated[Path, typer.Argument(help="A run folder (its best.pt) or a checkpoint file.", exists=True)],
    out: Annotated[Path, typer.Option(help="File to write (458 MB).", dir_okay=False)] = ExportConfig.out,
    data_parallel: Annotated[
        bool, typer.Option("--data-parallel", help="Begin all names with module., as DataParallel does.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    debug: Debug = False,
) -> None:
    """Write a checkpoint of the full network so that the authors' program can load it."""
    with user_errors(debug):
        from pipelines.import_reference import export_reference  # loads torch; kept out of `ampnet --help`

        config = ExportConfig(checkpoint=checkpoint, out=out, data_parallel=data_parallel, force=force)
        typer.echo("\n".join(export_reference(config).lines()))


if __name__ == "__main__":
    sys.exit(app())
