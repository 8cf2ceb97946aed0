"""The command line of `ampnet adapt`."""

from ampnet.settings import AdaptConfig
from pipelines.commands.command import command
from pipelines.commands.options import AsJson, Quiet
from pipelines.commands.stdout import print_result


@command
def adapt(config: AdaptConfig, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Teach a trained network your own classes, from 5 to 200 photos of each.

    The network stays, its last layer is fitted anew. It is measured on photos (or people) that were left out, and
    written only if it is better than the old one and than guessing.

    \bExamples:
      $ ampnet adapt my_photos          # a folder for each class; writes adapted.pt
      $ ampnet adapt list.csv --out mine.pt
    """
    from pipelines.adapt import run  # loads torch; kept out of `ampnet --help`

    print_result(run(config, quiet), as_json)
