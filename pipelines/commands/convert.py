"""The command line of `ampnet convert`."""

from ampnet.settings import ConvertConfig
from pipelines.commands.command import command
from pipelines.commands.options import Quiet
from pipelines.commands.stdout import tell


@command
def convert(config: ConvertConfig, quiet: Quiet = False) -> None:
    """Rewrite a prepared data set as shards (parquet and tar), or shards as files.

    Shards suit storage that is slow with many small files, and sets of many millions; train and eval read both forms.

    \bExamples:
      $ ampnet convert fer2013 --to shards --out fer2013-shards
      $ ampnet convert fer2013-shards --to files --out fer2013-again
    """
    from pipelines.convert import run  # loads numpy; kept out of `ampnet --help`

    tell(*run(config, quiet).lines())
