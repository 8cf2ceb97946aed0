"""Write, from docs/results.json and tests/samples, what the record of models and data needs.

    python -m tools.scientific_record       # after `make results`

docs/results.md (every figure, its command, its date), the tables of scores in the model card, a model-index for model
hubs, and the datasheet of the sample faces. A test compares all of them with the stored numbers.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.results import read_results

ROOT = Path(__file__).parents[1]
CARD = ROOT / "ampnet" / "weights" / "MODEL_CARD.md"
INDEX = ROOT / "ampnet" / "weights" / "model-index.yml"
RESULTS = ROOT / "docs" / "results.md"
DATASHEET = ROOT / "docs" / "datasheet.md"
SAMPLES = ROOT / "tests" / "samples"

MODELS = ("ferplus", "fer2013")
PASSES = {"single pass": "", "mirror-averaged": "-mirror"}


def main() -> None:
    """Write all files."""
    for path, text in record().items():
        path.write_text(text, encoding="utf-8")


def record() -> dict[Path, str]:
    """Return each file with its text."""
    results = read_results()
    return {
        CARD: _card(results),
        INDEX: _model_index(results),
        RESULTS: _results_page(results),
        DATASHEET: _datasheet(),
    }


def _card(results: dict[str, Any]) -> str:
    """Put the stored scores into the card's tables, which are found by their headings."""
    numbers = {key: one["numbers"] for key, one in results.items() if "numbers" in one}
    text = CARD.read_text(encoding="utf-8")
    if not {f"{model}{suffix}" for model in MODELS for suffix in PASSES.values()} <= numbers.keys():
        return text
    passes = ((model, words, f"{model}{suffix}") for model in MODELS for words, suffix in PASSES.items())
    text = _replace(text, SCORES, 0, _scores((f"{model}, {words}", numbers[key]) for model, words, key in passes))
    for place, model in enumerate(MODELS):
        text = _replace(text, "class | crowd images | recall", place, _classes(numbers[model]))
    priors = (
        [f"{one['strength']:.2f}", *(_percent(one[key]) for key in PRIOR_KEYS)] for one in numbers["ferplus"]["priors"]
    )
    return _replace(text, "strength | crowd accuracy", 0, priors)


SCORES = "crowd accuracy | crowd mean recall | label accuracy | label macro-F1"
PRIOR_KEYS = ("crowd_accuracy", "crowd_mean_recall", "accuracy", "mean_recall")


def _replace(text: str, heading: str, place: int, rows: Iterable[Sequence[str]]) -> str:
    """Replace the rows of a table, the ``place``-th with this heading."""
    found = list(re.finditer(rf"^\|.*{re.escape(heading)}.*\n\|[-|]+\n((?:\|.*\n)+)", text, re.MULTILINE))[place]
    return text[: found.start(1)] + "".join(f"| {' | '.join(row)} |\n" for row in rows) + text[found.end(1) :]


def _scores(rows: Iterable[tuple[str, dict[str, Any]]]) -> list[list[str]]:
    keys = {
        "crowd.scores.accuracy": "%",
        "crowd.scores.mean_class_accuracy": "",
        "all.accuracy": "%",
        "all.macro_f1": "",
    }
    return [[name, *(_estimate(numbers[key], sign) for key, sign in keys.items())] for name, numbers in rows]


def _classes(numbers: dict[str, Any]) -> list[list[str]]:
    pairs = zip(numbers["crowd.scores.classes"], numbers["all.classes"], strict=True)
    return [
        [
            *(crowd["name"], f"{crowd['images']:,}", _estimate(crowd["recall"]), _percent_of(crowd["precision"])),
            *(
                f"{label['images']:,}",
                _estimate(label["recall"]),
                _percent_of(label["precision"]),
                _percent_of(label["f1"]),
            ),
        ]
        for crowd, label in pairs
    ]


def _model_index(results: dict[str, Any]) -> str:
    """Describe the models as hubs want it, for the top of a model's page between two lines of ``---``."""
    models = []
    for model, place, about in (
        ("ferplus", "crowd.scores", "the crowd of FER+"),
        ("fer2013", "all", "FER-2013's labels"),
    ):
        if model in results:
            numbers = results[model]["numbers"]
            accuracy, recall = (numbers[f"{place}.{key}"]["value"] for key in ("accuracy", "mean_class_accuracy"))
            models.append(MODEL.format(model=model, about=about, accuracy=accuracy, recall=recall))
    return INDEX_HEAD + "".join(models)


INDEX_HEAD = """license: mit
library_name: ampnet
pipeline_tag: image-classification
model-index:
"""
MODEL = """- name: ampnet-small-{model}
  results:
  - task:
      type: image-classification
      name: facial expression recognition
    dataset:
      type: fer2013
      name: FER-2013 PrivateTest, by {about}
      split: test
    metrics:
    - type: accuracy
      value: {accuracy:.4f}
    - type: balanced_accuracy
      value: {recall:.4f}
"""


def _results_page(results: dict[str, Any]) -> str:
    head = (
        "# Results: measured figures with command and date\n\n"
        "`make results FER=fer RAW=fer2013` runs each command below and stores its results in `docs/results.json`; "
        "interrupted, it continues where it stopped. `python -m tools.scientific_record` makes this page from it. "
        "Figures that are not here yet are in the [README](../README.md) with their commands.\n\n"
        "`{fer}` is the prepared FER-2013, `{raw}` the raw one, `{work}` a folder for the output of the commands.\n"
    )
    parts = [head]
    for one in results.values():
        if not one["what"]:
            continue
        title = one["what"][0].upper() + one["what"][1:]
        parts.append(f"\n## {title}\n\n`{one['command']}`, {one['date']}, version {one['ampnet']}\n")
        if "text" in one:
            parts.append("\n```\n" + "\n".join(one["text"]) + "\n```\n")
            continue
        rows = [(name, _shown(value)) for name, value in one["numbers"].items()]
        parts.append(
            "\n| number | value |\n|---|---|\n" + "".join(f"| `{name}` | {value} |\n" for name, value in rows if value)
        )
    return "".join(parts)


def _shown(value: Any) -> str:
    """Show a number, or an estimate; tables within tables are in the JSON."""
    if isinstance(value, dict) and "interval" in value:
        return _estimate(value, "%")
    if isinstance(value, dict) and "accuracy" in value:
        return _estimate(value["accuracy"], "%") + f" of {value['images']:,}"
    return f"{value:,}" if isinstance(value, int | float) else ""


def _datasheet() -> str:
    with (SAMPLES / "annotations.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    counts = Counter((row["split"], row["expression"]) for row in rows)
    people = {row["identity"]: row for row in rows}
    splits = ("train", "test")
    shown = {split: {row["identity"] for row in rows if row["split"] == split} for split in splits}
    table = [
        f"| {name} | {counts['train', name]} | {counts['test', name]} |\n"
        for name in sorted({key[1] for key in counts})
    ]
    table.append("| all | " + " | ".join(str(sum(row["split"] == split for row in rows)) for split in splits) + " |\n")
    table.append("| identities | " + " | ".join(str(len(shown[split])) for split in splits) + " |\n")
    ages = [int(row["age"]) for row in people.values()]
    return DATASHEET_TEXT.format(
        images=len(rows),
        table="".join(table),
        identities=len(people),
        shared=len(shown["train"] & shown["test"]) or "no",
        sexes=_in_words(Counter(row["sex"] for row in people.values())),
        origins=_in_words(Counter(row["ethnicity"] for row in people.values())),
        youngest=min(ages),
        oldest=max(ages),
        occluded=sum(row["occluded"] == "1" for row in rows),
    )


def _in_words(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())


DATASHEET_TEXT = """# Datasheet: the sample faces

The questions are from Gebru et al. 2021, *Datasheets for Datasets* (arXiv:1803.09010). The numbers are counted by
`python -m tools.scientific_record`; assets and rendering are described in [the licence](../tests/samples/LICENSE.md).

**Motivation.** Tests, demonstrations and golden answers need faces that may be published, which photographs of people
may not. Made by this project.

**Composition.** {images} pictures of {identities} invented identities in `tests/samples/faces`: {sexes}; {origins}
(the renderer's words); {youngest} to {oldest} years. Training and test share {shared} identity. {occluded} faces are
partly covered. `annotations.csv` gives box, landmarks, pose and cover of each, exactly, since they are rendered.
There is no personal data.

| class | train | test |
|---|---|---|
{table}
**Collection.** Not collected, but rendered from CC0 assets of MakeHuman with random expressions, lights, poses and
covers. No consent was needed, since no real person is shown.

**Preprocessing, labelling.** A class is the set of facial action units given to the renderer, not what people see in
the picture: no annotator has labelled them.

**Uses.** To test whether a program works, and whether two paths to an answer agree. Not to measure accuracy on people,
by group or overall: expressions are posed after prototypes.

**Distribution, maintenance.** In the repository, under CC0 1.0. Changes are in [the changelog](../CHANGELOG.md); the
golden answers are updated with them.

Other data sets: what was learned from FER-2013 and FER+ is in the [model card](../ampnet/weights/MODEL_CARD.md#data);
each set that `prepare` writes describes itself in `croissant.json` ([data.md](data.md)).
"""


def _estimate(value: dict[str, Any] | None, sign: str = "") -> str:
    if value is None:
        return "none"
    low, high = value["interval"]
    return f"{_percent(value['value'])}{sign} ({_percent(low)} to {_percent(high)})"


def _percent_of(value: dict[str, Any] | None) -> str:
    return "none" if value is None else _percent(value["value"])


def _percent(value: float) -> str:
    return f"{100 * value:.1f}"


if __name__ == "__main__":
    main()
