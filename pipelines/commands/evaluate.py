"""The command line of `ampnet eval`."""

from typing import Annotated

from ampnet.settings import EvalConfig
from ampnet.settings.fields import Option
from pipelines.commands.command import command
from pipelines.commands.one_line_errors import fail_for
from pipelines.commands.options import AsJson, Latex, Quiet
from pipelines.commands.stdout import print_json, print_text, tell


@command
def evaluate(
    config: EvalConfig,
    details: Annotated[bool, Option("Print all tables, not only the summary.", "Output")] = False,
    latex: Latex = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Measure a checkpoint, or any tool's predictions, on a prepared data set, and write a report.

    \bExamples:
      $ ampnet eval
      $ ampnet eval checkpoint/run1 --split val
      $ ampnet eval bundled:fer2013 --data fer2013 --json
      $ ampnet eval --predictions rival.csv --data fer2013
    """
    from ampnet.dataset.loading.unreadable import describe_unreadable
    from ampnet.reports.latex import evaluation_latex  # loads torch; kept out of `ampnet --help`
    from ampnet.reports.metrics_file import plain_metrics
    from pipelines.evaluate import run
    from pipelines.show import show
    from pipelines.show_evaluation import evaluation_tables

    result = run(config, quiet)
    if as_json:
        print_json(plain_metrics(result.report))
    elif latex:
        print_text(evaluation_latex(result.report))
    else:
        show(evaluation_tables(result.report, details))
        more = "" if details else "; all tables: --details"
        if result.folder is not None and result.problem is None:
            tell(f"report: {result.folder / 'report.html'} (beside it metrics.json, predictions.csv, figures){more}")
    lost = result.report.table.unreadable
    fail_for(result.problem, lost and f"{describe_unreadable(lost)}; counted as errors")
