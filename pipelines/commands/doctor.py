"""The command line of `ampnet doctor`."""

import typer

from pipelines.commands.one_line_errors import complain, user_errors
from pipelines.commands.options import AsJson, Debug
from pipelines.commands.stdout import print_json


def doctor(as_json: AsJson = False, debug: Debug = False) -> None:
    """Show the machine and versions, and check that the bundled models answer here as they did when released.

    \bExamples:
      $ ampnet doctor
      $ ampnet doctor --json        # for a bug report
    """
    with user_errors(debug):
        from pipelines.doctor import run  # loads torch; kept out of `ampnet --help`
        from pipelines.show_doctor import doctor_lines, show

        report = run()
        if as_json:
            print_json(report.to_dict())
        else:
            show(doctor_lines(report))
        for problem in report.problems:
            complain(problem)
        if report.problems:
            raise typer.Exit(1)
