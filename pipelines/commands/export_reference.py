"""The command line of `ampnet export-reference`."""

from ampnet.settings import ExportReferenceConfig
from pipelines.commands.command import command
from pipelines.commands.stdout import tell


@command
def export_reference(config: ExportReferenceConfig) -> None:
    """Convert a checkpoint of the full network for the reference program.

    \bExamples:
      $ ampnet export-reference checkpoint/run1 --out model.pth
    """
    from pipelines.import_reference import export_reference  # loads torch; kept out of `ampnet --help`

    tell(*export_reference(config).lines())
