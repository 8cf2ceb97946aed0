"""Score any tool's predictions by ampnet's own rules: python -m benchmarks.rivals.score DATA PREDICTIONS.csv...

DATA is a prepared data set; its test split is scored. Prints one table with a row for each CSV; for all numbers of one
tool, see `ampnet eval --predictions`. The CSVs are described in :mod:`ampnet.evaluation.predictions_file`.
"""

import argparse
from pathlib import Path

from ampnet.dataset.open_index import read_index
from ampnet.errors import AmpnetError
from ampnet.evaluation.agreement import measure_agreement
from ampnet.evaluation.intervals import Estimate
from ampnet.evaluation.matching import match_classes
from ampnet.evaluation.metrics import confusion_of, score
from ampnet.evaluation.predictions_file import read_predictions
from ampnet.settings import TrainConfig
from benchmarks.measure import print_table
from pipelines.split_images import EvaluatedSplit, read_split

HEAD = ("predictions", "accuracy", "macro-F1", "crowd accuracy", "crowd mean recall")


def main() -> None:
    """Print one table, a row for each CSV."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("predictions", type=Path, nargs="+", metavar="PREDICTIONS.csv")
    arguments = parser.parse_args()
    try:
        index = read_index(arguments.data)
        names = index.class_names
        chosen = read_split(index, "test", match_classes(names, names), names, TrainConfig.seed)
        rows = [row_of(path, chosen) for path in arguments.predictions]
    except AmpnetError as error:
        raise SystemExit(str(error)) from error
    votes = chosen.images.votes
    title = f"{len(chosen.images):,} images of {arguments.data}, test, in percent with 95% intervals"
    print_table(title, HEAD if votes else HEAD[:3], [row[: len(HEAD) if votes else 3] for row in rows])
    if votes:
        print(
            f"\nCrowd: {int((votes.majority() >= 0).sum()):,} images where one class has more than half of all votes."
        )
        print(f"{int(votes.no_face.sum())} images are excluded: their most frequent vote is no face.")


def row_of(path: Path, chosen: EvaluatedSplit) -> list[str]:
    """Score one CSV against the labels and, if the data set has them, the votes."""
    table = read_predictions(path, chosen.images, chosen.elsewhere).table
    names, votes = table.class_names, table.images.votes
    scores = score(confusion_of(table.labels, table.answers, len(names)), names)
    row = [path.stem, _percent(scores.accuracy), _percent(scores.macro_f1)]
    if votes is None:
        return row
    crowd = measure_agreement(table.answers, table.probabilities, votes, names).scores
    return [*row, _percent(crowd.accuracy if crowd else None), _percent(crowd.mean_class_accuracy if crowd else None)]


def _percent(found: Estimate | None) -> str:
    if found is None:
        return "none"
    return f"{100 * found.value:.1f} ({100 * found.interval[0]:.1f} to {100 * found.interval[1]:.1f})"


if __name__ == "__main__":
    main()
