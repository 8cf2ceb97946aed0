"""The command line of `ampnet robustness`."""

from pathlib import Path

from ampnet.errors import require
from ampnet.settings import RobustnessConfig
from pipelines.commands.command import command
from pipelines.commands.options import AsJson, Latex, Quiet
from pipelines.commands.stdout import print_json, print_text, tell


@command
def robustness(config: RobustnessConfig, latex: Latex = False, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Measure a checkpoint under occlusion, pose and corruption, and the contribution of each module.

    \bExamples:
      $ ampnet robustness checkpoint/run1
      $ ampnet robustness bundled --data fer2013 --corruptions occlusion --images 500
      $ ampnet robustness checkpoint/run1 --corruptions none --subset occlusion_list.txt
      $ ampnet robustness bundled --photos holidays --images 200
    """
    require(config.photos is None or not latex, "--photos has no table in LaTeX; leave out --latex")
    if config.photos is not None:
        _show_steadiness(config, config.photos, as_json, quiet)
        return
    from ampnet.robustness.suite_report import robustness_latex
    from pipelines.robustness import run  # loads torch; kept out of `ampnet --help`
    from pipelines.show import show
    from pipelines.show_robustness import robustness_tables

    result = run(config, quiet)
    if as_json:
        print_json(result.report.to_dict())
    elif latex:
        print_text(robustness_latex(result.report))
    else:
        show(robustness_tables(result))
        tell(f"report: {result.folder}")


def _show_steadiness(config: RobustnessConfig, photos: Path, as_json: bool, quiet: bool) -> None:
    from pipelines.show import show
    from pipelines.steadiness import run, steadiness_tables

    result = run(config, photos, quiet)
    if as_json:
        print_json(result.steadiness.to_dict())
    else:
        show(steadiness_tables(result))
