"""Compare how steady the bundled model's answers are with what docs/robustness.md publishes.

    python -m tools.steady_rates

Photos and model are fixed, so the rates repeat; another processor rounds otherwise, which may move an answer that is
nearly undecided. Whatever rises further than that is a problem, which ends `make release`.
"""

import re
import sys
from pathlib import Path

from ampnet.robustness.steadiness import Steadiness
from ampnet.settings import RobustnessConfig
from pipelines.steadiness import run

ROOT = Path(__file__).parents[1]
PHOTOS = ROOT / "tests" / "samples" / "faces" / "test"
COLUMN, MEAN = "today's weights", "mean of these six"

MORE_LABELS, MORE_MOVED = 2, 0.02
"""Labels that may change in addition, in a row and in all six together, and how much the percentile may rise."""

Rates = dict[str, tuple[float, float]]
"""By change: fraction of labels that changed, and 95th percentile of the probability's change."""


def published_rates(page: str) -> Rates:
    """Read the table under "Steady answers" on docs/robustness.md."""
    lines = page.partition("## Steady answers")[2].partition("\n## ")[0].splitlines()
    rows = [[re.sub(r"\*\*", "", cell.strip()) for cell in line.split("|")[1:-1]] for line in lines if line[:1] == "|"]
    column = rows[0].index(COLUMN)
    pairs = {row[0]: row[column].split("%, ") for row in rows[2:]}
    return {about: (float(changed) / 100, float(moved)) for about, (changed, moved) in pairs.items()}


def risen(published: Rates, found: Steadiness) -> list[str]:
    """List the rates that are higher than published, beyond their noise, and those that are not published."""
    measured = {row.about: (row.changed, row.moved, found.photos) for row in found.rows}
    measured[MEAN] = (*found.mean_of_slight(), 6 * found.photos)
    problems = []
    for about, (changed, moved, answers) in measured.items():
        if about not in published:
            problems.append(f"steadiness: {about} has no published rate")
            continue
        labels, percentile = published[about]
        if changed > labels + MORE_LABELS / answers + 5e-4 or moved > percentile + MORE_MOVED:  # the table is rounded
            now, then = f"{changed:.2%}, {moved:.3f}", f"{labels:.2%}, {percentile:.3f}"
            problems.append(f"steadiness: {about}: {now} of answers changed, published {then}")
    return problems


def steadiness_problems() -> list[str]:
    """Measure the bundled model, print its rates, and list those that have risen."""
    found = run(RobustnessConfig(checkpoint=Path("bundled"), gpus=0), PHOTOS, quiet=True).steadiness
    for row in found.rows:
        print(f"  {row.about}: {row.changed:.1%}, {row.moved:.3f}")
    changed, moved = found.mean_of_slight()
    print(f"  {MEAN}: {changed:.2%}, {moved:.3f}")
    return risen(published_rates((ROOT / "docs" / "robustness.md").read_text(encoding="utf-8")), found)


if __name__ == "__main__":
    sys.exit("\n".join(steadiness_problems()) or 0)
