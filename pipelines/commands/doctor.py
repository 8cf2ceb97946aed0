"""The command line of `ampnet doctor`."""

from ampnet.settings.fields import Settings
from pipelines.commands.command import AsJson, command
from pipelines.commands.one_line_errors import fail_for
from pipelines.commands.stdout import print_json


@command
def doctor(_: Settings, as_json: AsJson = False) -> None:
    """Show the machine and versions, and check that the bundled models answer here as they did when released.

    \bExamples:
      $ ampnet doctor
      $ ampnet doctor --json        # for a bug report
    """
    from ampnet.runtime.progress import silent
    from pipelines.doctor import doctor_lines, run  # loads torch; kept out of `ampnet --help`
    from pipelines.progress import notices, progress_bar
    from pipelines.show import show

    console = notices()
    console.print("computing the golden answers in every way that runs here: up to a minute or two")
    report = run(progress_bar(console) if console.is_terminal else silent)
    if as_json:
        print_json(report.to_dict())
    else:
        show(doctor_lines(report))
    fail_for(*report.problems)
