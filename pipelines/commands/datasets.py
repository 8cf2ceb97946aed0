"""The command lines of `ampnet prepare`, `ampnet check` and `ampnet convert`."""

from ampnet.settings import CheckConfig, ConvertConfig, PrepareConfig
from pipelines.commands.command import AsJson, Quiet, command
from pipelines.commands.one_line_errors import fail_for
from pipelines.commands.stdout import print_json, print_lines


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
        print_lines(f"next: ampnet train --data {config.out}")
    fail_for(result.check and result.check.problem)


@command
def check_data(config: CheckConfig, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Find duplicates, leaks between splits, undetected faces and altered images in a prepared data set.

    \bExamples:
      $ ampnet check
      $ ampnet check --data fer2013 --json
    """
    from pipelines.check import run  # loads torch; kept out of `ampnet --help`
    from pipelines.show import show
    from pipelines.show_data import check_lines

    result = run(config, quiet)
    if as_json:
        print_json(result.report.to_dict())
    else:
        show(check_lines(result))
    lost = result.report.unreadable
    fail_for(
        result.problem,
        lost and f"{len(lost)} prepared images cannot be read, such as {lost[0]}; run prepare again",
    )


@command
def convert(config: ConvertConfig, quiet: Quiet = False) -> None:
    """Rewrite a prepared data set as shards (parquet and tar), or shards as files.

    Use shards for many millions of faces, or where small files are slow; train and eval read both forms.

    \bExamples:
      $ ampnet convert fer2013 --to shards --out fer2013-shards
      $ ampnet convert fer2013-shards --to files --out fer2013-again
    """
    from pipelines.convert import run  # loads numpy; kept out of `ampnet --help`

    print_lines(*run(config, quiet).lines())
