"""The `ampnet` command: names the commands, whose options and help are in `pipelines/commands/`."""

import sys

try:
    from functools import partial
    from typing import Annotated

    import typer

    from ampnet import __version__
    from pipelines.commands.datasets import check_data, convert, prepare
    from pipelines.commands.doctor import doctor
    from pipelines.commands.evaluation import adapt, audit, calibrate, compare, evaluate, robustness
    from pipelines.commands.exchange import export, export_reference, import_reference
    from pipelines.commands.one_line_errors import OneLineErrors, run_as_program
    from pipelines.commands.predict import NOT_AN_EMOTION, predict, serve, summarize
    from pipelines.commands.train import train
except KeyboardInterrupt:  # imports take most of the time before a command begins
    sys.stderr.write("ampnet: interrupted; run the same command again\n")
    raise SystemExit(130) from None

app = typer.Typer(
    name="ampnet",
    cls=OneLineErrors,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"ampnet {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Facial expression recognition with AMP-Net: prepare a data set, train, evaluate, predict.

    \bExamples:
      $ ampnet predict photo.jpg        # with the bundled model
      $ ampnet prepare raw_images       # find the faces: ./index, ./dataset
      $ ampnet train                    # ./checkpoint/run1
      $ ampnet eval                     # the newest run, on the test split
    """


main_command = partial(app.command, rich_help_panel="The four steps")
further_command = partial(app.command, rich_help_panel="Further commands")

main_command("prepare")(prepare)
main_command("train")(train)
main_command("eval")(evaluate)
main_command("predict", epilog=NOT_AN_EMOTION)(predict)

further_command("summarize")(summarize)
further_command("serve")(serve)
further_command("check")(check_data)
further_command("convert")(convert)
further_command("compare")(compare)
further_command("robustness")(robustness)
further_command("adapt")(adapt)
further_command("audit")(audit)
further_command("calibrate")(calibrate)
further_command("doctor")(doctor)
further_command("import")(import_reference)
further_command("export")(export)
further_command("export-reference")(export_reference)


program = partial(run_as_program, app)
"""The installed `ampnet`."""

if __name__ == "__main__":
    program()
