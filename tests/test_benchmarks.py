"""The scripts under benchmarks/ keep up with what they measure; running them takes minutes to hours."""

import ast
import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = [path.relative_to(ROOT) for path in sorted((ROOT / "benchmarks").rglob("*.py"))]


def names_from_this_repository(script: Path) -> list[tuple[str, str]]:
    """Return the module and the name of each import that is ours."""
    return [
        (node.module, alias.name)
        for node in ast.walk(ast.parse((ROOT / script).read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module is not None
        for alias in node.names
        if node.module.split(".")[0] in ("ampnet", "pipelines", "benchmarks", "tests")
        if not node.module.startswith("benchmarks.rivals")  # they need the rivals' packages
    ]


@pytest.mark.parametrize("script", SCRIPTS, ids=str)
def test_what_a_script_imports_from_here_exists(script):
    for module, name in names_from_this_repository(script):
        found = importlib.import_module(module)
        assert hasattr(found, name) or importlib.util.find_spec(f"{module}.{name}"), f"{module} has no {name}"
