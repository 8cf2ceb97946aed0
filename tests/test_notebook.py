"""The example notebook runs as it stands, and prints what it shows."""

import contextlib
import io
import json
import re
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "docs" / "ampnet.ipynb"


@pytest.fixture(scope="module")
def notebook():
    return json.loads(NOTEBOOK.read_text(encoding="utf-8"))


@pytest.fixture
def cells(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def printed_before(cell):
    streams = [output["text"] for output in cell["outputs"] if output["output_type"] == "stream"]
    return "".join(line for text in streams for line in text)


def words(text):
    """The text without its numbers, whose last digit depends on the processor."""
    return re.sub(r"[+-]?\d+(\.\d+)?", "#", text)


def test_it_is_a_notebook_that_was_run_from_top_to_bottom(notebook, cells):
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    names = [cell["id"] for cell in notebook["cells"]]
    assert len(set(names)) == len(names)
    assert not any(output["output_type"] == "error" for cell in cells for output in cell["outputs"])


def test_it_is_small():
    assert NOTEBOOK.stat().st_size < 150_000


def test_its_links_lead_to_files(notebook):
    texts = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    links = re.findall(r"\]\(([^)]+)\)", "\n".join(texts))
    assert links
    assert [link for link in links if not (NOTEBOOK.parent / link).is_file()] == []


@pytest.mark.parametrize("folder", [ROOT, NOTEBOOK.parent], ids=["from the root", "from docs"])
def test_its_cells_run_in_order_and_print_what_it_shows(cells, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    names: dict[str, object] = {}
    for cell in cells:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec("".join(cell["source"]), names)  # our own file
        assert words(printed.getvalue().replace("../tests", "tests")) == words(printed_before(cell))
    assert len(list(tmp_path.glob("*/*"))) == 4
