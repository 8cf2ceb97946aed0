"""The command line of `ampnet train`."""

from pathlib import Path
from typing import Annotated

from ampnet.settings import MODULES, Freeze, Precision, SelectionSplit, TrainConfig, Variant, read_modules
from ampnet.settings.recipes import Recipe, RecipeName, Targets, read_changes
from pipelines.commands.one_line_errors import TO_RESUME, user_errors
from pipelines.commands.options import (
    A_MODEL,
    AsJson,
    DataRoot,
    Debug,
    Gpus,
    Quiet,
    machine_option,
    model_option,
    output_option,
    pick,
    recipe_option,
    recipe_value,
)
from pipelines.commands.stdout import print_json, tell


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
            help="reference follows the paper's program; modern follows current practice.",
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
        recipe_value(help="Training targets: each face's label, its annotators' votes, or a mix."),
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
            "--reference-mirror",
            help="Mirror landmarks as the reference program does: two of the five stay unmirrored.",
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
