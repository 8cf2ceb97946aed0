"""Write the JSON Schema of metrics.json into the package: `make schema`, after a change of the numbers' types."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from importlib.resources import files
from itertools import pairwise
from json import dumps
from pathlib import Path
from typing import Any

import msgspec
from msgspec import json

from ampnet.evaluation.report import Metrics
from ampnet.reports.metrics_file import SCHEMA_FILE


def schema_of(kind: type) -> dict[str, Any]:
    """Generate the JSON Schema of a dataclass from its source; the sentence below a field becomes its description."""
    schema = json.schema(kind, schema_hook=lambda _: {"type": "string"})
    sentences = {one.__name__: _sentences(one) for one in _classes(msgspec.inspect.type_info(kind))}
    for name, part in schema["$defs"].items():
        part["description"] = inspect.cleandoc(part["description"])
        part["additionalProperties"] = False  # what has a default was added later, and is not required
        for field, described in part["properties"].items():
            described.pop("default", None)
            if described.get("type") == "integer":
                described["minimum"] = 0  # all are counts
            if sentence := sentences[name].get(field):
                described["description"] = sentence
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _classes(info: Any) -> Iterator[type]:
    if isinstance(info, (msgspec.inspect.DataclassType, msgspec.inspect.StructType)):
        yield info.cls
        for field in info.fields:
            yield from _classes(field.type)
    for part in (*getattr(info, "types", ()), getattr(info, "item_type", None)):
        if part is not None:
            yield from _classes(part)


def _sentences(one: type) -> dict[str, str]:
    """Return the sentences below a class's fields."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(one))).body
    assert isinstance(definition, ast.ClassDef)
    found = {}
    for field, below in pairwise(definition.body):
        if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            sentence = " ".join(str(below.value.value).split())
            found[ast.unparse(field.target).rstrip("_")] = re.sub(r"\bNone\b", "null", sentence)
    return found


if __name__ == "__main__":
    path = Path(str(files("ampnet.reports"))) / SCHEMA_FILE
    path.write_text(dumps(schema_of(Metrics), indent=2) + "\n", encoding="utf-8")
    print(path)
