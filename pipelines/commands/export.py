"""The command line of `ampnet export`."""

from ampnet.settings import ExportConfig
from pipelines.commands.command import command
from pipelines.commands.stdout import tell


@command
def export(config: ExportConfig) -> None:
    """Write a model that runs without ampnet, and check that it gives the same answers.

    The graph takes faces with landmarks and computes the regions itself; the batch size is dynamic. The file's
    metadata holds class names, framing and temperature.

    \bExamples:
      $ ampnet export bundled
      $ ampnet export checkpoint/run1 --precision int8 --data fer
      $ ampnet export detector
    """
    from pipelines.export import run  # loads torch; kept out of `ampnet --help`

    tell(*run(config).lines())
