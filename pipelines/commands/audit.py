"""The command line of `ampnet audit`."""

from ampnet.settings import AuditConfig
from pipelines.commands.command import command
from pipelines.commands.options import AsJson, Quiet
from pipelines.commands.stdout import print_result


@command
def audit(config: AuditConfig, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """List the labels that are probably wrong, or the photos to label next, most doubtful first.

    Write your answers into the list's column answer, or into Label Studio, and give them to `ampnet prepare --votes`.

    \bExamples:
      $ ampnet audit checkpoint/run1 --data mine     # of train --folds: every label
      $ ampnet audit bundled:fer2013 --data fer      # of val and test, which it has not seen
      $ ampnet audit --unlabelled new_photos         # which to label next
    """
    from pipelines.audit import run  # loads torch; kept out of `ampnet --help`

    print_result(run(config, quiet), as_json)
