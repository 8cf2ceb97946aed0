"""Write docs/columns.md: every column and key of what predict and the service write, from ampnet/results/columns.py.

python -m tools.list_columns
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ampnet.results.columns import (
    DOCUMENT_KEYS,
    EXPLANATION_KEYS,
    FACE_KEYS,
    PHOTO_KEYS,
    SERVICE_KEYS,
    Column,
    table_columns,
)

PAGE = Path(__file__).parents[1] / "docs" / "columns.md"

HEAD = """# Columns and keys of the results

This page is made from `ampnet/results/columns.py` by `python -m tools.list_columns`; a test compares the two.

Boxes and landmarks count in pixels of the whole upright photo: its EXIF rotation is applied, `(0, 0)` is its top left
corner, and a photo that was decoded at a reduced size is measured as if it had not been. Left is the image's left.
Pixels have one decimal, probabilities six, seconds three.
"""


def page() -> str:
    """Return the page."""
    columns = [replace(column, meaning=column.meaning.replace("CLASS", "the class")) for column in _with_class()]
    parts = [
        HEAD,
        _table(
            "CSV, parquet and `to_df`",
            "A row for each face, and one for each photo or frame without any. `--csv`, the parquet files of\n"
            "`--engine ray` and `PhotoResult.to_df()` have the same columns, in this order.",
            columns,
        ),
        _table(
            "JSON of a photo or frame",
            "A line of `--jsonl`, an entry of `images` in `predict --json`, an entry of `photos` of the service, "
            "`PhotoResult.to_dict()`.",
            PHOTO_KEYS,
        ),
        _table("JSON of a face", "An entry of `faces`.", FACE_KEYS),
        _table("JSON of an explanation", "The key `explanation` of a face.", EXPLANATION_KEYS),
        _table("`predict --json`", "The object around all of it.", DOCUMENT_KEYS),
        _table("`POST /v1/predict`", "The object around all of it; see [serve.md](serve.md).", SERVICE_KEYS),
    ]
    return "\n".join(parts)


def _with_class() -> list[Column]:
    return table_columns(["CLASS"], has_tracks=True)


def _table(title: str, about: str, columns: Sequence[Column]) -> str:
    rows = [f"| `{one.name}` | {one.kind} | {one.meaning} | {one.empty} |" for one in columns]
    return (
        "\n".join([f"\n## {title}\n\n{about}\n", "| name | kind | meaning | empty for |", "|---|---|---|---|", *rows])
        + "\n"
    )


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
