"""The command line of `ampnet import`."""

from pathlib import Path
from typing import Annotated

import typer

from ampnet.settings import ImportConfig
from pipelines.commands.one_line_errors import user_errors
from pipelines.commands.options import Debug, input_option, output_option
from pipelines.commands.stdout import tell


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
