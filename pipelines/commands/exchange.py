"""The command lines of `ampnet export`, `ampnet import` and `ampnet export-reference`."""

from ampnet.settings import ExportConfig, ExportReferenceConfig, ImportConfig
from pipelines.commands.command import command
from pipelines.commands.stdout import print_lines


@command
def export(config: ExportConfig) -> None:
    """Write a model that runs without ampnet, and check that it gives the same answers.

    An ONNX file turns a photo into its faces, in any ONNX Runtime since 1.17. With `--part classifier`, it reads
    framed faces and their landmarks instead.

    \bExamples:
      $ ampnet export bundled
      $ ampnet export checkpoint/run1 --part classifier --precision int8 --data fer
      $ ampnet export detector
    """
    from pipelines.export import run  # loads torch; kept out of `ampnet --help`
    from pipelines.progress import notices

    console = notices(quiet=not notices().is_terminal)
    console.print(f"exporting {config.model} and comparing its answers: up to a minute or two")
    with console.status("exporting"):
        lines = run(config).lines()
    print_lines(*lines)


@command
def import_reference(config: ImportConfig) -> None:
    """Convert a checkpoint of the reference program to ampnet's format; nothing in the file is executed.

    \bExamples:
      $ ampnet import model_best.pth
      $ ampnet import model_best.pth --classes joy,pain,other --out pain.pt
    """
    from pipelines.import_reference import import_reference  # loads torch; kept out of `ampnet --help`

    print_lines(*import_reference(config).lines())


@command
def export_reference(config: ExportReferenceConfig) -> None:
    """Convert a checkpoint of the full network to the reference program's format.

    \bExamples:
      $ ampnet export-reference checkpoint/run1 --out model.pth
    """
    from pipelines.import_reference import export_reference  # loads torch; kept out of `ampnet --help`

    print_lines(*export_reference(config).lines())
