"""The results of `predict` as one JSON object that grows: a line for each photo or frame, as soon as it is known."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from ampnet.errors import DataError
from ampnet.files.printable import one_line, reason_of
from ampnet.results.photo_result import PhotoResult


class JsonDocument:
    """Writes ``{"checkpoint": ..., "model": ..., "class_names": [...], "images": [...]}``.

    Each image is on a line of its own, so the lines of a run that was killed can be read one by one.

    Args:
        out: where to.
        model: which model answers: its name and a short hash.

    Raises:
        DataError: a line cannot be written.
    """

    def __init__(self, out: TextIO, checkpoint: Path, model: str, class_names: Sequence[str]) -> None:
        self._out = out
        self._separator = "\n"
        about = {"checkpoint": one_line(checkpoint), "model": model, "class_names": list(class_names)}
        self._write(json.dumps(about, ensure_ascii=False).removesuffix("}") + ', "images": [')

    def add(self, result: PhotoResult) -> None:
        """Write the result of a photo or frame."""
        self._write(self._separator + result.to_json())
        self._separator = ",\n"

    def finish(self) -> None:
        """End the object."""
        self._write("\n]}\n")

    def _write(self, text: str) -> None:
        try:
            self._out.write(text)
            self._out.flush()
        except BrokenPipeError:  # the reader has seen enough
            raise
        except OSError as error:
            raise DataError(f"cannot write the results to stdout: {reason_of(error)}") from error
