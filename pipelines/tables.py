"""Results as tables for a terminal."""

from collections.abc import Iterator
from itertools import groupby

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from ampnet.evaluation.metrics import Interval, Scores, normalise_rows
from ampnet.evaluation.report import EvalReport
from ampnet.prediction.results import ImagePredictions, Predictions

LEAST_SHOWN = 0.005
"""Scores that round to less than one percent stay out of the screen's table."""


def evaluation_tables(report: EvalReport) -> Iterator[RenderableType]:
    """Show an evaluation: the summary, the classes, the confusion matrix."""
    yield escape(f"{report.checkpoint} (epoch {report.epoch}) on {report.split} of {report.data.resolve()}")
    yield _summary(report)
    yield _classes(report)
    yield _confusion(report)
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
    table = Table("", "all images")
    columns = [report.all]
    if report.undetected:
        table.add_column("with a face")
        columns.append(report.scored)
    if report.mirrored:
        table.add_column("all, mirror-averaged")
        columns.append(report.mirrored)
    for column in table.columns[1:]:
        column.justify = "right"
    table.add_row("images", *(f"{scores.images:,}" for scores in columns))
    if report.undetected:
        table.add_row("without a face, counted as errors", f"{report.undetected:,}")
    for name in ("accuracy", "macro_f1", "mean_class_accuracy"):
        table.add_row(name.replace("_", " ").replace("f1", "F1"), *(_with_interval(s, name) for s in columns))
    table.add_row("accuracy, local head", f"{report.local_accuracy:.2%}")
    table.add_row("accuracy, global head", f"{report.global_accuracy:.2%}")
    return table


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
