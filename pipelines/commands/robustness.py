"""The command line of `ampnet robustness`."""

from pathlib import Path
from typing import Annotated

from ampnet.settings import RobustnessConfig, Split
from pipelines.commands.one_line_errors import TO_RESUME, user_errors
from pipelines.commands.options import (
    AsJson,
    BatchSize,
    Checkpoint,
    DataRoot,
    Debug,
    Mirror,
    OneGpu,
    Prior,
    Quiet,
    input_option,
    machine_option,
    model_option,
    output_option,
    pick,
)
from pipelines.commands.stdout import print_json, tell


def robustness(
    checkpoint: Checkpoint = None,
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
        Path | None,
        model_option(help="Divide the errors by those of this checkpoint, for the mean corruption error (mCE)."),
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
    """Measure a checkpoint under occlusion, pose and corruption, and the contribution of each module.

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
