"""Score tools' predictions by the two protocols beside this file.

    python -m benchmarks.rivals.score DATA [PREDICTIONS.csv...]

DATA is FER-2013, prepared with its votes and without dropping an image. The answers of each CSV (described in
:mod:`ampnet.evaluation.predictions_file`) are stored in predictions/, and all that is stored there is scored:
submissions/ gets what `ampnet eval --predictions FILE --protocol-file FILE` would write, and the table is printed. A
test compares README's tables with submissions/.
"""

import json
from pathlib import Path
from typing import Any

from ampnet.dataset.open_index import read_index
from ampnet.errors import AmpnetError
from ampnet.evaluation.predictions_file import read_predictions
from ampnet.evaluation.report import measure
from ampnet.evaluation.submission import Rules, submission
from ampnet.files.documents import read_json
from ampnet.files.writing import sha256_of, write_json, write_rows
from ampnet.settings import EvalConfig, TrainConfig
from benchmarks.measure import options_of, print_table
from pipelines.provenance import provenance_of
from pipelines.split_images import EvaluatedSplit, read_split

HERE = Path(__file__).parent
RULES = ("labels", "crowd")
HEAD = ("tool", "accuracy", "macro-F1", "crowd accuracy", "crowd mean recall")


def main() -> None:
    """Store answers, score all that are stored, and print one table."""
    parser = options_of(__doc__)
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("predictions", type=Path, nargs="*", metavar="PREDICTIONS.csv")
    given = parser.parse_args()
    try:
        index = read_index(given.data)
        names = index.class_names
        chosen = read_split(index, "test", names, TrainConfig.seed)
        for path in given.predictions:
            _store(path, chosen)
        for path in sorted((HERE / "predictions").glob("*.csv")):
            table = read_predictions(path, chosen.images, chosen.elsewhere).table
            config = EvalConfig(predictions=path, data=given.data)
            report = measure(table, provenance_of(config, path, sha256_of(path), index, {}))
            for rule in RULES:
                found = submission(read_json(HERE / f"protocol-{rule}.json", Rules, "restore it"), report)
                write_json(HERE / "submissions" / f"{path.stem}-{rule}.json", found)
    except AmpnetError as error:
        raise SystemExit(str(error)) from error
    print_table("PrivateTest of FER-2013, in percent with 95% intervals", HEAD, [[tool, *row] for tool, row in rows()])


def _store(path: Path, chosen: EvaluatedSplit) -> None:
    """Keep a tool's answers, without its probabilities: a tenth of the size, and all that the protocols need."""
    table = read_predictions(path, chosen.images, chosen.elsewhere).table
    answers = (table.class_names[answer] if answer >= 0 else "" for answer in table.answers)
    rows_of_names = zip(table.images.names, answers, strict=True)
    write_rows(HERE / "predictions" / path.name, ("name", "predicted"), rows_of_names)


def rows() -> list[tuple[str, list[str]]]:
    """Return the cells of each tool, from the submissions: by HEAD, the most accurate first."""
    found = []
    for path in sorted((HERE / "submissions").glob("*-labels.json")):
        labels, crowd = (json.loads(path.with_name(path.name.replace("labels", rule)).read_text()) for rule in RULES)
        values = [labels["scores"][key] for key in ("accuracy", "macro_f1")]
        values += [crowd["scores"][key] for key in ("accuracy", "mean_class_accuracy")]
        found.append(
            (values[0]["value"], path.name.removesuffix("-labels.json"), [_percent(value) for value in values])
        )
    return [(tool, cells) for _value, tool, cells in sorted(found, reverse=True)]


def _percent(found: dict[str, Any]) -> str:
    return f"{100 * found['value']:.1f} ({100 * found['interval'][0]:.1f} to {100 * found['interval'][1]:.1f})"


if __name__ == "__main__":
    main()
