"""The command line of `ampnet compare`."""

from ampnet.settings import CompareConfig
from pipelines.commands.command import command
from pipelines.commands.one_line_errors import fail_for
from pipelines.commands.options import AsJson, Latex, Quiet
from pipelines.commands.stdout import print_json, print_text, tell


@command
def compare(config: CompareConfig, latex: Latex = False, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Compare checkpoints, or any tools' predictions, on the same images: who is better, and where they differ.

    \bExamples:
      $ ampnet compare bundled:fer2013 checkpoint/run1 --data fer2013
      $ ampnet compare checkpoint/seeds_a checkpoint/seeds_b --split val
      $ ampnet compare bundled rival.csv --data fer2013 --json
    """
    from ampnet.dataset.loading.unreadable import describe_unreadable  # loads torch; kept out of `ampnet --help`
    from pipelines.compare import comparison_table, run
    from pipelines.show import show
    from pipelines.show_comparison import comparison_tables

    result = run(config, quiet)
    if as_json:
        print_json(result.to_dict())
    elif latex:
        print_text(comparison_table(result))
    else:
        show(comparison_tables(result))
        sheets = [pair.sheet for pair in result.pairs if pair.sheet]
        pictures = f", pictures {', '.join(sheets)}" if sheets else ""
        if result.folder is not None and result.problem is None:
            tell(f"results: {result.folder} (compare.json, compare.tex, answers.csv{pictures})")
    lost = result.unreadable
    fail_for(result.problem, lost and f"{describe_unreadable(lost)}; counted as errors")
