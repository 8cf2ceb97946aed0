"""The command line of `ampnet calibrate`."""

from ampnet.settings import CalibrateConfig
from pipelines.commands.command import command
from pipelines.commands.one_line_errors import fail_for
from pipelines.commands.options import AsJson, Quiet
from pipelines.commands.stdout import print_result


@command
def calibrate(config: CalibrateConfig, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Fit a checkpoint's temperature and rejection threshold on the validation split.

    Below that threshold, the answer of `ampnet predict` is "not sure". The bundled models are never changed.

    \bExamples:
      $ ampnet calibrate checkpoint/run1 --force
      $ ampnet calibrate checkpoint/run1 --coverage 0.9 --out sure.pt
      $ ampnet calibrate bundled --data fer2013 --precision 0.95 --out sure.pt
    """
    from pipelines.calibrate import run  # loads torch; kept out of `ampnet --help`

    result = run(config, quiet)
    print_result(result, as_json)
    fail_for(result.problem)
