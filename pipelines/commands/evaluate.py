"""The command line of `ampnet eval`."""

from pathlib import Path
from typing import Annotated

import typer

from ampnet.errors import require
from ampnet.settings import EvalConfig, Split
from pipelines.commands.one_line_errors import complain, user_errors
from pipelines.commands.options import (
    AsJson,
    BatchSize,
    Checkpoint,
    DataRoot,
    Debug,
    LoadersForGpu,
    Mirror,
    OneGpu,
    Prior,
    Quiet,
    UsedPrecision,
    input_option,
    output_option,
    pick,
)
from pipelines.commands.stdout import print_json, tell


def evaluate(
    checkpoint: Checkpoint = None,
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
    """Measure a checkpoint, or any tool's predictions, on a prepared data set, and write a report.

    \bExamples:
      $ ampnet eval
      $ ampnet eval checkpoint/run1 --split val
      $ ampnet eval bundled:fer2013 --data fer2013 --json
      $ ampnet eval --predictions rival.csv --data fer2013
    """
    with user_errors(debug):
        from ampnet.dataset.loading.unreadable import describe_unreadable
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
