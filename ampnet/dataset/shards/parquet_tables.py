"""The parquet tables of a data set in shards; pyarrow is imported only when one is read or written.

An untrusted table is read whole into memory bounded by its own size, and must have exactly our columns: nothing of it
is executed, and texts stay in their dictionaries, so that a small file cannot unfold into a large one.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ampnet.dataset.index.faces_table import COLUMNS
from ampnet.dataset.shards.manifest import CURE
from ampnet.errors import DataError
from ampnet.files.opening import read_bytes
from ampnet.files.printable import printable
from ampnet.files.writing import atomic_write

if TYPE_CHECKING:
    import pyarrow as pa

OUTCOME = tuple(column for column in COLUMNS if column not in ("name", "split", "class"))
"""Columns of faces.csv that are kept as they are written there."""

TEXTS = ("name", "split", "class", *OUTCOME)
MAX_TABLE = 256 << 20
"""Maximum size of a table in bytes, packed and unpacked."""

MAX_TEXT = 4096
"""Maximum length of a cell's text in bytes; a path can have as many."""

WITHOUT_PYARROW = "data sets in shards need pyarrow; install it with: pip install 'ampnet[cluster]'"


@dataclass(frozen=True, eq=False)
class ShardTable:
    """The columns of one table, N rows."""

    texts: dict[str, "pa.ChunkedArray"]
    arrays: dict[str, NDArray[Any]]
    """``line`` (N,) int64, and of faces also ``label`` (N,) int16, ``offset`` (N,) int64, ``size`` (N,) int64,
    ``landmarks`` (N, 10) and ``votes`` (N, V) float32."""

    def text(self, column: str) -> list[str]:
        """Return a column of texts."""
        return list(self.texts[column].cast("string").to_pylist())  # ten times as fast as from the dictionary

    def text_at(self, column: str, row: int) -> str:
        """Return one text."""
        return str(self.texts[column][row].as_py())


def require_pyarrow() -> None:
    """Check that tables can be written.

    Raises:
        DataError: pyarrow is missing.
    """
    _pyarrow()


def write_table(path: Path, texts: Mapping[str, Sequence[str]], arrays: Mapping[str, NDArray[Any]]) -> str:
    """Write a table as one row group, the same bytes for the same rows and the same pyarrow.

    Returns:
        The file's SHA-256.

    Raises:
        DataError: pyarrow is missing, or the file cannot be written.
    """
    pa, parquet = _pyarrow()
    schema = _schema(pa, set(arrays), arrays["votes"].shape[1] if "votes" in arrays else 0)
    columns = []
    for field in schema:
        if field.name in texts:
            cells = [text.encode("utf-8", "backslashreplace").decode() for text in texts[field.name]]
            columns.append(pa.array(cells, pa.string()))
        else:
            values = np.ascontiguousarray(arrays[field.name])
            flat = pa.array(values.reshape(-1), field.type.value_type if values.ndim == 2 else field.type)
            columns.append(pa.FixedSizeListArray.from_arrays(flat, type=field.type) if values.ndim == 2 else flat)
    buffer = io.BytesIO()
    rows = len(arrays["line"])
    parquet.write_table(pa.table(columns, schema=schema), buffer, row_group_size=max(rows, 1), compression="zstd")
    with atomic_write(path) as aside:
        aside.write_bytes(buffer.getvalue())
    return sha256(buffer.getvalue()).hexdigest()


def read_table(
    path: Path, rows: int, votes: int | None, columns: Sequence[str] | None = None, digest: str = ""
) -> ShardTable:
    """Read a table.

    Args:
        rows: number of rows that it must have.
        votes: answers of the column votes, 0 without that column; None for a table of rejected images.
        columns: those to read; None for all.
        digest: SHA-256 that the file must have; empty for any.

    Raises:
        DataError: pyarrow is missing, or the file cannot be read or is not such a table.
    """
    pa, parquet = _pyarrow()
    numbers = (
        {"line"} if votes is None else {"line", "label", "offset", "size", "landmarks", *(["votes"] * bool(votes))}
    )
    schema = _schema(pa, numbers, votes or 0)
    try:
        content = read_bytes(path, MAX_TABLE)
        if digest and sha256(content).hexdigest() != digest:
            raise DataError("it is not the file that shards.json lists")
        file = parquet.ParquetFile(
            io.BytesIO(content), read_dictionary=[name for name in TEXTS if name in schema.names]
        )
        _require_bounds(file.metadata, rows)
        if not file.schema.to_arrow_schema().remove_metadata().equals(schema):
            raise DataError("it has other columns")
        table = file.read(columns=list(columns) if columns else None, use_threads=False)
        if table.num_rows != rows or any(column.null_count for column in table.columns):
            raise DataError("a cell is empty, or a row is missing")
        texts = {name: _bounded(pa, table[name]) for name in table.column_names if name in TEXTS}
        arrays = {name: _array(table[name], rows) for name in table.column_names if name not in TEXTS}
    except DataError as error:
        raise DataError(f"cannot read {printable(path)}: {error}; {CURE}") from error
    except Exception as error:  # of a damaged file, Arrow raises several types
        raise DataError(f"{printable(path)} is damaged ({printable(error)}); {CURE}") from error
    return ShardTable(texts, arrays)


def _schema(pa: Any, numbers: set[str], votes: int) -> Any:
    """Return the columns of a table of faces, or of rejected images if ``numbers`` is ``line`` alone."""
    kinds = {
        "line": pa.int64(),
        "label": pa.int16(),
        "offset": pa.int64(),
        "size": pa.int64(),
        "landmarks": pa.list_(pa.float32(), 10),
        "votes": pa.list_(pa.float32(), max(votes, 1)),
    }
    texts = [name for name in TEXTS if name != "name" or "label" in numbers]
    return pa.schema(
        [pa.field(name, pa.string()) for name in texts]
        + [pa.field(name, kind) for name, kind in kinds.items() if name in numbers]
    )


def _require_bounds(metadata: Any, rows: int) -> None:
    if metadata.num_rows != rows:
        raise DataError(f"it has {metadata.num_rows} rows, but shards.json says {rows}")
    groups = [metadata.row_group(i) for i in range(min(metadata.num_row_groups, 2))]
    if metadata.num_row_groups > 1 or sum(group.total_byte_size for group in groups) > MAX_TABLE:
        raise DataError(f"it has several row groups, or unpacks to more than {MAX_TABLE:,} bytes")


def _bounded(pa: Any, column: Any) -> Any:
    import pyarrow.compute as pc

    for chunk in column.chunks:
        values = chunk.dictionary if pa.types.is_dictionary(chunk.type) else chunk
        if (pc.max(pc.binary_length(values)).as_py() or 0) > MAX_TEXT:
            raise DataError(f"a text has more than {MAX_TEXT:,} bytes")
    return column


def _array(column: Any, rows: int) -> NDArray[Any]:
    whole = column.combine_chunks()
    if hasattr(whole, "flatten"):  # a list of fixed size; flatten keeps to the rows, unlike values
        flat = whole.flatten() if hasattr(whole.type, "list_size") else whole
        if flat.null_count:
            raise DataError("a number is missing")
        values = flat.to_numpy(zero_copy_only=False)
        return np.asarray(values.reshape(rows, -1) if hasattr(whole.type, "list_size") else values)
    return np.asarray(whole.to_numpy(zero_copy_only=False))


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise DataError(WITHOUT_PYARROW) from error
    return pa, parquet


def pieces(count: int, size: int) -> Iterator[range]:
    """Divide a number of rows into ranges of at most ``size``."""
    for start in range(0, count, size):
        yield range(start, min(start + size, count))
