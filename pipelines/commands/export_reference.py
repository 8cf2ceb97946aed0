"""The command line of `ampnet export-reference`."""

from pathlib import Path
from typing import Annotated

import typer

from ampnet.settings import ExportReferenceConfig
from pipelines.commands.one_line_errors import user_errors
from pipelines.commands.options import Debug, output_option, pick
from pipelines.commands.stdout import tell


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
