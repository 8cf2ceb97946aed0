"""The command line of `ampnet check`."""

from ampnet.settings import CheckConfig
from pipelines.commands.command import command
from pipelines.commands.one_line_errors import fail_for
from pipelines.commands.options import AsJson, Quiet
from pipelines.commands.stdout import print_json


@command
def check_data(config: CheckConfig, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Look for duplicates, leaks between splits, undetected faces and altered images in a prepared data set.

    \bExamples:
      $ ampnet check
      $ ampnet check --data fer2013 --json
    """
    from pipelines.check import run  # loads torch; kept out of `ampnet --help`
    from pipelines.show import show
    from pipelines.show_data import check_lines

    result = run(config, quiet)
    if as_json:
        print_json(result.report.to_dict())
    else:
        show(check_lines(result))
    lost = result.report.unreadable
    fail_for(
        result.problem,
        lost and f"{len(lost)} prepared images cannot be read, such as {lost[0]}; run prepare again",
    )
