"""Output files appear whole or not at all, and nothing but a regular file is ever replaced."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from safetensors.torch import save_file

from ampnet.errors import DataError, UsageError
from ampnet.files.writing import atomic_write, make_folder, refuse_overwrite, remove_leftovers, temporary_beside
from tests.limits import file_size_limit

ROOT = Path(__file__).parents[2]
NOISE = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)


def save_array(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, NOISE)


def plot(path: Path) -> None:
    figure = Figure(figsize=(4, 4))
    figure.subplots().imshow(NOISE)
    figure.savefig(path, format="png")


WRITERS: dict[str, Callable[[Path], object]] = {
    "text": lambda path: path.write_text("x" * 100_000),
    "torch": lambda path: torch.save({"weights": torch.zeros(50_000)}, path),
    "torch, many small tensors": lambda path: torch.save([torch.zeros(500) for _ in range(200)], path),
    "safetensors": lambda path: save_file({"weights": torch.zeros(50_000)}, path),
    "pandas": lambda path: pd.DataFrame(NOISE[0]).to_csv(path, index=False, lineterminator="\n" * 500),
    "Pillow, in one write": lambda path: Image.fromarray(NOISE).save(path, format="JPEG"),
    "Pillow": lambda path: Image.fromarray(NOISE).save(path, format="PNG"),
    "Matplotlib": plot,
    "NumPy": save_array,
}


def leftovers(folder: Path) -> list[Path]:
    return list(folder.glob(".ampnet-*"))


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS.keys())
def test_a_full_disk_is_one_error_whatever_the_writer_raises_and_keeps_the_earlier_file(
    writer: Callable[[Path], object], tmp_path: Path
) -> None:
    path = tmp_path / "result"
    path.write_text("earlier")
    with (
        pytest.raises(DataError, match=f"^cannot write {path}: File too large; free some space or choose another"),
        file_size_limit(9000),
        atomic_write(path) as aside,
    ):
        writer(aside)
    assert path.read_text() == "earlier"
    assert not leftovers(tmp_path)


def test_a_bug_in_a_writer_stays_one(tmp_path: Path) -> None:
    with pytest.raises(KeyError), atomic_write(tmp_path / "result") as aside:
        aside.write_text({}["name"])
    assert not list(tmp_path.iterdir())


def test_the_longest_name_that_a_file_can_have_is_written(tmp_path: Path) -> None:
    path = tmp_path / ("é" * 125 + ".csv")  # 254 bytes
    with atomic_write(path) as aside:
        aside.write_text("whole")
    assert path.read_text() == "whole"


def test_a_name_that_is_too_long_is_said_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="File name too long"), atomic_write(tmp_path / ("x" * 256)):
        pytest.fail("the work was begun")
    with pytest.raises(UsageError, match="File name too long; choose another path"):
        refuse_overwrite(tmp_path / ("x" * 256), force=False)


def test_a_dash_is_not_stdout() -> None:
    with pytest.raises(UsageError, match=r"^cannot write -: results go to a file, not to stdout"):
        refuse_overwrite(Path("-"), force=True)


@pytest.fixture
def no_files(tmp_path: Path) -> dict[str, Path]:
    """Paths whose replacement would do harm, by the word for what they are."""
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
    (tmp_path / "device").symlink_to("/dev/null")
    return {name: tmp_path / name for name in ("folder", "pipe", "socket", "device")}


def test_no_force_replaces_a_folder_pipe_socket_or_device(no_files: dict[str, Path]) -> None:
    for word, path in {**no_files, "device ": Path("/dev/stdout")}.items():
        kind = path.lstat().st_mode
        with pytest.raises(UsageError, match=f"it is a {word.strip()}, not a regular file; choose another path"):
            refuse_overwrite(path, force=True)
        assert path.lstat().st_mode == kind


def test_a_pipe_that_appears_during_the_work_is_not_replaced_either(no_files: dict[str, Path]) -> None:
    path = no_files["pipe"].with_name("later")

    def write() -> None:
        with atomic_write(path) as aside:
            aside.write_text("whole")
            os.mkfifo(path)

    with pytest.raises(DataError, match="it is a pipe"):
        write()
    assert path.is_fifo()


def test_an_existing_file_is_replaced_with_force_alone(tmp_path: Path) -> None:
    (tmp_path / "result").touch()
    with pytest.raises(UsageError, match="result exists; choose another path, or replace it with --force"):
        refuse_overwrite(tmp_path / "result", force=False)
    assert refuse_overwrite(tmp_path / "result", force=True) == tmp_path / "result"
    assert refuse_overwrite(tmp_path / "new", force=False) == tmp_path / "new"


def test_a_link_that_the_user_names_is_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere" / "result")
    with atomic_write(refuse_overwrite(tmp_path / "link", force=False)) as aside:
        aside.write_text("whole")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "elsewhere" / "result").read_text() == "whole"
    with pytest.raises(UsageError, match="link exists"):
        refuse_overwrite(tmp_path / "link", force=False)


def test_a_link_in_a_folder_of_ours_is_replaced_and_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "meta.json").symlink_to(tmp_path / "precious")
    with atomic_write(tmp_path / "meta.json") as aside:
        aside.write_text("{}")
    assert (tmp_path / "precious").read_text() == "mine"
    assert not (tmp_path / "meta.json").is_symlink()


@pytest.mark.parametrize("durable", [True, False])
def test_the_disk_has_a_durable_file_before_its_name_and_then_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durable: bool
) -> None:
    synced: list[tuple[str, bool]] = []

    def note(descriptor: int) -> None:
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        synced.append((name, (tmp_path / "result").exists()))

    monkeypatch.setattr(os, "fsync", note)  # which tests do without
    with atomic_write(tmp_path / "result", durable) as aside:
        aside.write_text("whole")
    assert synced == ([(aside.name, False), (tmp_path.name, True)] if durable else [])


def test_what_a_killed_process_left_goes_and_nothing_of_others(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from ampnet.files.writing import atomic_write\n"
        "with atomic_write(Path(sys.argv[1])) as aside:\n"
        "    aside.write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "result")], cwd=ROOT, check=False)
    (dead,) = leftovers(tmp_path)
    digest, machine, pid = dead.name.split(".")[1:4]
    others = [
        temporary_beside(tmp_path / "result"),  # of this process, which is running
        tmp_path / f".{digest}.{'0' * 8}.{pid}.partial",  # of another machine
        tmp_path / f".{digest}.{machine}.{os.getppid()}.partial",  # of another live process
        tmp_path / f".mine.{pid}.partial",
    ]
    video = tmp_path / f"{dead.name}.mp4"
    for path in (*others, video):
        path.touch()
    remove_leftovers(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted(others)


def test_an_output_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "out", tmp_path / ("x" * 256)):
        with pytest.raises(DataError, match=f"^cannot write to {folder}: .*; choose another folder$"):
            make_folder(folder)
