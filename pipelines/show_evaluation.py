"""An evaluation on the screen: the headline and a sentence first, then the classes, the errors, and the rest."""

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.text import Text

from ampnet.checkpoints.model_files import display_name
from ampnet.evaluation.agreement import Agreement
from ampnet.evaluation.confusions import confused_pairs
from ampnet.evaluation.ferplus import ProtocolScores
from ampnet.evaluation.groups import Grouping
from ampnet.evaluation.intervals import Estimate
from ampnet.evaluation.metrics import Scores, normalise_rows
from ampnet.evaluation.official_sets import OfficialScores
from ampnet.evaluation.report import NO_FACE, EvalReport
from ampnet.files.printable import counted, printable
from ampnet.reports.numbers import (
    GAP_HEADS,
    GROUP_MEASURES,
    gap_rows,
    group_notes,
    group_rows,
    plain_number,
    shown_numbers,
    with_unit,
)
from pipelines.show import Fitting, build_table, fitting_table, safe

SHOWN_PAIRS = 5
"""Number of most confused pairs on the screen."""


def evaluation_tables(
    report: EvalReport, details: bool = False, prior: str | None = None, mirror: bool = False
) -> Iterator[RenderableType]:
    """Show an evaluation: headline, result in words, classes and notes; with details, all tables.

    The notes come last, beside the path that the command prints.

    Args:
        prior: the one that was requested, for the headline.
        mirror: whether the answers are averages with those to mirrored faces.
    """
    about = report.about
    measured = f" (epoch {about.model['epoch']})" if about.model else ""
    how = f", prior {printable(prior)}" if prior else ""
    how += ", mirror-averaged" if mirror else ""
    where = (
        f"{printable(display_name(about.path))}{measured} on {about.split} of {printable(about.data.resolve())}{how}"
    )
    yield safe(where)
    yield f"[bold]{_headline(report)}[/]"
    yield safe(report.sentence)
    if report.crowd and report.crowd.scores:
        yield _crowd_line(report.crowd, report.crowd.scores)
    if report.protocol:
        yield _protocol_line(report.protocol)
    if report.official:
        yield _official_line(report.official)
    yield _classes(report)
    for grouping in report.groups:
        yield from _groups(grouping)
    if details:
        yield from _details(report)
    for note in report.notes:
        yield f"note: {safe(note)}"
    if report.unassigned:
        yield f"note: {counted(report.unassigned, 'image')} without a face and without a split, not counted"


def _details(report: EvalReport) -> Iterator[RenderableType]:
    yield _summary(report)
    yield confusion_table(report)
    if report.confused_pairs:
        yield _pairs(report)
    if report.crowd:
        yield _crowd(report.crowd)
    if report.priors:
        yield _priors(report)


def _headline(report: EvalReport) -> str:
    """State the accuracy over all images, without the lost ones, and without copies."""
    scores = report.all
    parts = [f"accuracy {with_unit(scores.accuracy)} over all {scores.images:,} images"]
    if report.undetected and report.scored:
        parts.append(f"{report.scored.accuracy.value:.2%} over the {report.scored.images:,} with a prediction")
    copies = report.copies
    if copies and copies.copies.images and copies.without_copies.accuracy:
        exact = f" ({copies.exact:,} byte-equal)" if copies.exact else ""
        without = f"{copies.without_copies.accuracy.value:.2%} without the {copies.copies.images:,} copies"
        parts.append(f"{without} of training images{exact}")
    return "; ".join(parts)


def _crowd_line(crowd: Agreement, scores: Scores) -> str:
    """State the agreement with the annotators' majority in one line."""
    one = f"; a single annotator reaches {_percent(crowd.annotator_accuracy)}" if crowd.annotator_accuracy else ""
    rates = f"accuracy {with_unit(scores.accuracy)}, mean recall {with_unit(scores.mean_class_accuracy)}"
    return f"crowd: {rates} over the {scores.images:,} images with a majority{one}"


def _protocol_line(found: ProtocolScores) -> str:
    """State the accuracy by a published rule in one line, with what it leaves out."""
    left_out = {"undecided": found.undecided, "unknown or no face": found.other, "without votes": found.unvoted}
    counts = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items())
    without = f"; {found.impossible:,} of contempt are errors" if found.impossible else ""
    rate = f"accuracy {with_unit(found.accuracy)} over {found.images:,} images{without}"
    return f"{found.protocol}: {rate}; left out: {counts}"


def _official_line(found: OfficialScores) -> str:
    """State the accuracy over a data set's official images in one line, and whether these are they."""
    rate = f"{found.protocol}: accuracy {with_unit(found.accuracy)} over {found.images:,} images"
    if not found.deviations:
        return f"{rate}, the official ones"
    found_here = "; ".join(found.deviations)
    return f"{rate}, not the official {found.official:,}, which published accuracies are of: {found_here}"


def _classes(report: EvalReport) -> Fitting:
    """Show each class, and what it is most often taken for; narrow forms leave out intervals first."""
    taken_for = {pair.true: pair for pair in reversed(confused_pairs(report.matrix, report.class_names, most=None))}
    rows, narrow = [], []
    for scores in report.all.classes:
        pair = taken_for.get(scores.name)
        confusion = f"{safe(pair.predicted)} {pair.share.value:.0%}" if pair else "-"
        counts = [f"{scores.images:,}", *([f"{scores.undetected:,}"] if report.undetected else [])]
        rates = (scores.recall, scores.precision, scores.f1)
        rows.append([safe(scores.name), *counts, *(with_unit(found, 1) for found in rates), confusion])
        narrow.append([safe(scores.name), *counts, *map(_percent, rates), confusion])
    lost = ["undetected"] if report.undetected else []
    headers = ["class", "images", *lost, "recall", "precision", "F1", "most often taken for"]
    return Fitting(
        fitting_table(headers, rows),
        build_table(headers, narrow, "", 1, gap=1),
        build_table(headers[:-1], [row[:-1] for row in narrow], "", 1, gap=0),
    )


def _groups(grouping: Grouping) -> Iterator[RenderableType]:
    """Show the groups of a column, in percent, then the gaps between them."""
    heads = [safe(grouping.column), "images", *(name.lower() for name in GROUP_MEASURES.values())]
    rows = [[safe(cells[0]), *cells[1:]] for cells in group_rows(grouping)]
    bare = [[*cells[:2], *(cell.partition(" [")[0] for cell in cells[2:])] for cells in rows]
    title = f"by {safe(grouping.column)}, in %"
    yield Fitting(fitting_table(heads, rows, title), build_table(heads, bare, title, 1, gap=1))
    if grouping.gaps:
        gaps = [[*map(safe, cells)] for cells in gap_rows(grouping)]
        title = "largest gaps between groups, in points; p: by permuting groups within the classes"
        yield fitting_table([name.lower() for name in GAP_HEADS], gaps, title, text=3)
    for note in group_notes(grouping):
        yield f"note: {safe(note)}"


def _summary(report: EvalReport) -> Fitting:
    rows = [("images", f"{report.all.images:,}")]
    if report.undetected:
        rows.append(("without a prediction, counted as errors", f"{report.undetected:,}"))
    for number, found in shown_numbers(report):
        rows.append((number.name, with_unit(found) if number.unit else plain_number(found)))
    return fitting_table(("", "all images"), rows, "over all classes, with 95% intervals")


def confusion_table(report: EvalReport) -> Fitting:
    """Show the confusion matrix: counts with shares, counts with short column names, or a list of what was said."""
    answers = [*map(printable, report.class_names), *([NO_FACE] if report.undetected else [])]
    shares = normalise_rows(report.matrix)
    short = _short_names(answers)
    key = ", ".join(f"{code} {safe(name)}" for code, name in zip(short, answers, strict=True) if code != name[:3])
    full, counts, lines = [], [], Text("confusion: images of each true class by predicted class")
    for name, row, of_row in zip(answers, report.matrix.tolist(), shares, strict=False):
        cells = list(zip(answers, row, of_row, strict=False))
        full.append((safe(name), *(f"{count:,}\n{share:.0%}" for _, count, share in cells)))
        counts.append((safe(name), *(f"{count}" for _, count, _ in cells)))
        said = ", ".join(f"{answer} {count:,} ({share:.0%})" for answer, count, share in cells if count)
        lines.append(f"\n{name} -> {said or 'no images'}")
    title = "true class (rows), predicted class (columns)"
    grid = build_table(["", *map(safe, answers)], full, f"confusion: images and % of {title}", 1)
    grid.show_lines = True
    title = f"confusion: {title}{key and f'; {key}'}"
    return Fitting(grid, build_table(["", *map(safe, short)], counts, title, 1, gap=0), lines)


def _short_names(names: Sequence[str]) -> list[str]:
    """Shorten names to their first three letters, or to numbers where these are not unique."""
    short = [name[:3] for name in names]
    return short if len(set(short)) == len(short) else [str(number) for number in range(1, len(names) + 1)]


def _pairs(report: EvalReport) -> Fitting:
    rows = [
        (safe(pair.true), safe(pair.predicted), f"{pair.images:,}", with_unit(pair.share, 1))
        for pair in report.confused_pairs[:SHOWN_PAIRS]
    ]
    return fitting_table(("true", "predicted", "images", "of the class"), rows, "most confused", text=2)


def _crowd(crowd: Agreement) -> Fitting:
    """Show the agreement with the votes, beside what would be possible."""
    rows = [
        ("images with a majority", f"{crowd.majority_rows:,}", ""),
        ("left out: no majority", f"{crowd.voted - crowd.majority_rows:,}", ""),
        ("left out: called no face", f"{crowd.no_face:,}", ""),
        ("left out: no votes", f"{crowd.unvoted:,}", ""),
    ]
    if crowd.scores:
        one = crowd.annotator_accuracy
        rows.append(("accuracy", with_unit(crowd.scores.accuracy), f"one annotator {_percent(one)}"))
        rows.append(("mean recall", with_unit(crowd.scores.mean_class_accuracy), ""))
        for known in crowd.scores.classes:
            rows.append((f"recall, {safe(known.name)} ({known.images:,})", with_unit(known.recall, 1), ""))
    if crowd.probabilities:
        rows.append(("expected calibration error", with_unit(crowd.probabilities.calibration_error), ""))
    best = f"at best {_percent(crowd.best_expected_agreement)}"
    rows.append(("agreement with a random annotator", with_unit(crowd.expected_agreement), best))
    if crowd.total_variation:
        rows.append(("total variation distance", with_unit(crowd.total_variation), ""))
    if crowd.cross_entropy and crowd.entropy:
        rows.append(("cross-entropy, nats", plain_number(crowd.cross_entropy), f"at least {crowd.entropy.value:.3f}"))
    title = "against the annotators' votes (majority: over half of them)"
    return fitting_table(("", "model", "for comparison"), rows, title)


def _priors(report: EvalReport) -> Fitting:
    on_votes = any(row.crowd_accuracy is not None for row in report.priors)
    headers = ["strength", "accuracy", "mean recall"]
    headers += ["accuracy on votes", "mean recall on votes"] if on_votes else []
    rows = []
    for row in report.priors:
        shares = [row.accuracy, row.mean_recall, *([row.crowd_accuracy, row.crowd_mean_recall] if on_votes else [])]
        rows.append((f"{row.strength:.2f}", *("-" if share is None else f"{share:.1%}" for share in shares)))
    return fitting_table(headers, rows, "other class priors (0: as in training, 1: equal)", text=0)


def _percent(found: Estimate | None) -> str:
    return "-" if found is None else f"{found.value:.1%}"
