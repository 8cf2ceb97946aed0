"""The limits of CONTRIBUTING.md: files that are read at one sitting, functions that fit a screen, few parameters."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PRODUCT = sorted(
    path for folder in ("ampnet", "pipelines", "tools", "benchmarks") for path in (ROOT / folder).rglob("*.py")
)
LONG = {"ampnet/files/pickle_reader.py"}
"""The virtual machine of pickles, which is one thing."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def functions() -> list[tuple[str, Function]]:
    """Name every function of the product by its file."""
    return [
        (path.relative_to(ROOT).as_posix(), node)
        for path in PRODUCT
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, Function)
    ]


def test_no_file_has_more_than_300_lines() -> None:
    sizes = {path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines()) for path in PRODUCT}
    assert {name: lines for name, lines in sizes.items() if lines > 300 and name not in LONG} == {}


def test_no_function_has_more_than_60_lines() -> None:
    lengths = {f"{name}:{node.name}": (node.end_lineno or 0) - node.lineno + 1 for name, node in functions()}
    assert {name: lines for name, lines in lengths.items() if lines > 60} == {}


def test_no_function_of_the_library_has_more_than_ten_parameters() -> None:
    many = {}
    for name, node in functions():
        arguments = node.args
        names = [one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
        if name.startswith("ampnet/") and len(set(names) - {"self", "cls"}) > 10:
            many[f"{name}:{node.name}"] = names
    assert many == {}
