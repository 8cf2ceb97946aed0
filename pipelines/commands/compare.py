"""The command line of `ampnet compare`."""

from pathlib import Path
from typing import Annotated

import typer

from ampnet.settings import CompareConfig, Split
from pipelines.commands.one_line_errors import complain, user_errors
from pipelines.commands.options import (
    A_MODEL,
    AsJson,
    BatchSize,
    DataRoot,
    Debug,
    LoadersForGpu,
    Mirror,
    OneGpu,
    Quiet,
    input_option,
    output_option,
    pick,
)
from pipelines.commands.stdout import print_json, tell


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
        from ampnet.dataset.loading.unreadable import describe_unreadable  # loads torch; kept out of `ampnet --help`
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
