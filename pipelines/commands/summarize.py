"""The command line of `ampnet summarize`."""

from ampnet.files.printable import printable
from ampnet.settings.summary import SummarizeConfig
from pipelines.commands.command import command
from pipelines.commands.one_line_errors import complain
from pipelines.commands.stdout import tell

MAX_NAMED = 12
"""Files that are named."""


@command
def summarize(config: SummarizeConfig) -> None:
    """Make tables, episodes and pictures of the faces that predict found in videos.

    \bExamples:
      $ ampnet summarize faces.csv --out tables
      $ ampnet summarize faces.csv --people who.csv --smooth 0.5 --format elan,praat
    """
    from pipelines.summarize import run

    summary = run(config)
    for warning in summary.warnings:
        complain(f"warning: {warning}")
    more = f" and {len(summary.files) - MAX_NAMED:,} more" if len(summary.files) > MAX_NAMED else ""
    tell(
        f"videos: {summary.videos:,}, people: {summary.people:,}, episodes: {summary.episodes:,}",
        f"written to {printable(summary.folder)}: {', '.join(path.name for path in summary.files[:MAX_NAMED])}{more}",
    )
