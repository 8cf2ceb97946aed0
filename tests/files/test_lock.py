"""One command at a time in an output folder, whatever happens to the one before."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ampnet.errors import DataError, LockedError
from ampnet.files import lock
from ampnet.files.lock import LOCK_FILE, is_empty, lock_folder, refuse_locked

ROOT = Path(__file__).parents[2]

CONTEST = """
import os, sys
from pathlib import Path
from ampnet.errors import LockedError
from ampnet.files.lock import lock_folder

def contend(folder, start, tried, end):
    start.read(1)  # all wait for the same byte to come
    try:
        with lock_folder(folder):
            os.write(tried, b"won by %d|" % os.getpid())
            end.read(1)  # and the winner keeps the lock until all have tried
    except LockedError as error:
        os.write(tried, b"%s|" % str(error).encode())

for round in range(12):
    folder = Path(sys.argv[1]) / str(round)
    pipes = [os.pipe() for _ in range(3)]
    for _ in range(4):
        if os.fork() == 0:
            os.close(pipes[0][1]), os.close(pipes[2][1])
            contend(folder, os.fdopen(pipes[0][0], "rb"), pipes[1][1], os.fdopen(pipes[2][0], "rb"))
            os._exit(0)
    os.close(pipes[0][1])
    answers = b""
    while answers.count(b"|") < 4:
        answers += os.read(pipes[1][0], 10_000)
    os.close(pipes[2][1])
    for _ in range(4):
        os.wait()
    print(answers.decode())
"""

KILLED = """
import os, signal, sys, time
from pathlib import Path
from ampnet.files.lock import lock_folder

with lock_folder(Path(sys.argv[1])):
    if os.fork() == 0:
        time.sleep(20)  # as a loading process may for a moment, it outlives its parent
        os._exit(0)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def run_script(script: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        check=False,
        timeout=600,
    )
    return done.stdout


def test_of_processes_that_start_at_the_same_moment_exactly_one_wins_and_the_others_name_it(tmp_path: Path) -> None:
    rounds = run_script(CONTEST, tmp_path).splitlines()
    assert len(rounds) == 12
    for answers in rounds:
        (winner,) = (answer.removeprefix("won by ") for answer in answers.split("|") if answer.startswith("won by "))
        refused = [answer for answer in answers.split("|")[:-1] if not answer.startswith("won by ")]
        assert len(refused) == 3
        assert all(f"is in use by another ampnet command (process {winner} on " in answer for answer in refused)


def test_a_killed_process_leaves_its_folder_free_even_if_a_child_lives_on(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT)
    assert process.wait() == -signal.SIGKILL
    assert (tmp_path / LOCK_FILE).read_text().startswith(f"{process.pid} ")
    with lock_folder(tmp_path):
        assert (tmp_path / LOCK_FILE).read_text().startswith(f"{os.getpid()} ")


def test_a_lock_file_is_hidden_is_empty_after_use_and_is_no_content(tmp_path: Path) -> None:
    with lock_folder(tmp_path / "out") as warning:
        assert warning == ""
    assert (tmp_path / "out" / LOCK_FILE).read_bytes() == b""
    assert LOCK_FILE.startswith(".")
    assert is_empty(tmp_path / "out")
    (tmp_path / "out" / "photo.jpg").touch()
    assert not is_empty(tmp_path / "out")
    assert is_empty(tmp_path / "out", "photo.jpg")


def test_asking_whether_a_folder_is_locked_creates_nothing(tmp_path: Path) -> None:
    refuse_locked(tmp_path / "missing")
    refuse_locked(tmp_path)
    assert not list(tmp_path.iterdir())
    with lock_folder(tmp_path), pytest.raises(LockedError, match=f"process {os.getpid()} on"):
        refuse_locked(tmp_path)
    refuse_locked(tmp_path)


def test_an_owner_that_is_no_process_is_not_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "_OWNER_SECONDS", 0.1)
    with lock_folder(tmp_path):
        (tmp_path / LOCK_FILE).write_text("\x1b[2J all is well\nampnet: done")
        with pytest.raises(LockedError, match="its process is unknown"), lock_folder(tmp_path):
            pass


@pytest.mark.parametrize("kind", ["link", "folder"])
def test_something_else_in_place_of_the_lock_file_is_named(kind: str, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    path, precious = tmp_path / "out" / LOCK_FILE, tmp_path / "precious"
    precious.write_text("mine")
    path.symlink_to(precious) if kind == "link" else path.mkdir()
    with pytest.raises(DataError, match=f"^cannot write to {path}: .*; delete it or"), lock_folder(tmp_path / "out"):
        pass
    assert precious.read_text() == "mine"


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_used_with_a_warning(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_descriptor: int, _operation: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)  # as the kernel does there
    with lock_folder(tmp_path) as warning:
        assert warning.startswith(f"{tmp_path} is on a file system without locks: make sure that no other command")
