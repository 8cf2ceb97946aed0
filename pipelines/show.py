"""What the commands found, as tables and lines on stdout; a table has a narrow form where the terminal asks for it."""

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from textwrap import fill

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.markup import escape
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ampnet.data.quality.photographs import DESCRIPTIONS
from ampnet.evaluation.metrics import Interval, Scores, normalise_rows
from ampnet.evaluation.report import CrowdReport, EvalReport
from ampnet.prediction.results import ImagePredictions, Predictions
from pipelines.check import CheckResult
from pipelines.prepare import PrepareResult

PLAIN_WIDTH = 120
"""Columns where stdout is not a terminal and COLUMNS is not set."""

LEAST_SHOWN = 0.005
"""Scores that round to less than one percent stay out of the screen's table."""

IMBALANCED = 2.0
"""Ratio of the largest to the smallest class from which it is worth a line."""

OTHERS_WIDTH = 36
"""Columns for the scores of the classes that were not chosen."""

STATUSES = ("detected", "retried", "template", "rejected")


def show(results: Iterable[RenderableType]) -> None:
    """Print tables and lines on stdout; the terminal wraps lines, so that paths can be copied."""
    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(highlight=False, width=PLAIN_WIDTH)
    for result in results:
        console.print(result, soft_wrap=isinstance(result, str))


class Fitting:
    """The first of several forms of one table that needs no more than the console's width; else the last."""

    def __init__(self, *forms: RenderableType) -> None:
        self._forms = forms

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement.get(console, options, self._forms[-1])

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        unlimited = options.update(max_width=10_000)
        for form in self._forms[:-1]:
            if Measurement.get(console, unlimited, form).maximum <= options.max_width:
                yield form
                return
        yield self._forms[-1]


def _build(headers: Sequence[str], rows: Iterable[Sequence[str]], title: str, text: int, gap: int = -1) -> Table:
    table = Table(*headers, title=title or None, title_justify="left")
    if gap >= 0:  # spaces between columns, and no grid
        table.box, table.show_edge, table.padding = box.SIMPLE_HEAD, False, (0, gap, 0, 0)
        table.title = title and f"\n{title}"
    for number, column in enumerate(table.columns):
        column.overflow = "fold"
        column.justify = "left" if number < text else "right"
        column.no_wrap = gap >= 0 and number >= text  # what is missing is taken from the names
    for cells in rows:
        table.add_row(*cells)
    return table


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]], title: str = "", text: int = 1) -> Fitting:
    """Lay out a table with a grid, without one, and with headers and intervals on two lines.

    Args:
        text: the first columns are text, this many; the others are numbers.
    """
    two_lines = [
        *headers[:text],
        *(fill(header, len(header) // 2 + 1, break_long_words=False) for header in headers[text:]),
    ]
    stacked = [[cell.replace(" [", "\n[") for cell in row] for row in rows]
    return Fitting(
        _build(headers, rows, title, text),
        _build(headers, rows, title, text, gap=1),
        _build(two_lines, stacked, title, text, gap=0),
    )


def prediction_table(result: Predictions) -> Fitting:
    """Show each photo's faces with box, class, probability and the other classes' scores; videos as a whole."""
    rows: list[tuple[str, ...]] = []
    for (_, in_video), group in groupby(result.images, key=lambda image: (image.path, image.frame is not None)):
        images = list(group)
        rows += [_video_row(images)] if in_video else [row for image in images for row in _photo_rows(image)]
    table = Table("image", "face", "box (x0 y0 x1 y1)", "expression", "prob.", "other scores")
    table.columns[4].justify = "right"
    table.columns[5].max_width = OTHERS_WIDTH
    lines: list[RenderableType] = []
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
        path, face, place, *answer, others = row
        lines += [Text(path, overflow="fold")] if path else []
        lines.append(Text(" ".join((face.rjust(3), *answer)), style="bold"))
        lines += [Padding(Text(part), (0, 0, 0, 4)) for part in (place, others) if part]
    return Fitting(table, Group(*lines))


def _photo_rows(photo: ImagePredictions) -> Iterator[tuple[str, ...]]:
    if not photo.faces:
        yield str(photo.path), "-", "", "cannot be read" if photo.problem else "no face found", "", ""
    for number, prediction in enumerate(photo.faces, start=1):
        place = " ".join(f"{edge:.0f}" for edge in prediction.face.box)
        path = str(photo.path) if number == 1 else ""
        yield path, str(number), place, prediction.label, f"{prediction.probability:.1%}", _others(prediction.scores)


def _video_row(frames: list[ImagePredictions]) -> tuple[str, ...]:
    """Sum a video up: the mean scores of all its faces."""
    faces = [face for frame in frames for face in frame.faces]
    path, seen = str(frames[0].path), f"{len(frames)} frames, {sum(bool(frame.faces) for frame in frames)} with faces"
    if not faces:
        return path, "-", seen, "no face found", "", ""
    mean = {name: sum(face.scores[name] for face in faces) / len(faces) for name in faces[0].scores}
    best = max(mean, key=lambda name: mean[name])
    return path, f"{len(faces)}", seen, f"{best} (mean)", f"{mean[best]:.1%}", _others(mean)


def _others(scores: dict[str, float]) -> str:
    ranked = sorted(scores.items(), key=lambda item: -item[1])[1:]
    return ", ".join(f"{name} {share:.0%}" for name, share in ranked if share >= LEAST_SHOWN)


def evaluation_tables(report: EvalReport) -> Iterator[RenderableType]:
    """Show an evaluation: the summary, the classes, the confusion matrix, the votes, other priors, the notes."""
    mirror = ", mirror-averaged" if report.mirror else ""
    yield escape(f"{report.checkpoint} (epoch {report.epoch}) on {report.split} of {report.data.resolve()}{mirror}")
    yield _summary(report)
    yield _classes(report)
    yield confusion_table(report)
    if report.crowd:
        yield _crowd(report.crowd)
    if report.priors:
        yield _priors(report)
    for note in report.notes:
        yield f"note: {escape(note)}"
    if report.unassigned:
        yield f"note: {report.unassigned} images without a face belong to no split and are not counted"


def _summary(report: EvalReport) -> Fitting:
    headers, columns = ["", "all images"], [report.all]
    if report.undetected:
        headers.append("with a face")
        columns.append(report.scored)
    rows = [("images", *(f"{scores.images:,}" for scores in columns))]
    if report.undetected:
        rows.append(("without a face, counted as errors", f"{report.undetected:,}"))
    for label, name in (
        ("accuracy", "accuracy"),
        ("macro F1", "macro_f1"),
        ("mean class accuracy", "mean_class_accuracy"),
    ):
        rows.append((label, *(_with_interval(scores, name) for scores in columns)))
    rows.append(("accuracy, local head", f"{report.local_accuracy:.2%}"))
    rows.append(("accuracy, global head", f"{report.global_accuracy:.2%}"))
    rows.append(("expected calibration error", f"{report.calibration_error:.2%}"))
    return _table(headers, rows)


def _classes(report: EvalReport) -> Fitting:
    rows = []
    for scores, scored in zip(report.all.classes, report.scored.classes, strict=True):
        counts = (f"{scores.images:,}", f"{scores.images - scored.images:,}")
        rows.append((escape(scores.name), *counts, *map(_percent, (scores.recall, scores.precision, scores.f1))))
    return _table(("class", "images", "undetected", "recall", "precision", "F1"), rows, "by class")


def confusion_table(report: EvalReport) -> Fitting:
    """Show the confusion matrix: counts with shares, counts with short column names, or a list of what was said."""
    answers = [*report.class_names, *(["no face"] if report.undetected else [])]
    shares = normalise_rows(report.matrix)
    short = _short_names(answers)
    key = ", ".join(f"{code} {escape(name)}" for code, name in zip(short, answers, strict=True) if code != name[:3])
    full, counts, lines = [], [], Text("confusion: images of each true class by predicted class")
    for name, row, of_row in zip(report.class_names, report.matrix.tolist(), shares, strict=True):
        cells = list(zip(answers, row, of_row, strict=False))
        full.append((escape(name), *(f"{count:,}\n{share:.0%}" for _, count, share in cells)))
        counts.append((escape(name), *(f"{count}" for _, count, _ in cells)))
        said = ", ".join(f"{answer} {count:,} ({share:.0%})" for answer, count, share in cells if count)
        lines.append(f"\n{name} -> {said or 'no images'}")
    title = "true class (rows), predicted class (columns)"
    grid = _build(["", *map(escape, answers)], full, f"confusion: images and % of {title}", 1)
    grid.show_lines = True
    title = f"confusion: {title}{key and f'; {key}'}"
    return Fitting(grid, _build(["", *map(escape, short)], counts, title, 1, gap=0), lines)


def _short_names(names: Sequence[str]) -> list[str]:
    """Shorten names to their first three letters, or to numbers where these are not unique."""
    short = [name[:3] for name in names]
    return short if len(set(short)) == len(short) else [str(number) for number in range(1, len(names) + 1)]


def _crowd(crowd: CrowdReport) -> Fitting:
    """Show the agreement with the votes, beside what would be possible."""
    agreement, scores = crowd.agreement, crowd.scores
    rows = [
        ("images with a majority", f"{agreement.majority_rows:,}", ""),
        ("left out: no majority", f"{agreement.voted - agreement.majority_rows:,}", ""),
        ("left out: called no face", f"{agreement.no_face:,}", ""),
        ("left out: no votes", f"{agreement.unvoted:,}", ""),
        (
            "accuracy",
            _with_interval(scores, "accuracy"),
            f"one annotator {_percent(agreement.annotator_accuracy)}",
        ),
        ("mean recall", _with_interval(scores, "mean_class_accuracy"), ""),
        *((f"recall, {escape(one.name)} ({one.images:,})", _percent(one.recall), "") for one in scores.classes),
        ("expected calibration error", f"{crowd.calibration_error:.2%}", ""),
        (
            "agreement with a random annotator",
            _percent(agreement.expected_agreement),
            f"at best {_percent(agreement.best_expected_agreement)}",
        ),
        ("total variation distance", _percent(agreement.total_variation), ""),
    ]
    if agreement.cross_entropy is not None and agreement.entropy is not None:
        lowest = f"at least {agreement.entropy:.3f}"
        rows.append(("cross-entropy, nats", f"{agreement.cross_entropy:.3f}", lowest))
    return _table(("", "model", "for comparison"), rows, "against the annotators' votes (majority: over half of them)")


def _priors(report: EvalReport) -> Fitting:
    """Show what the same logits answer under other class priors."""
    headers = ["strength", "accuracy", "mean recall"]
    if report.crowd:
        headers += ["accuracy on votes", "mean recall on votes"]
    rows = []
    for row in report.priors:
        shares = [row.accuracy, row.mean_recall, *([row.crowd_accuracy, row.crowd_mean_recall] if report.crowd else [])]
        rows.append((f"{row.strength:.2f}", *map(_percent, shares)))
    title = "other class priors (0: as in training, 1: equal)"
    return _table(headers, rows, title, text=0)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _with_interval(scores: Scores, name: str) -> str:
    interval: Interval = getattr(scores, f"{name}_interval")
    return f"{getattr(scores, name):.2%} [{interval[0]:.1%}, {interval[1]:.1%}]"


def prepare_table(result: PrepareResult) -> Fitting:
    """Show, for each split and class, the images, what became of them, and the share with a detected face."""
    splits = [split for split in ("train", "val", "test", "") if split in result.counts.table]
    rows, narrow = [], []
    total: dict[str, int] = {}
    for split in splits:
        by_class = result.counts.table[split]
        narrow.append([f"[bold]{split or 'all'}[/]"])
        for name in (name for name in result.class_names if name in by_class):
            cells = [escape(name), *_counts(by_class[name])]
            rows.append([split or "all", *cells])
            narrow.append(cells)
            for status, count in by_class[name].items():
                total[status] = total.get(status, 0) + count
    rows.append(["", "all", *_counts(total)])
    narrow.append(["all", *_counts(total)])
    headers = ("class", "images", *STATUSES, "with a face")
    return Fitting(_table(("split", *headers), rows, text=2), _table(headers, narrow))


def _counts(by_status: dict[str, int]) -> list[str]:
    images = sum(by_status.values())
    found = by_status.get("detected", 0) + by_status.get("retried", 0)
    return [f"{images:,}", *(f"{by_status.get(status, 0):,}" for status in STATUSES), f"{found / images:.2%}"]


def prepare_lines(result: PrepareResult) -> Iterator[RenderableType]:
    """Show the table, what looks wrong, the rate and where everything is."""
    yield prepare_table(result)
    if result.counts.votes is not None:
        yield result.counts.votes.line()
    if result.check is not None:
        yield from findings(result.check)
    rate = f", {result.images_per_second:.0f} images/s" if result.images_per_second else ""
    yield f"{result.counts.faces:,} faces, crop {result.crop}, {result.seconds:.0f} s{rate}"
    yield escape(f"index: {result.root / 'index'} (preview.png shows it), images: {result.root / 'dataset'}")


def check_lines(result: CheckResult) -> Iterator[RenderableType]:
    """Show the table of classes, then a line for everything that looks wrong, leaks first."""
    report = result.report
    rows = []
    for name in next(iter(report.classes.values())):
        coverage = f"{report.coverage[name]:.2%}" if name in report.coverage else ""
        rows.append((escape(name), *(f"{counts[name]:,}" for counts in report.classes.values()), coverage))
    yield _table(("class", *report.classes, "with a face"), rows)
    yield from findings(result)


def findings(result: CheckResult) -> Iterator[str]:
    """Say what looks wrong with a data set: leaks between splits first, then signs that its images were changed."""
    report = result.report
    for leak in report.leaks:
        yield (
            f"[bold red]LEAK[/]: {leak.images:,} images of {leak.split} ({leak.share:.1%}) "
            f"have a copy in {leak.other}, so results on {leak.split} are partly memory"
        )
    if report.shared_subjects:
        names = escape(", ".join(list(report.shared_subjects)[:5]))
        yield f"[bold red]LEAK[/]: {len(report.shared_subjects):,} people are in more than one split ({names}, ...)"
    yield from (f"[bold red]CHANGED?[/]: {escape(warning)}" for warning in report.warnings)
    copies = report.exact_copies + report.near_copies
    yield f"copies: {report.exact_copies:,} exact and {report.near_copies:,} near ones among {report.images:,} images"
    if copies:
        yield f"        {report.contradictions:,} pairs of copies have different classes; all pairs: " + escape(
            f"{result.pairs_file}, some shown in {result.sheet_file}"
        )
    if report.imbalance >= IMBALANCED:
        yield f"balance: the largest class has {report.imbalance:.0f} times the faces of the smallest"
    for what, names_found in (("landmarks outside the frame", report.outside), ("unreadable", report.unreadable)):
        if names_found:
            yield f"{what}: {len(names_found):,} images, such as {escape(names_found[0])}"
    for trait, found in report.traits.items():
        names = escape(", ".join(found.examples[:3]))
        yield f"{trait}: {found.images:,} images ({found.share:.2%}) {DESCRIPTIONS[trait]}, such as {names}"
