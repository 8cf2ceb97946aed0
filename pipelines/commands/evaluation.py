"""The command lines of `ampnet eval`, `compare`, `robustness`, `calibrate`, `adapt` and `audit`."""

from pathlib import Path
from typing import Annotated

from ampnet.errors import require
from ampnet.settings import AdaptConfig, AuditConfig, CalibrateConfig, CompareConfig, EvalConfig, RobustnessConfig
from ampnet.settings.fields import Option
from pipelines.commands.command import AsJson, Latex, Quiet, command
from pipelines.commands.one_line_errors import fail_for
from pipelines.commands.stdout import print_json, print_lines, print_result, print_text


@command
def evaluate(
    config: EvalConfig,
    details: Annotated[bool, Option("Print all tables, not only the summary.", "Output")] = False,
    latex: Latex = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Measure a checkpoint, or any tool's predictions, on a prepared data set, and write a report.

    \bExamples:
      $ ampnet eval
      $ ampnet eval checkpoint/run1 --split val
      $ ampnet eval bundled:fer2013 --data fer2013 --json
      $ ampnet eval --predictions rival.csv --data fer2013
    """
    from ampnet.dataset.loading.unreadable import describe_unreadable
    from ampnet.reports.latex import evaluation_latex  # loads torch; kept out of `ampnet --help`
    from ampnet.reports.metrics_file import plain_metrics
    from pipelines.evaluate import run
    from pipelines.show import show
    from pipelines.show_evaluation import evaluation_tables

    result = run(config, quiet)
    if as_json:
        print_json(plain_metrics(result.report))
    elif latex:
        print_text(evaluation_latex(result.report))
    else:
        show(evaluation_tables(result.report, details, config.prior, config.mirror))
        more = "" if details else "; all tables: --details"
        if result.folder is not None and result.problem is None:
            print_lines(
                f"report: {result.folder / 'report.html'} (beside it metrics.json, predictions.csv, figures){more}"
            )
    lost = result.report.table.unreadable
    fail_for(result.problem, lost and f"{describe_unreadable(lost)}; counted as errors")


@command
def compare(config: CompareConfig, latex: Latex = False, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Compare checkpoints, or any tools' predictions, on the same images: who is better, and where they differ.

    \bExamples:
      $ ampnet compare bundled:fer2013 checkpoint/run1 --data fer2013
      $ ampnet compare checkpoint/seeds_a checkpoint/seeds_b --split val
      $ ampnet compare bundled rival.csv --data fer2013 --json
    """
    from ampnet.dataset.loading.unreadable import describe_unreadable  # loads torch; kept out of `ampnet --help`
    from pipelines.compare import comparison_table, run
    from pipelines.show import show
    from pipelines.show_comparison import comparison_tables

    result = run(config, quiet)
    if as_json:
        print_json(result.to_dict())
    elif latex:
        print_text(comparison_table(result))
    else:
        show(comparison_tables(result))
        sheets = [pair.sheet for pair in result.pairs if pair.sheet]
        pictures = f", pictures {', '.join(sheets)}" if sheets else ""
        if result.folder is not None and result.problem is None:
            print_lines(f"results: {result.folder} (compare.json, compare.tex, answers.csv{pictures})")
    lost = result.unreadable
    fail_for(result.problem, lost and f"{describe_unreadable(lost)}; counted as errors")


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
        print_lines(f"report: {result.folder}")


def _show_steadiness(config: RobustnessConfig, photos: Path, as_json: bool, quiet: bool) -> None:
    from pipelines.show import show
    from pipelines.steadiness import run, steadiness_tables

    result = run(config, photos, quiet)
    if as_json:
        print_json(result.steadiness.to_dict())
    else:
        show(steadiness_tables(result))
    fail_for(result.problem)


@command
def calibrate(config: CalibrateConfig, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Fit a checkpoint's temperature and rejection threshold on the validation split.

    Below that threshold, `ampnet predict` answers "not sure". The bundled models are never changed.

    \bExamples:
      $ ampnet calibrate checkpoint/run1 --force
      $ ampnet calibrate checkpoint/run1 --coverage 0.9 --out sure.pt
      $ ampnet calibrate bundled --data fer2013 --precision 0.95 --out sure.pt
    """
    from pipelines.calibrate import run  # loads torch; kept out of `ampnet --help`

    result = run(config, quiet)
    print_result(result, as_json)
    fail_for(result.problem)


@command
def adapt(config: AdaptConfig, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Fit a trained network to your own classes, from 5 to 200 photos of each.

    Only the last layer is fitted. The result is measured on photos (or people) that were left out, and written only
    if it beats both the old network and guessing.

    \bExamples:
      $ ampnet adapt my_photos          # a folder for each class; writes adapted.pt
      $ ampnet adapt list.csv --out mine.pt
    """
    from pipelines.adapt import run  # loads torch; kept out of `ampnet --help`

    result = run(config, quiet)
    print_result(result, as_json)
    fail_for(result.problem)


@command
def audit(config: AuditConfig, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """List the labels that are probably wrong, or the photos to label next, most doubtful first.

    Write your answers into the column answer of the list, or use Label Studio; `ampnet prepare --votes` reads them.

    \bExamples:
      $ ampnet audit checkpoint/run1 --data mine     # a run of train --folds: every label
      $ ampnet audit bundled:fer2013 --data fer      # labels of val and test, which it has not seen
      $ ampnet audit --unlabelled new_photos         # which to label next
    """
    from pipelines.audit import run  # loads torch; kept out of `ampnet --help`

    result = run(config, quiet)
    print_result(result, as_json)
    fail_for(result.problem)
