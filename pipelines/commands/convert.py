"""The command line of `ampnet convert`."""

from pathlib import Path
from typing import Annotated

import typer

from ampnet.settings import ConvertConfig, DataForm
from pipelines.commands.one_line_errors import user_errors
from pipelines.commands.options import Debug, FacesPerShard, Quiet, output_option, pick
from pipelines.commands.stdout import tell


def convert(
    data: Annotated[
        Path,
        typer.Argument(help="Folder written by `ampnet prepare` or `ampnet convert`.", exists=True, file_okay=False),
    ],
    to: Annotated[DataForm, output_option("--to", help="Form to write.")],
    out: Annotated[Path, output_option("--out", help="Folder to write; the original stays.", file_okay=False)],
    faces_per_shard: FacesPerShard = ConvertConfig.faces_per_shard,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Rewrite a prepared data set as shards (parquet and tar), or shards as files.

    Shards suit storage that is slow with many small files, and sets of many millions; train and eval read both forms.

    \bExamples:
      $ ampnet convert fer2013 --to shards --out fer2013-shards
      $ ampnet convert fer2013-shards --to files --out fer2013-again
    """
    with user_errors(debug):
        from pipelines.convert import run  # loads numpy; kept out of `ampnet --help`

        tell(*run(ConvertConfig(**pick(ConvertConfig, locals())), quiet).lines())
