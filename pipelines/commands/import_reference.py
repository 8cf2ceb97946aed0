"""The command line of `ampnet import`."""

from ampnet.settings import ImportConfig
from pipelines.commands.command import command
from pipelines.commands.stdout import tell


@command
def import_reference(config: ImportConfig) -> None:
    """Convert a checkpoint of the reference program into ours; nothing in the file is executed.

    \bExamples:
      $ ampnet import model_best.pth
      $ ampnet import model_best.pth --classes joy,pain,other --out pain.pt
    """
    from pipelines.import_reference import import_reference  # loads torch; kept out of `ampnet --help`

    tell(*import_reference(config).lines())
