"""Results as tables for a terminal."""

from collections.abc import Iterator
from itertools import groupby

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from ampnet.evaluation.metrics import Interval, Scores, normalise_rows
from ampnet.evaluation.report import CrowdReport, EvalReport
from ampnet.prediction.results import ImagePredictions, Predictions

LEAST_SHOWN = 0.005
"""Scores that round to less than one percent stay out of the screen's table."""


def evaluation_tables(report: EvalReport) -> Iterator[RenderableType]:
    """Show an evaluation: the summary, the classes, the confusion matrix."""
    yield escape(f"{report.checkpoint} (epoch {report.epoch}) on {report.split} of {report.data.resolve()}")
    yield _summary(report)
    yield _classes(report)
    yield _confusion(report)
    if report.crowd:
        yield _crowd(report.crowd)
    if report.priors:
        yield _priors(report)
    for note in report.notes:
        yield f"note: {escape(note)}"
    if report.unassigned:
        yield f"note: {report.unassigned} images without a face belong to no split and are not counted"


def prediction_table(result: Predictions) -> Table:
    """Show each photo's faces with box, class, probability and the other classes' scores; videos as a whole."""
    table = Table("image", "face", "box (x0 y0 x1 y1)", "expression", "prob.", "other scores")
    table.columns[0].overflow = "fold"
    table.columns[4].justify = "right"
    for (_, in_video), group in groupby(result.images, key=lambda image: (image.path, image.frame is not None)):
        images = list(group)
        rows = [_video_row(images)] if in_video else [row for image in images for row in _photo_rows(image)]
        for row in rows:
            table.add_row(*(escape(cell) for cell in row))
    return table


def _summary(report: EvalReport) -> Table:
    table = Table("", "all images, mirror-averaged" if report.mirror else "all images")
    columns = [report.all]
    if report.undetected:
        table.add_column("with a face")
        columns.append(report.scored)
    for column in table.columns[1:]:
        column.justify = "right"
    table.add_row("images", *(f"{scores.images:,}" for scores in columns))
    if report.undetected:
        table.add_row("without a face, counted as errors", f"{report.undetected:,}")
    for name in ("accuracy", "macro_f1", "mean_class_accuracy"):
        table.add_row(name.replace("_", " ").replace("f1", "F1"), *(_with_interval(s, name) for s in columns))
    table.add_row("accuracy, local head", f"{report.local_accuracy:.2%}")
    table.add_row("accuracy, global head", f"{report.global_accuracy:.2%}")
    table.add_row("expected calibration error", f"{report.calibration_error:.2%}")
    return table


def _crowd(crowd: CrowdReport) -> Table:
    """Show the agreement with the votes."""
    agreement, scores = crowd.agreement, crowd.scores
    left_out = agreement.voted - agreement.majority_rows
    title = "agreement with the crowd: one class has more than half of all votes"
    table = Table("", "value", title=title, title_justify="left")
    table.columns[1].justify = "right"
    table.add_row("images with a majority", f"{agreement.majority_rows:,}")
    table.add_row(
        "left out: no majority / called no face / no votes",
        f"{left_out:,} / {agreement.no_face:,} / {agreement.unvoted:,}",
    )
    table.add_row("accuracy", _with_interval(scores, "accuracy"))
    table.add_row("mean recall", _with_interval(scores, "mean_class_accuracy"))
    for one in scores.classes:
        table.add_row(
            f"recall, {escape(one.name)} ({one.images:,})", "-" if one.recall is None else f"{one.recall:.1%}"
        )
    table.add_row("a single annotator's accuracy (ceiling of one person)", _percent(agreement.annotator_accuracy))
    table.add_row("expected calibration error", f"{crowd.calibration_error:.2%}")
    if agreement.cross_entropy is not None and agreement.entropy is not None:
        floor = f"{agreement.cross_entropy:.3f} (least possible {agreement.entropy:.3f})"
        table.add_row("cross-entropy to the votes, nats", floor)
    table.add_row("total variation distance to the votes", _percent(agreement.total_variation))
    own, best = _percent(agreement.expected_agreement), _percent(agreement.best_expected_agreement)
    table.add_row("agreement with a random annotator (best possible)", f"{own} ({best})")
    return table


def _priors(report: EvalReport) -> Table:
    """Show what other priors would answer."""
    title = "class prior taken out of the logits: 0 as in training, 1 every class alike"
    table = Table("strength", "accuracy", "mean recall", title=title, title_justify="left")
    if report.crowd:
        table.add_column("crowd accuracy")
        table.add_column("crowd mean recall")
    for column in table.columns:
        column.justify = "right"
    for row in report.priors:
        shares = [row.accuracy, row.mean_recall, *([row.crowd_accuracy, row.crowd_mean_recall] if report.crowd else [])]
        table.add_row(f"{row.strength:.2f}", *(_percent(share) for share in shares))
    return table


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _with_interval(scores: Scores, name: str) -> str:
    low, high = _interval(scores, name)
    return f"{getattr(scores, name):.2%} [{low:.1%}, {high:.1%}]"


def _interval(scores: Scores, name: str) -> Interval:
    interval: Interval = getattr(scores, f"{name}_interval")
    return interval


def _classes(report: EvalReport) -> Table:
    table = Table("class", "images", "undetected", "recall", "precision", "F1", title="by class", title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    for scores, scored in zip(report.all.classes, report.scored.classes, strict=True):
        shares = ("-" if share is None else f"{share:.1%}" for share in (scores.recall, scores.precision, scores.f1))
        table.add_row(escape(scores.name), f"{scores.images:,}", f"{scores.images - scored.images:,}", *shares)
    return table


def _confusion(report: EvalReport) -> Table:
    title = "confusion: images and % of the true class (rows) by predicted class (columns)"
    names = [*report.class_names, *(["no face"] if report.undetected else [])]
    table = Table("", *(escape(name) for name in names), title=title, title_justify="left", show_lines=True)
    for column in table.columns[1:]:
        column.justify = "right"
    shares = normalise_rows(report.matrix)
    for name, counts, row in zip(report.class_names, report.matrix, shares, strict=True):
        cells = [f"{count:,}\n{share:.0%}" for count, share in zip(counts, row, strict=True)]
        table.add_row(escape(name), *cells[: len(names)])
    return table


def _photo_rows(photo: ImagePredictions) -> Iterator[tuple[str, ...]]:
    if not photo.faces:
        yield str(photo.path), "-", "", "cannot be read" if photo.problem else "no face found", "", ""
    for number, prediction in enumerate(photo.faces, start=1):
        box = " ".join(f"{edge:.0f}" for edge in prediction.face.box)
        path = str(photo.path) if number == 1 else ""
        yield path, str(number), box, prediction.label, f"{prediction.probability:.1%}", _others(prediction.scores)


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
