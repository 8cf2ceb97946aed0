"""A folder that is written as a whole appears whole or not at all."""

import subprocess
import sys
from pathlib import Path

import pytest

from ampnet.errors import DataError, UsageError
from ampnet.files.whole_folder import atomic_folder
from ampnet.files.writing import temporary_beside
from ampnet.settings import ExportConfig
from pipelines.export import run

ROOT = Path(__file__).parents[2]


def fill(folder: Path, error: type[BaseException] | None = None) -> None:
    with atomic_folder(folder) as aside:
        (aside / "index.html").write_text("new")
        if error is not None:
            raise error
        (aside / "model.onnx").write_text("new")


def test_a_killed_export_leaves_nothing_under_its_name_and_the_next_one_removes_the_rest(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from ampnet.files.whole_folder import atomic_folder\n"
        "with atomic_folder(Path(sys.argv[1])) as aside:\n"
        "    (aside / 'index.html').write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    site = tmp_path / "site"
    subprocess.run([sys.executable, "-c", script, str(site)], cwd=ROOT, check=False)
    assert len(list(tmp_path.iterdir())) == 1
    assert not site.exists()
    fill(site)
    assert list(tmp_path.iterdir()) == [site]
    assert {file.name for file in site.iterdir()} == {"index.html", "model.onnx"}


def test_the_rest_of_a_killed_process_of_the_same_number_is_removed(tmp_path: Path) -> None:
    rest = temporary_beside(tmp_path / "site")  # as in a container that is started again
    rest.mkdir()
    (rest / "half.html").touch()
    fill(tmp_path / "site")
    assert {file.name for file in (tmp_path / "site").iterdir()} == {"index.html", "model.onnx"}


@pytest.mark.parametrize("error", [UsageError, KeyboardInterrupt])
def test_a_failed_export_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error):
        fill(tmp_path / "new" / "site", error)
    assert list(tmp_path.glob("new/*")) == []


def test_an_empty_folder_is_filled_and_files_of_others_stay(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    fill(site)
    (site / "index.html").write_text("old")
    (site / "robots.txt").write_text("mine")
    fill(site)
    assert [(site / name).read_text() for name in ("index.html", "robots.txt")] == ["new", "mine"]


def test_what_is_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "site").touch()
    with pytest.raises(DataError, match="cannot write"):
        fill(tmp_path / "site")
    pytest.importorskip("onnxruntime")
    with pytest.raises(UsageError, match="is not a folder"):
        run(ExportConfig(model=Path("bundled"), format="web", out=tmp_path / "site"))
