"""Store what is public, name by name, as of a release: Python, options, columns, JSON, HTTP, formats.

    python -m tools.snapshot        # at a release; a test demands a line of CHANGELOG.md for each later difference

Python's signatures are read without importing anything (griffe).
"""

import json
import re
from collections.abc import Iterator
from dataclasses import MISSING
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import griffe

from ampnet import __version__
from ampnet.checkpoints.header import VERSION as CHECKPOINT_VERSION
from ampnet.evaluation.report import FORMAT as METRICS_FORMAT
from ampnet.reports.metrics_file import SCHEMA_FILE
from ampnet.results import columns
from ampnet.robustness.suite_report import VERSION as ROBUSTNESS_VERSION
from ampnet.service.app import create_app
from ampnet.service.metrics import Metrics
from ampnet.settings import ServeConfig
from cli import app
from pipelines.commands.command import settings_of_command

ROOT = Path(__file__).parents[1]
STORED = ROOT / "tests" / "tools" / "snapshot.json"


def main() -> None:
    """Write the snapshot of this tree."""
    STORED.write_text(json.dumps({"version": __version__, "names": current()}, indent=0) + "\n", encoding="utf-8")


def current() -> dict[str, str]:
    """Return each public name, its last word being what people write, with what is promised about it."""
    return dict(sorted([*_python(), *_options(), *_columns(), *_schema(), *_http(), *_formats()]))


def unlogged(old: dict[str, str], new: dict[str, str], changelog: str) -> list[str]:
    """List the names that came, went or changed, and that a changelog does not name between backticks.

    A command or class that is new or gone as a whole speaks for its parts.

    Args:
        old: of the last release.
        new: of this tree.
        changelog: its text since the release.
    """
    told = set(re.findall(r"[\w./-]+", " ".join(re.findall(r"`[^`]+`", changelog))))
    return [
        name
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name) and not _words(name, old, new) & told
    ]


def _words(name: str, old: dict[str, str], new: dict[str, str]) -> set[str]:
    above, _, word = name.rpartition(" ")
    is_whole = not all(any(other.startswith(f"{above} ") for other in names) for names in (old, new))
    return {word, above.rpartition(" ")[2].rpartition(".")[2]} if is_whole else {word}


def _python() -> Iterator[tuple[str, str]]:
    package = griffe.load("ampnet", search_paths=[ROOT], allow_inspection=False)
    for place, home in (("ampnet", package), ("ampnet.onnx", package["onnx"])):
        for name in sorted(map(str, home.exports or [])):
            found = home[name].final_target if home[name].is_alias else home[name]
            yield f"python {place} {name}", _signature(found)
            members = found.all_members.items() if found.is_class else ()
            yield from ((f"python {place}.{name} {key}", _signature(one)) for key, one in members if key[0] != "_")


def _signature(found: Any) -> str:
    if not (found.is_class or found.is_function):
        return str(found.annotation or "value")
    marks = {griffe.ParameterKind.keyword_only: "*, ", griffe.ParameterKind.var_positional: "*"}
    parts = [
        f"{marks.get(one.kind or griffe.ParameterKind.positional_or_keyword, '')}{one.name}: {one.annotation}"
        + ("" if one.default is None else f" = {one.default}")
        for one in found.parameters
        if one.name != "self"
    ]
    return f"({', '.join(parts)})" + (f" -> {found.returns}" if found.is_function else "")


def _options() -> Iterator[tuple[str, str]]:
    for registered in app.registered_commands:
        assert registered.callback
        for setting in settings_of_command(registered.callback).values():
            default = "required" if setting.default is MISSING else setting.default
            kind = re.sub(r"<class '|'>|_local\.", "", str(setting.kind))  # Python 3.13 has pathlib._local.Path
            name = setting.name.upper() if setting.option.positional else setting.flag
            yield f"option {registered.name} {name}", f"{kind} = {default}"


def _columns() -> Iterator[tuple[str, str]]:
    tables = {
        "csv": columns.table_columns(["CLASS"], has_tracks=True),
        "json-photo": columns.PHOTO_KEYS,
        "json-face": columns.FACE_KEYS,
        "json-explanation": columns.EXPLANATION_KEYS,
        "json": columns.DOCUMENT_KEYS,
        "json-service": columns.SERVICE_KEYS,
    }
    return ((f"{table} {one.name}", one.kind) for table, names in tables.items() for one in names)


def _schema() -> Iterator[tuple[str, str]]:
    schema = json.loads((ROOT / "ampnet" / "reports" / SCHEMA_FILE).read_text(encoding="utf-8"))
    for name, defined in schema["$defs"].items():
        for key, value in defined["properties"].items():
            yield (
                f"metrics.json {name} {key}",
                str(value.get("type") or value.get("$ref") or value.get("anyOf") or "value"),
            )


def _http() -> Iterator[tuple[str, str]]:
    described = openapi()
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            given = " ".join(parameter["name"] for parameter in operation.get("parameters", []))
            yield f"http {method.upper()} {path}", f"{given} -> {' '.join(sorted(operation['responses']))}"
    for name, defined in described["components"]["schemas"].items():
        for key, value in defined.get("properties", {}).items():
            yield f"http-json {name} {key}", str(value.get("type", "value"))


def openapi() -> dict[str, Any]:
    """Return the service's OpenAPI description, without starting one."""
    nobody = cast(Any, SimpleNamespace(ampnet=__version__))
    guard = cast(Any, create_app(nobody, nobody, ServeConfig(), Metrics()))
    return cast(dict[str, Any], guard._app.openapi())


def _formats() -> Iterator[tuple[str, str]]:
    yield "format checkpoint", str(CHECKPOINT_VERSION)
    yield "format metrics.json", str(METRICS_FORMAT)
    yield "format robustness.json", str(ROBUSTNESS_VERSION)


if __name__ == "__main__":
    main()
