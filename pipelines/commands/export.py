"""The command line of `ampnet export`."""

from pathlib import Path
from typing import Annotated

import typer

from ampnet.settings import ExportConfig, ExportFormat, ExportPrecision
from pipelines.commands.one_line_errors import user_errors
from pipelines.commands.options import Debug, input_option, output_option, pick
from pipelines.commands.stdout import tell


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

    The graph takes faces with landmarks and computes the regions itself; the batch size is dynamic. The file's
    metadata holds class names, framing and temperature.

    \bExamples:
      $ ampnet export bundled
      $ ampnet export checkpoint/run1 --precision int8 --data fer
      $ ampnet export detector
    """
    with user_errors(debug):
        from pipelines.export import run  # loads torch; kept out of `ampnet --help`

        tell(*run(ExportConfig(**pick(ExportConfig, locals()))).lines())
