"""The command line of `ampnet prepare`."""

from ampnet.settings import PrepareConfig
from pipelines.commands.command import command
from pipelines.commands.one_line_errors import fail_for
from pipelines.commands.options import AsJson, Quiet
from pipelines.commands.stdout import print_json, tell


@command
def prepare(config: PrepareConfig, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Find the face in every image of a data set and write the index that training reads.

    \bExamples:
      $ ampnet prepare raw_images
      $ ampnet prepare CK+ --fold 3 --crop face --out ckplus
      $ ampnet prepare fer2013 --votes fer2013new.csv
    """
    from pipelines.prepare import run  # loads torch; kept out of `ampnet --help`
    from pipelines.show import show
    from pipelines.show_data import prepare_lines

    result = run(config, quiet)
    if as_json:
        print_json(result.to_dict())
    else:
        show(prepare_lines(result))
        tell(f"next: ampnet train --data {config.out}")
    fail_for(result.check and result.check.problem)
