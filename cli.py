"""The `ampnet` command: reads arguments, calls one pipeline, prints its result."""

import json
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from errno import ENAMETOOLONG
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ampnet import __version__
from ampnet.config import (
    MAX_FACES_PER_SHARD,
    MODULES,
    CalibrateConfig,
    CheckConfig,
    CompareConfig,
    ConvertConfig,
    CropMode,
    DataForm,
    DetectorConfig,
    DetectorName,
    Engine,
    EvalConfig,
    ExportConfig,
    ExportFormat,
    ExportPrecision,
    ExportReferenceConfig,
    FacePolicy,
    Freeze,
    ImportConfig,
    LayoutName,
    NoFacePolicy,
    Precision,
    PredictConfig,
    PrepareConfig,
    RobustnessConfig,
    Runtime,
    SelectionSplit,
    ServeConfig,
    Split,
    TrainConfig,
    UsePrecision,
    Variant,
    read_modules,
)
from ampnet.errors import INTERRUPTED, AmpnetError, UsageError, require
from ampnet.media.download import is_url
from ampnet.media.printable import MAX_LINE, one_line, printable
from ampnet.recipes import Recipe, RecipeName, Targets, read_changes

WrongUsage: Any = typer.BadParameter.__base__  # click's UsageError, or the copy that newer typers carry


def complain(message: object) -> None:
    """Print one line on stderr: bounded, and with everything escaped that a file name could forge a second one by."""
    typer.echo(printable(f"ampnet: {message}", MAX_LINE), err=True)


class OneLineErrors(TyperGroup):
    """Reports wrong usage like every other failure: in one line on stderr."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run a command line; see :meth:`typer.core.TyperGroup.main`."""
        is_program = options.pop("standalone_mode", True)
        try:
            code = super().main(*args, **options | {"standalone_mode": False})
        except WrongUsage as error:
            if not is_program:
                raise
            if type(error).__name__ != "NoArgsIsHelpError":  # that one has printed the help already
                message = " ".join(error.format_message().replace("Value error, ", "").split()).rstrip(".")
                see = f" (see `{error.ctx.command_path} --help`)" if error.ctx else ""
                complain(f"{message[:1].lower()}{message[1:]}{see}")
            code = error.exit_code
        return sys.exit(code) if is_program else code


app = typer.Typer(
    name="ampnet",
    cls=OneLineErrors,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
main_command = partial(app.command, rich_help_panel="The four steps")
further_command = partial(app.command, rich_help_panel="Further commands")

input_option = partial(typer.Option, rich_help_panel="Input")
face_option = partial(typer.Option, rich_help_panel="Faces")
model_option = partial(typer.Option, rich_help_panel="Model")
recipe_option = partial(typer.Option, rich_help_panel="Recipe")
recipe_value = partial(recipe_option, show_default="the recipe's")
output_option = partial(typer.Option, rich_help_panel="Output")
service_option = partial(typer.Option, rich_help_panel="Service")
limit_option = partial(typer.Option, rich_help_panel="Limits")
machine_option = partial(typer.Option, rich_help_panel="Machine")

A_MODEL = "A run folder (its best.pt), a checkpoint file, `bundled` or `bundled:NAME`."
WHICH_MODEL = "the newest run in ./checkpoint, else the bundled model"

DataRoot = Annotated[
    Path,
    input_option("--data", help="Folder written by `ampnet prepare` (holds index/).", exists=True, file_okay=False),
]
AsJson = Annotated[bool, output_option("--json", help="Print the result as JSON, and nothing else on stdout.")]
Quiet = Annotated[bool, output_option("--quiet", "-q", help="Show no progress and no notices.")]
Debug = Annotated[bool, output_option("--debug", help="Show the full traceback of an error.")]
Gpus = Annotated[
    int | None,
    machine_option(min=0, help="GPUs to use, one process each; 0 runs on the CPU.", show_default="all, else the CPU"),
]
OneGpu = Annotated[
    int | None,
    machine_option("--gpus", min=0, help="1 uses the first GPU, 0 the CPU.", show_default="a GPU if there is one"),
]
LoadingThreads = Annotated[int, machine_option(min=1, help="Threads that read and write images.")]
LoadersForGpu = Annotated[
    int, machine_option(min=0, help="Processes that load images for a GPU; on CPUs, each core loads its own.")
]
BatchSize = Annotated[int, machine_option(min=1, help="Batch size: faces classified at once.")]
Mirror = Annotated[bool, model_option("--mirror", help="Average the answers to each face and its mirror image.")]
Prior = Annotated[
    str | None,
    model_option(
        metavar="training|balanced|FILE",
        help="Expected class frequencies: the training set's, equal ones, or a JSON file of class -> share.",
        show_default="what the checkpoint was tuned for",
    ),
]
UsedPrecision = Annotated[
    UsePrecision,
    machine_option(help="Floating-point precision; auto is bf16 where the processor has it and the labels agree."),
]
Detector = Annotated[DetectorName, face_option(help="Face detector; resnet50 is downloaded on first use.")]
DetectorWeights = Annotated[
    Path | None, face_option("--weights", help="Weights file for the detector.", exists=True, dir_okay=False)
]
ScoreThreshold = Annotated[float, face_option(min=0.01, max=0.99, help="Minimum detection score.")]


EngineName = Annotated[
    Engine,
    machine_option("--engine", help="ray spreads the work over the cluster at RAY_ADDRESS, or over local processes."),
]
Actors = Annotated[
    int | None,
    machine_option("--actors", min=1, help="Processes of --engine ray.", show_default="one per GPU, else per core"),
]


FacesPerShard = Annotated[int, output_option(min=1, max=MAX_FACES_PER_SHARD, help="Faces in each shard.")]

TO_REPEAT = "run the same command again"
TO_RESUME = "to resume, run the same command with --resume"


@contextmanager
def user_errors(debug: bool, after_ctrl_c: str = TO_REPEAT) -> Iterator[None]:
    """Turn expected failures into one line on stderr and an exit code; a bug keeps its traceback."""
    try:
        with _warnings_in_one_line():
            yield
    except AmpnetError as error:
        if debug:
            raise
        complain(error)
        raise typer.Exit(error.exit_code) from None
    except BrokenPipeError:
        raise  # the reader of our output has seen enough; typer ends in silence
    except OSError as error:  # of a path or an output that no part of the program looks after
        if debug:
            raise
        reason = error.strerror or str(error)
        complain(reason if error.filename is None else f"cannot use {os.fspath(error.filename)}: {reason}")
        raise typer.Exit(UsageError.exit_code if error.errno == ENAMETOOLONG else AmpnetError.exit_code) from None
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # pressing it twice is pressing it once
        complain(f"interrupted; {after_ctrl_c}")
        if threading.active_count() > 1:  # native code in a thread aborts when Python shuts down around it
            sys.stdout.flush()
            os._exit(INTERRUPTED)
        raise typer.Exit(INTERRUPTED) from None


@contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_args, **_options: complain(f"warning: {message}")
        yield


def pick(settings: type[Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Select a command's arguments that have the name of a config's field."""
    names = {field.name for field in fields(settings)}
    return {name: value for name, value in arguments.items() if name in names}


def tell(*lines: str) -> None:
    """Print lines on stdout; what a line cannot hold, such as line breaks and undecodable bytes, is escaped."""
    typer.echo("\n".join(one_line(line) for line in lines))


def print_json(result: dict[str, Any]) -> None:
    """Print a result for programs."""
    text = json.dumps(result, indent=2, ensure_ascii=False, allow_nan=False)
    # Undecodable bytes of paths become JSON's own escapes, from which a program gets the path back.
    typer.echo(text.encode(errors="backslashreplace").decode())


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"ampnet {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Facial expression recognition with AMP-Net: prepare a data set, train, evaluate, predict.

    \bExamples:
      $ ampnet predict photo.jpg        # with the bundled model
      $ ampnet prepare raw_images       # find the faces: ./index, ./dataset
      $ ampnet train                    # ./checkpoint/run1
      $ ampnet eval                     # the newest run, on the test split
    """


@main_command()
def prepare(
    raw_dir: Annotated[
        Path, typer.Argument(help="The data set as its owners distribute it: folder or CSV.", exists=True)
    ],
    layout: Annotated[LayoutName, input_option(help="Layout of the data set; auto detects it.")] = PrepareConfig.layout,
    fold: Annotated[
        int, input_option(min=0, max=9, help="Test fold (0-9) for data sets split by subject.")
    ] = PrepareConfig.fold,
    votes: Annotated[
        Path | None,
        input_option(
            help="Annotators' votes: fer2013new.csv for FER-2013, or a CSV with name and one column per class.",
            exists=True,
            dir_okay=False,
        ),
    ] = PrepareConfig.votes,
    crop: Annotated[
        CropMode, face_option(help="none keeps whole images; face cuts out and aligns each face.")
    ] = PrepareConfig.crop,
    face: Annotated[FacePolicy, face_option(help="Which face to keep if an image has several.")] = PrepareConfig.face,
    no_face: Annotated[
        NoFacePolicy | None,
        face_option(
            help="Without a face: use the set's mean landmarks, or drop the image.",
            show_default="template for whole images, drop for faces",
        ),
    ] = PrepareConfig.no_face,
    detector: Detector = DetectorConfig.name,
    weights: DetectorWeights = DetectorConfig.weights,
    score_threshold: ScoreThreshold = DetectorConfig.score_threshold,
    min_face: Annotated[float, face_option(min=0, help="Minimum face size in pixels.")] = DetectorConfig.min_face,
    out: Annotated[
        Path, output_option(help="Folder that receives index/ and dataset/.", file_okay=False)
    ] = PrepareConfig.out,
    form: Annotated[
        DataForm, output_option(help="files: one for each face; shards: parquet and tar, for sets of many millions.")
    ] = PrepareConfig.form,
    faces_per_shard: FacesPerShard = PrepareConfig.faces_per_shard,
    check: Annotated[
        bool, output_option("--check/--no-check", help="Look for duplicates and leaks at the end.")
    ] = PrepareConfig.check,
    resume: Annotated[bool, output_option("--resume", help="Resume an interrupted run.")] = False,
    force: Annotated[bool, output_option("--force", help="Replace an earlier index and its images.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
    gpus: OneGpu = PrepareConfig.gpus,
    workers: LoadingThreads = PrepareConfig.workers,
    engine: EngineName = PrepareConfig.engine,
    actors: Actors = PrepareConfig.actors,
) -> None:
    """Find the face in every image of a data set and write the index that training reads.

    \bExamples:
      $ ampnet prepare raw_images
      $ ampnet prepare CK+ --fold 3 --crop face --out ckplus
      $ ampnet prepare fer2013 --votes fer2013new.csv
    """
    with user_errors(debug, TO_RESUME):
        from pipelines.prepare import run  # loads torch; kept out of `ampnet --help`
        from pipelines.show import show
        from pipelines.show_data import prepare_lines

        finder = DetectorConfig(name=detector, **pick(DetectorConfig, locals()))
        result = run(PrepareConfig(**pick(PrepareConfig, locals()) | {"detector": finder}), quiet)
        if as_json:
            print_json(result.to_dict())
        else:
            show(prepare_lines(result))
            tell(f"next: ampnet train --data {out}")


@main_command()
def train(
    data: DataRoot = TrainConfig.data,
    variant: Annotated[
        Variant | None,
        model_option(
            help="The paper's network, or a small one for CPUs.", show_default="ampnet with a GPU, else ampnet-small"
        ),
    ] = TrainConfig.variant,
    width: Annotated[
        float | None, model_option(help="Multiplier of all channel counts.", show_default="the variant's")
    ] = TrainConfig.width,
    image_size: Annotated[
        int | None, model_option(help="Input size in pixels, a multiple of 8.", show_default="the variant's")
    ] = TrainConfig.image_size,
    modules: Annotated[str, model_option(help="Perception modules in use, for ablations.")] = ",".join(MODULES),
    pretrained: Annotated[
        Path | None,
        model_option(help=f"Start from these weights. {A_MODEL} A .pth of the reference program works too."),
    ] = TrainConfig.pretrained,
    freeze: Annotated[
        Freeze, model_option(help="Freeze the stem, or the statistics of all normalisation layers.")
    ] = TrainConfig.freeze,
    recipe: Annotated[
        RecipeName | None,
        recipe_option(
            help="reference trains as the paper's program does, modern as is usual today.",
            show_default="reference with a GPU, else modern",
        ),
    ] = None,
    epochs: Annotated[int | None, recipe_value(min=1, help="Passes over the training split.")] = None,
    batch_size: Annotated[int | None, recipe_value(min=1, help="Batch size, over all processes.")] = None,
    lr: Annotated[float | None, recipe_value(help="Peak learning rate.")] = None,
    body_lr: Annotated[
        float | None,
        recipe_value(help="Peak learning rate of all layers but the two heads."),
    ] = None,
    targets: Annotated[
        Targets | None,
        recipe_value(help="What to learn: each face's label, its annotators' votes, or a mix."),
    ] = None,
    vote_weight: Annotated[
        float | None,
        recipe_value(min=0, max=1, help="Weight of the votes in `--targets mix`."),
    ] = None,
    teachers: Annotated[
        list[Path] | None,
        recipe_option("--teacher", help="Distil from this checkpoint, or from `bundled`; repeat for several."),
    ] = None,
    reference_mirror: Annotated[
        bool,
        recipe_option(
            "--reference-mirror", help="Mirror landmarks as the reference program does: two of the five stay put."
        ),
    ] = False,
    changes: Annotated[
        list[str] | None,
        recipe_option("--set", metavar="NAME=VALUE", help="Change any other value of the recipe, e.g. erase=0.5."),
    ] = None,
    seed: Annotated[int, recipe_option(min=0, help="Random seed.")] = TrainConfig.seed,
    seeds: Annotated[
        int, recipe_option(min=1, help="Train with this many seeds and report the spread.")
    ] = TrainConfig.seeds,
    select_on: Annotated[
        SelectionSplit,
        recipe_option(help="Split that picks the best epoch; test inflates the test score, and every report says so."),
    ] = TrainConfig.select_on,
    patience: Annotated[
        int, recipe_option(min=0, help="Stop after this many epochs without improvement; 0 never stops early.")
    ] = TrainConfig.patience,
    out: Annotated[Path, output_option(help="Folder for all runs.", file_okay=False)] = TrainConfig.out,
    name: Annotated[
        str | None, output_option(help="Name of the run's folder.", show_default="run1, run2, ...")
    ] = TrainConfig.name,
    resume: Annotated[
        bool, output_option("--resume", help="Resume the run given by --name, or the one saved last.")
    ] = False,
    save_every: Annotated[
        float, output_option(min=0, help="Minutes between saves within an epoch.")
    ] = TrainConfig.save_every,
    tensorboard: Annotated[bool, output_option("--tensorboard", help="Also log to TensorBoard.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
    gpus: Gpus = TrainConfig.gpus,
    processes: Annotated[
        int | None, machine_option(min=1, help="CPU processes that train together.", show_default="one per core")
    ] = TrainConfig.processes,
    workers: Annotated[
        int | None,
        machine_option(
            min=0, help="Image-loading processes per training process.", show_default="1, up to 8 with GPUs"
        ),
    ] = TrainConfig.workers,
    precision: Annotated[Precision, machine_option(help="Floating-point precision.")] = TrainConfig.precision,
    accumulate: Annotated[
        int, machine_option(min=1, help="Split each batch into this many parts to save memory.")
    ] = TrainConfig.accumulate,
    deterministic: Annotated[
        bool, machine_option("--deterministic", help="Allow only deterministic operations.")
    ] = False,
    sync_bn: Annotated[bool, machine_option("--sync-bn", help="Synchronise batch norm across GPUs.")] = False,
    compile: Annotated[
        bool, machine_option("--compile", help="Compile the network; pays off in long runs on GPUs.")
    ] = False,
) -> None:
    """Train AMP-Net on a prepared data set and keep the best epoch.

    \bExamples:
      $ ampnet train
      $ ampnet train --gpus 4 --precision bf16 --name paper
      $ ampnet train --pretrained bundled --epochs 6 --lr 0.02
      $ ampnet train --resume
    """
    with user_errors(debug, TO_RESUME):
        converted = {
            "modules": read_modules(modules),
            "teachers": tuple(teachers or ()),
            "recipe_changes": {
                **pick(Recipe, locals()),
                "reference_mirror": reference_mirror or None,
                **read_changes(changes or []),
            },
        }
        config = TrainConfig(**pick(TrainConfig, locals()) | converted)
        from ampnet.runtime.launch import is_main_process
        from pipelines.train import run  # loads torch; kept out of `ampnet --help`

        result = run(config, quiet)
        if not is_main_process():
            return  # torchrun runs this command in every process; the first prints the result
        if as_json:
            print_json(result.to_dict())
        else:
            tell(*result.lines())


@main_command("eval")
def evaluate(
    checkpoint: Annotated[Path | None, typer.Argument(help=A_MODEL, show_default=WHICH_MODEL)] = None,
    data: DataRoot = EvalConfig.data,
    split: Annotated[Split, input_option(help="Split to measure.")] = EvalConfig.split,
    predictions: Annotated[
        Path | None,
        input_option(
            help="Score any tool's answers instead of a checkpoint: a CSV with name, and predicted or p_<class>.",
            exists=True,
            dir_okay=False,
        ),
    ] = EvalConfig.predictions,
    mirror: Mirror = False,
    prior: Prior = None,
    out: Annotated[
        Path | None, output_option(help="Folder of the report.", show_default="eval/<split> beside the checkpoint")
    ] = None,
    force: Annotated[bool, output_option("--force", help="Replace a report on another evaluation.")] = False,
    details: Annotated[bool, output_option("--details", help="Print all tables, not only the summary.")] = False,
    latex: Annotated[
        bool, output_option("--latex", help="Print the table for a paper as LaTeX, and nothing else on stdout.")
    ] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
    gpus: OneGpu = EvalConfig.gpus,
    batch_size: BatchSize = EvalConfig.batch_size,
    workers: LoadersForGpu = EvalConfig.workers,
    precision: UsedPrecision = EvalConfig.precision,
) -> None:
    """Measure a checkpoint, or any tool's predictions, on a prepared data set; leave a report.

    \bExamples:
      $ ampnet eval
      $ ampnet eval checkpoint/run1 --split val
      $ ampnet eval bundled:fer2013 --data fer2013 --json
      $ ampnet eval --predictions rival.csv --data fer2013
    """
    with user_errors(debug):
        from ampnet.data.loading.unreadable import describe_unreadable
        from ampnet.evaluation.latex import latex_table  # loads torch; kept out of `ampnet --help`
        from pipelines.evaluate import run
        from pipelines.show import show
        from pipelines.show_evaluation import evaluation_tables

        require(not (latex and as_json), "--latex and --json both print to stdout; choose one")
        result = run(EvalConfig(**pick(EvalConfig, locals())), quiet)
        if as_json:
            print_json(result.report.to_dict())
        elif latex:
            typer.echo(latex_table(result.report), nl=False)
        else:
            show(evaluation_tables(result.report, details))
            more = "" if details else "; all tables: --details"
            tell(f"report: {result.folder / 'report.html'} (beside it metrics.json, predictions.csv, figures){more}")
        if unreadable := result.report.table.unreadable:
            complain(f"{describe_unreadable(unreadable)}; counted as errors")
            raise typer.Exit(1)


@main_command(
    epilog="An expression is not an emotion: the model tells what a face looks like, not what a person feels. "
    "Do not decide about people by it. In the EU, Art. 5(1)(f) of the AI Act prohibits inferring emotions of people at "
    "work and in education, except for medical or safety reasons."
)
def predict(
    images: Annotated[
        list[str] | None,  # a path would lose a slash of an address
        typer.Argument(
            help="Photos, videos, folders of photos, quoted patterns ('**/*.jpg'), http(s) addresses, or - for stdin."
        ),
    ] = None,
    list_file: Annotated[
        Path | None, input_option("--list", help="Also read what this text file names, one path or address a line.")
    ] = None,
    videos: Annotated[bool, input_option("--videos", help="Also read the videos in folders.")] = False,
    camera: Annotated[
        int | None, input_option(min=0, help="Watch this camera (0 is the first) in a window; q ends.")
    ] = PredictConfig.camera,
    every: Annotated[int, input_option(min=1, help="Classify every Nth frame of a video.")] = PredictConfig.every,
    face: Annotated[FacePolicy, face_option(help="Which faces of a photo to classify.")] = PredictConfig.face,
    min_face: Annotated[
        float, face_option(min=0, help="Leave out faces with a side of fewer pixels.")
    ] = PredictConfig.min_face,
    track: Annotated[
        bool, face_option("--track", help="Number the faces of a video, each the same in all frames.")
    ] = False,
    smooth: Annotated[
        float, face_option(min=0, max=60, help="Average the probabilities of a tracked face over this many seconds.")
    ] = PredictConfig.smooth,
    detector: Detector = DetectorConfig.name,
    weights: DetectorWeights = DetectorConfig.weights,
    score_threshold: ScoreThreshold = DetectorConfig.score_threshold,
    checkpoint: Annotated[Path | None, model_option(help=A_MODEL, show_default=WHICH_MODEL)] = None,
    mirror: Mirror = False,
    prior: Prior = None,
    runtime: Annotated[
        Runtime, machine_option(help="What runs the networks; onnx starts sooner and needs less memory.")
    ] = PredictConfig.runtime,
    csv: Annotated[
        Path | None, output_option(help="Also write the results to this CSV file, row by row.", dir_okay=False)
    ] = None,
    jsonl: Annotated[
        Path | None, output_option(help="Also write the results to this file, a JSON object a line.", dir_okay=False)
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
        if not images and list_file is None and camera is None:
            raise UsageError("missing argument 'images', --list FILE or --camera 0 (see `ampnet predict --help`)")
        # the detector's limit counts pixels of the image it gets, which may be a reduced one
        smallest = {"min_face": min(min_face, DetectorConfig.min_face)}
        finder = DetectorConfig(name=detector, **pick(DetectorConfig, locals()) | smallest)
        inputs = tuple(text if is_url(text) else Path(text) for text in images or ())
        config = PredictConfig(**pick(PredictConfig, locals()) | {"images": inputs, "detector": finder})
        if engine == "ray":
            _predict_on_ray(config, as_json, quiet)
            return
        if camera is not None and as_json:
            raise UsageError("--camera has a window and --csv only; leave out --json")
        if as_json and resume:
            raise UsageError("--json prints anew what --resume would continue; use --jsonl FILE")
        if explain and not (as_json or jsonl or annotate):
            raise UsageError("--explain needs a place for what it says: --annotate DIR, --json or --jsonl FILE")
        from pipelines.show import prediction_lines, show

        if camera is None:
            from pipelines.predict import run  # loads torch; kept out of `ampnet --help`

            result = run(config, quiet, sys.stdout if as_json else None)
        else:
            from pipelines.camera import run as watch_camera

            result = watch_camera(config, quiet)
        if not as_json:
            show(prediction_lines(result))
        for problem in result.problems:
            complain(problem)
        if result.unlisted_problems:
            complain(f"{result.unlisted_problems:,} further inputs cannot be read")
        if result.is_interrupted:
            raise KeyboardInterrupt
        if result.problems:
            raise typer.Exit(1)


def _predict_on_ray(config: PredictConfig, as_json: bool, quiet: bool) -> None:
    from pipelines.predict_ray import run

    result = run(config, quiet)
    if as_json:
        print_json(result.to_dict())
    else:
        tell(*result.lines())
    for problem in result.counts.problems:
        complain(problem)
    if more := result.counts.unreadable - len(result.counts.problems):
        complain(f"{more:,} further inputs cannot be read; the rows say why")
    if result.counts.unreadable:
        raise typer.Exit(1)


@further_command()
def serve(
    host: Annotated[str, service_option(help="Address to listen on.")] = ServeConfig.host,
    port: Annotated[int, service_option(min=0, max=65_535, help="Port; 0 takes a free one.")] = ServeConfig.port,
    allow_host: Annotated[
        list[str] | None, service_option(help="Also answer to this name (Host header); repeat for several.")
    ] = None,
    token: Annotated[
        str | None,
        service_option(envvar="AMPNET_TOKEN", help="Ask clients for `Authorization: Bearer TOKEN`."),
    ] = None,
    checkpoint: Annotated[Path | None, model_option(help=A_MODEL, show_default=WHICH_MODEL)] = None,
    score_threshold: ScoreThreshold = DetectorConfig.score_threshold,
    runtime: Annotated[
        Runtime | None,
        machine_option(
            help="What runs the networks; onnx exports the model once.",
            show_default="onnx if it is exported, else torch",
        ),
    ] = None,
    gpus: OneGpu = ServeConfig.gpus,
    batch_size: Annotated[int, machine_option(min=1, help="Most photos in a batch.")] = ServeConfig.batch_size,
    batch_wait: Annotated[
        float, machine_option(min=0, max=1000, help="Milliseconds for which a photo waits for others.")
    ] = ServeConfig.batch_wait,
    parallel: Annotated[
        int | None,
        machine_option(
            min=1, help="Batches at work side by side, sharing the cores.", show_default="cores, at most 8; 1 on a GPU"
        ),
    ] = ServeConfig.parallel,
    decoders: Annotated[
        int | None, machine_option(min=1, help="Processes that decode photos.", show_default="cores, at most 4")
    ] = ServeConfig.decoders,
    queue: Annotated[
        int, limit_option(min=1, help="Most photos at work or waiting; beyond, the answer is 503.")
    ] = ServeConfig.queue,
    max_megabytes: Annotated[float, limit_option(help="Most megabytes in a request.")] = ServeConfig.max_megabytes,
    max_megapixels: Annotated[float, limit_option(help="Most megapixels in a photo.")] = ServeConfig.max_megapixels,
    max_files: Annotated[int, limit_option(min=1, help="Most photos in a request.")] = ServeConfig.max_files,
    max_faces: Annotated[int, limit_option(min=1, help="Most faces listed of a photo.")] = ServeConfig.max_faces,
    max_seconds: Annotated[
        float, limit_option(help="Most seconds for a request to arrive, and again for its answer.")
    ] = ServeConfig.max_seconds,
    max_decode_seconds: Annotated[
        float, limit_option(help="Most seconds for decoding a photo.")
    ] = ServeConfig.max_decode_seconds,
    max_connections: Annotated[
        int, limit_option(min=1, help="Most connections at once.")
    ] = ServeConfig.max_connections,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Answer photos on a page and over HTTP, on this machine unless --host says otherwise.

    \bExamples:
      $ ampnet serve                    # the page: http://127.0.0.1:8000/
      $ curl -F file=@photo.jpg http://127.0.0.1:8000/v1/predict
      $ AMPNET_TOKEN=... ampnet serve --host 0.0.0.0 --allow-host faces.example.org
    """
    with user_errors(debug):
        from pipelines.serve import run

        finder = DetectorConfig(score_threshold=score_threshold)
        chosen = pick(ServeConfig, locals()) | {"allow_hosts": tuple(allow_host or ()), "detector": finder}
        ended_by = run(ServeConfig(**chosen), lambda address: tell(f"ampnet serves {address}"), quiet, debug)
        if ended_by == signal.SIGINT:
            raise typer.Exit(INTERRUPTED)


@further_command("check")
def check_data(
    data: DataRoot = CheckConfig.data,
    as_json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
    workers: LoadingThreads = CheckConfig.workers,
) -> None:
    """Look for duplicates, leaks between splits, lost and damaged images in a prepared data set.

    \bExamples:
      $ ampnet check
      $ ampnet check --data fer2013 --json
    """
    with user_errors(debug):
        from pipelines.check import run  # loads torch; kept out of `ampnet --help`
        from pipelines.show import show
        from pipelines.show_data import check_lines

        result = run(CheckConfig(data=data, workers=workers), quiet)
        if as_json:
            print_json(result.report.to_dict())
        else:
            show(check_lines(result))
        if unreadable := result.report.unreadable:
            complain(f"{len(unreadable)} prepared images cannot be read, such as {unreadable[0]}; run prepare again")
            raise typer.Exit(1)


@further_command("convert")
def convert(
    data: Annotated[
        Path,
        typer.Argument(help="Folder written by `ampnet prepare` or `ampnet convert`.", exists=True, file_okay=False),
    ],
    to: Annotated[DataForm, output_option("--to", help="Form to write.")],
    out: Annotated[Path, output_option("--out", help="Folder to write; the original stays.", file_okay=False)],
    faces_per_shard: FacesPerShard = ConvertConfig.faces_per_shard,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Rewrite a prepared data set as shards (parquet and tar), or shards as files.

    Shards suit storage that is slow with many small files, and sets of many millions; train and eval read both forms.

    \bExamples:
      $ ampnet convert fer2013 --to shards --out fer2013-shards
      $ ampnet convert fer2013-shards --to files --out fer2013-again
    """
    with user_errors(debug):
        from pipelines.convert import run  # loads numpy; kept out of `ampnet --help`

        tell(*run(ConvertConfig(**pick(ConvertConfig, locals())), quiet).lines())


@further_command("compare")
def compare(
    contenders: Annotated[
        list[Path],
        typer.Argument(
            metavar="A B ...",
            help=f"Two or more. {A_MODEL} Also a folder of several seeds' runs, or any tool's predictions (CSV).",
        ),
    ],
    data: DataRoot = CompareConfig.data,
    split: Annotated[Split, input_option(help="Split to compare on.")] = CompareConfig.split,
    seed: Annotated[int, input_option(min=0, help="Random seed of intervals and pictures.")] = CompareConfig.seed,
    mirror: Mirror = False,
    out: Annotated[
        Path | None,
        output_option(help="Folder of the results.", file_okay=False, show_default="compare/A-B-<split> with the data"),
    ] = None,
    force: Annotated[bool, output_option("--force", help="Replace another comparison.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
    gpus: OneGpu = CompareConfig.gpus,
    batch_size: BatchSize = CompareConfig.batch_size,
    workers: LoadersForGpu = CompareConfig.workers,
) -> None:
    """Compare checkpoints, or any tools' predictions, on the same images: who is better, and where they differ.

    \bExamples:
      $ ampnet compare bundled:fer2013 checkpoint/run1 --data fer2013
      $ ampnet compare checkpoint/seeds_a checkpoint/seeds_b --split val
      $ ampnet compare bundled rival.csv --data fer2013 --json
    """
    with user_errors(debug):
        config = CompareConfig(**pick(CompareConfig, locals()) | {"contenders": tuple(contenders)})
        from ampnet.data.loading.unreadable import describe_unreadable  # loads torch; kept out of `ampnet --help`
        from pipelines.compare import run
        from pipelines.show import show
        from pipelines.show_comparison import comparison_tables

        result = run(config, quiet)
        if as_json:
            print_json(result.to_dict())
        else:
            show(comparison_tables(result))
            sheets = [pair.sheet for pair in result.pairs if pair.sheet]
            pictures = f", pictures {', '.join(sheets)}" if sheets else ""
            tell(f"results: {result.folder} (compare.json, answers.csv{pictures})")
        if result.unreadable:
            complain(f"{describe_unreadable(result.unreadable)}; counted as errors")
            raise typer.Exit(1)


@further_command("robustness")
def robustness(
    checkpoint: Annotated[Path | None, typer.Argument(help=A_MODEL, show_default=WHICH_MODEL)] = None,
    data: DataRoot = RobustnessConfig.data,
    split: Annotated[Split, input_option(help="Split to measure.")] = RobustnessConfig.split,
    images: Annotated[
        int | None, input_option(min=1, help="Corrupt a random sample of this many faces.", show_default="all")
    ] = RobustnessConfig.images,
    subsets: Annotated[
        list[Path] | None,
        input_option("--subset", help="Also measure the faces that this list names; repeat for several."),
    ] = None,
    corruptions: Annotated[
        str,
        input_option(help="Corruptions or groups: occlusion, blur, noise, light, quality, framing; `none` for none."),
    ] = RobustnessConfig.corruptions,
    seed: Annotated[int, input_option(min=0, help="Random seed of the corruptions.")] = RobustnessConfig.seed,
    baseline: Annotated[
        Path | None, model_option(help="Divide the errors by this checkpoint's, for the mean corruption error (mCE).")
    ] = RobustnessConfig.baseline,
    mirror: Mirror = False,
    prior: Prior = None,
    out: Annotated[
        Path | None, output_option(help="Folder of the results.", show_default="robustness/<split> by the checkpoint")
    ] = None,
    resume: Annotated[bool, output_option("--resume", help="Resume an interrupted run.")] = False,
    force: Annotated[bool, output_option("--force", help="Replace other results, or an interrupted run.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
    gpus: OneGpu = RobustnessConfig.gpus,
    batch_size: BatchSize = RobustnessConfig.batch_size,
    workers: Annotated[
        int | None, machine_option(min=0, help="Processes that corrupt and classify.", show_default="one per core")
    ] = RobustnessConfig.workers,
) -> None:
    """Measure a checkpoint under occlusion, pose and corruption, and what each module of the network brings.

    \bExamples:
      $ ampnet robustness checkpoint/run1
      $ ampnet robustness bundled --data fer2013 --corruptions occlusion --images 500
      $ ampnet robustness checkpoint/run1 --corruptions none --subset occlusion_list.txt
    """
    with user_errors(debug, TO_RESUME):
        from pipelines.robustness import run  # loads torch; kept out of `ampnet --help`
        from pipelines.show import show
        from pipelines.show_robustness import robustness_tables

        config = RobustnessConfig(**pick(RobustnessConfig, locals()) | {"subsets": tuple(subsets or ())})
        result = run(config, quiet)
        if as_json:
            print_json(result.report.to_dict())
        else:
            show(robustness_tables(result))
            tell(f"report: {result.folder}")


@further_command("calibrate")
def calibrate(
    checkpoint: Annotated[Path | None, typer.Argument(help=A_MODEL, show_default=WHICH_MODEL)] = None,
    data: DataRoot = CalibrateConfig.data,
    coverage: Annotated[
        float | None,
        model_option(min=0, max=1, help="Answer this share of the faces, the surest ones.", show_default="all"),
    ] = CalibrateConfig.coverage,
    precision: Annotated[
        float | None,
        model_option(min=0, max=1, help="Answer as many faces as can be with this share of the answers right."),
    ] = CalibrateConfig.precision,
    out: Annotated[
        Path | None, output_option(help="Checkpoint to write.", dir_okay=False, show_default="the checkpoint itself")
    ] = CalibrateConfig.out,
    force: Annotated[bool, output_option("--force", help="Replace an existing file, such as the checkpoint.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
    gpus: OneGpu = CalibrateConfig.gpus,
    batch_size: BatchSize = CalibrateConfig.batch_size,
    workers: LoadersForGpu = CalibrateConfig.workers,
) -> None:
    """Fit a checkpoint's temperature, and from which probability on it gives an answer, on the validation split.

    Below that probability, the answer of `ampnet predict` is "not sure". The bundled models are never changed.

    \bExamples:
      $ ampnet calibrate checkpoint/run1 --force
      $ ampnet calibrate checkpoint/run1 --coverage 0.9 --out sure.pt
      $ ampnet calibrate bundled --data fer2013 --precision 0.95 --out sure.pt
    """
    with user_errors(debug):
        from pipelines.calibrate import run  # loads torch; kept out of `ampnet --help`

        result = run(CalibrateConfig(**pick(CalibrateConfig, locals())), quiet)
        if as_json:
            print_json(result.to_dict())
        else:
            tell(*result.lines())


@further_command("import")
def import_reference(
    source: Annotated[
        Path, typer.Argument(help="Checkpoint of the reference program (.pth).", exists=True, dir_okay=False)
    ],
    classes: Annotated[
        str, input_option(help="Class names in the file's label order, comma-separated.", show_default="RAF-DB's order")
    ] = "",
    out: Annotated[
        Path | None,
        output_option(help="Checkpoint to write.", dir_okay=False, show_default="checkpoint/<name of the file>.pt"),
    ] = None,
    force: Annotated[bool, output_option("--force", help="Replace an existing checkpoint.")] = False,
    debug: Debug = False,
) -> None:
    """Convert a checkpoint of the reference program into ours; nothing in the file is executed.

    \bExamples:
      $ ampnet import model_best.pth
      $ ampnet import model_best.pth --classes joy,pain,other --out pain.pt
    """
    with user_errors(debug):
        from pipelines.import_reference import import_reference  # loads torch; kept out of `ampnet --help`

        names = tuple(name.strip() for name in classes.split(",")) if classes else ()
        result = import_reference(ImportConfig(source=source, out=out, class_names=names, force=force))
        tell(*result.lines())


@further_command("export")
def export(
    model: Annotated[
        Path, typer.Argument(help="A run folder, a checkpoint file, `bundled`, `bundled:NAME`, or `detector`.")
    ],
    format: Annotated[ExportFormat, output_option(help="Format of the file.")] = ExportConfig.format,
    precision: Annotated[
        ExportPrecision, output_option(help="Precision of an ONNX file; int8 needs faces to calibrate with.")
    ] = ExportConfig.precision,
    data: Annotated[
        Path | None,
        input_option(
            help="Prepared data set whose validation faces calibrate int8 and are checked.",
            exists=True,
            file_okay=False,
            show_default="the faces of a sample photo",
        ),
    ] = None,
    out: Annotated[
        Path | None, output_option(help="File to write.", dir_okay=False, show_default="the model's name")
    ] = None,
    licence: Annotated[
        str, output_option(help="Terms of the weights, for the file's metadata.", show_default="not stated")
    ] = "",
    force: Annotated[bool, output_option("--force", help="Replace an existing file.")] = False,
    debug: Debug = False,
) -> None:
    """Write a model that runs without ampnet, and check that it gives the same answers.

    Landmarks go in, and the regions are placed inside the graph; the batch is dynamic. Class names, framing and
    temperature are in the file's metadata.

    \bExamples:
      $ ampnet export bundled
      $ ampnet export checkpoint/run1 --precision int8 --data fer
      $ ampnet export detector
    """
    with user_errors(debug):
        from pipelines.export import run  # loads torch; kept out of `ampnet --help`

        tell(*run(ExportConfig(**pick(ExportConfig, locals()))).lines())


@further_command("export-reference")
def export_reference(
    checkpoint: Annotated[Path, typer.Argument(help="A run folder (its best.pt) or a checkpoint file.")],
    out: Annotated[Path, output_option(help="File to write (458 MB).", dir_okay=False)] = ExportReferenceConfig.out,
    data_parallel: Annotated[
        bool, output_option("--data-parallel", help="Prefix all names with `module.`, as DataParallel does.")
    ] = False,
    force: Annotated[bool, output_option("--force", help="Replace an existing file.")] = False,
    debug: Debug = False,
) -> None:
    """Convert a checkpoint of the full network for the reference program.

    \bExamples:
      $ ampnet export-reference checkpoint/run1 --out model.pth
    """
    with user_errors(debug):
        from pipelines.import_reference import export_reference  # loads torch; kept out of `ampnet --help`

        tell(*export_reference(ExportReferenceConfig(**pick(ExportReferenceConfig, locals()))).lines())


if __name__ == "__main__":
    sys.exit(app())
