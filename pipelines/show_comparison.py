"""What `ampnet compare` prints: who is better and by how much, then where they differ."""

from collections.abc import Iterator

from rich.console import RenderableType

from ampnet.evaluation.comparison import ALL, CROWD, ContenderScores, Difference
from ampnet.files.printable import printable
from ampnet.reports.numbers import p_value, percent, plain_number, written_spread
from pipelines.compare import Comparison, PairTables
from pipelines.show import Fitting, fitting_table, safe


def comparison_tables(result: Comparison) -> Iterator[RenderableType]:
    """Show the contenders, each pair's verdict and differences, the tables of classes and changes, and the notes."""
    images = result.sets[0].images
    yield safe(f"{images:,} images of {result.split} of {printable(result.data.resolve())}")
    for contender in result.contenders:
        count = len(contender.answer_names)
        runs = [f"{count} seeds"] if count > 1 else []
        runs += [f"{len(contender.files) // count} folds"] if contender.folds else []
        about = f" ({', '.join(runs)})" if runs else ""
        yield f"{contender.letter}: {safe(contender.name)}{about}"
    yield from (f"[bold]{safe(line)}[/]" for line in verdicts(result))
    yield _contenders(result)
    yield _differences(result)
    for pair in result.pairs:
        yield _classes(pair)
        if pair.changes:
            yield _changes(pair)
    for note in result.notes:
        yield f"note: {safe(note)}"


CLEAR = 0.05
"""McNemar's p, adjusted for the pairs, from which a difference may be chance, even if its own interval has no 0."""


def verdicts(result: Comparison) -> Iterator[str]:
    """State for each pair in words whether one is right more often, by the labels and by the crowd."""
    letters = [contender.letter for contender in result.contenders]
    for one in result.sets:
        for pair in one.pairs if one.name in (ALL, CROWD) else ():
            first, second = letters[pair.first], letters[pair.second]
            found = pair.difference.accuracy
            low, high = (100 * end for end in found.interval)
            test = pair.difference.mcnemar
            by_chance = "" if test is None or test.adjusted_p < CLEAR else f" (p = {p_value(test.adjusted_p)})"
            if low <= 0 <= high or by_chance:
                points = percent(found, signed=True, digits=2)
                yield f"{one.name}: no clear difference in accuracy, {second} - {first} = {points} points{by_chance}"
                continue
            better, worse = (second, first) if found.value > 0 else (first, second)
            least, most = sorted((abs(low), abs(high)))
            yield (
                f"{one.name}: {better} is correct more often than {worse}, by {100 * abs(found.value):.1f} points "
                f"(95% interval {least:.1f} to {most:.1f})"
            )


def _contenders(result: Comparison) -> Fitting:
    rows = []
    for one in result.sets:
        for contender, scores in zip(result.contenders, one.contenders, strict=True):
            shown = (_accuracy(scores), _f1(scores))
            rows.append([one.name, contender.letter, f"{one.images:,}", *shown])
    return fitting_table(("images", "", "n", "accuracy, %", "macro F1"), _without_repeats(rows), "scores", text=2)


def _accuracy(scores: ContenderScores) -> str:
    if scores.accuracy.deviation is not None:
        return written_spread(scores.accuracy, digits=2)
    return percent(scores.runs[0].accuracy, digits=2)


def _f1(scores: ContenderScores) -> str:
    if scores.macro_f1.deviation is not None:
        return written_spread(scores.macro_f1, unit=1, digits=3)
    return plain_number(scores.runs[0].macro_f1)


def _differences(result: Comparison) -> Fitting:
    letters = [contender.letter for contender in result.contenders]
    several = len(result.sets[0].pairs) > 1
    rows = []
    for one in result.sets:
        for pair in one.pairs:
            name = f"{letters[pair.second]} - {letters[pair.first]}"
            rows.append([one.name, name, *_difference(pair.difference, several)])
    headers = ["images", "", "accuracy, points", "macro F1", "only first", "only second", "McNemar p"]
    headers += ["p, Holm"] if several else []
    title = "paired differences, second minus first, and images that only one classifies correctly"
    shown = [headers, *_without_repeats(rows)]
    left_out: list[set[str]] = [set(), {"macro F1"}, {"macro F1", "McNemar p"} if several else {"macro F1"}]
    forms = []
    for names in left_out:
        kept = [place for place, header in enumerate(headers) if header not in names]
        head, *body = [[row[place] for place in kept] for row in shown]
        forms.append(fitting_table(head, body, title, text=2))
    return Fitting(*forms)


def _difference(found: Difference, several: bool) -> list[str]:
    shown = [percent(found.accuracy, signed=True, digits=2), plain_number(found.macro_f1, signed=True)]
    test = found.mcnemar
    if test is None:
        return [*shown, "-", "-", "-", *(["-"] if several else [])]
    counts = [f"{test.only_first:,}", f"{test.only_second:,}", p_value(test.p_value)]
    return [*shown, *counts, *([p_value(test.adjusted_p)] if several else [])]


def _classes(pair: PairTables) -> Fitting:
    headers = ("class", "n", "both right", f"only {pair.first}", f"only {pair.second}", "neither")
    rows = []
    for one in pair.classes:
        counts = (one.both, one.only_first, one.only_second, one.neither)
        rows.append([safe(one.name), f"{one.images:,}", *map(_count, counts)])
    return fitting_table(headers, rows, f"{pair.first} and {pair.second}: who is right, in images")


def _changes(pair: PairTables) -> Fitting:
    rows = [[safe(one.true), safe(one.first), safe(one.second), _count(one.images)] for one in pair.changes]
    title = f"{pair.first} and {pair.second}: most frequent answers if one is right"
    return fitting_table(("label", pair.first, pair.second, "images"), rows, title, text=3)


def _without_repeats(rows: list[list[str]]) -> list[list[str]]:
    earlier = [None, *(row[0] for row in rows)]
    return [["" if row[0] == before else row[0], *row[1:]] for row, before in zip(rows, earlier, strict=False)]


def _count(images: float) -> str:
    return f"{images:,.0f}" if float(images).is_integer() else f"{images:,.1f}"
