"""The command line of `ampnet calibrate`."""

from pathlib import Path
from typing import Annotated

from ampnet.settings import CalibrateConfig
from pipelines.commands.one_line_errors import user_errors
from pipelines.commands.options import (
    AsJson,
    BatchSize,
    Checkpoint,
    DataRoot,
    Debug,
    LoadersForGpu,
    OneGpu,
    Quiet,
    model_option,
    output_option,
    pick,
)
from pipelines.commands.stdout import print_json, tell


def calibrate(
    checkpoint: Checkpoint = None,
    data: DataRoot = CalibrateConfig.data,
    coverage: Annotated[
        float | None,
        model_option(
            min=0, max=1, help="Answer this share of the faces, the most probable answers first.", show_default="all"
        ),
    ] = CalibrateConfig.coverage,
    precision: Annotated[
        float | None,
        model_option(min=0, max=1, help="Answer as many faces as possible while this share of the answers is right."),
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
    """Fit a checkpoint's temperature and rejection threshold on the validation split.

    Below that threshold, the answer of `ampnet predict` is "not sure". The bundled models are never changed.

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
