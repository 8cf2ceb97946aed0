"""`ampnet serve --workers N`: several processes behind one address."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from ampnet.errors import ConfigError
from ampnet.settings import ServeConfig
from pipelines.serve_workers import share_of
from tests.service.running import PATIENCE, Running, running, wait_for
from tests.small_checkpoint import small_checkpoint

pytestmark = pytest.mark.slow

PORTRAIT = Path(__file__).parents[1] / "samples" / "portrait.jpg"


def workers_of(service: Running) -> list[int]:
    children = Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children").read_text().split()
    return [int(child) for child in children]


def refuses(service: Running) -> bool:
    try:
        socket.create_connection(service.place, PATIENCE).close()
    except ConnectionRefusedError:
        return True
    return False


def ask(service: Running) -> int:
    files = {"file": ("photo.jpg", PORTRAIT.read_bytes())}
    return httpx.post(f"{service.address}v1/predict", files=files, timeout=PATIENCE).status_code


def test_limits_are_divided_and_rounded_up():
    share = share_of(ServeConfig(workers=3, queue=100, max_requests=256))
    assert (share.workers, share.queue, share.max_requests) == (1, 34, 86)
    with pytest.raises(ConfigError, match=r"must fit into the queue \(26\) of each worker"):
        ServeConfig(workers=5)


FAILING = """
from ampnet.settings import ServeConfig
from pipelines.serve_workers import run_workers
def serve(config, answers):
    raise OSError("the disk has gone")
run_workers(ServeConfig(workers=2), serve, print, print)
"""


def test_a_worker_that_fails_by_surprise_says_why():
    done = subprocess.run(
        [sys.executable, "-c", FAILING], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert "OSError: the disk has gone" in done.stderr
    assert "a worker ended before it could answer" in done.stderr


REPLACED = """
import os, signal, sys, time
from pathlib import Path
from ampnet.settings import ServeConfig
from pipelines.serve_workers import count_together, run_workers
count_together()
def serve(config, answers):
    from ampnet.service.metrics import Metrics
    metrics = Metrics()
    answers()
    if not Path("died").exists():
        Path("died").touch()
        metrics.waiting.set(3)
        time.sleep(0.5)
        os._exit(1)
    lines = metrics.render().decode().splitlines()
    print([line for line in lines if line.startswith("ampnet_photos_in_progress")], flush=True)
    os.kill(parent, signal.SIGTERM)
    time.sleep(60)
parent, fork = os.getpid(), os.fork
def fork_and_end():
    pid = fork()
    if pid and Path("died").exists():
        os.kill(parent, signal.SIGTERM)
    return pid
if sys.argv[1] == "at once":
    os.fork = fork_and_end
print(run_workers(ServeConfig(workers=1), serve, lambda: None, lambda: None))
"""


def run_replaced(folder, ended):
    done = subprocess.run(
        [sys.executable, "-c", REPLACED, ended], capture_output=True, text=True, timeout=30, check=True, cwd=folder
    )
    assert "worker 1 ended unexpectedly; another one takes its place" in done.stderr
    return done.stdout.splitlines()


def test_sigterm_while_a_worker_is_replaced_ends_the_new_one_too(tmp_path):
    assert run_replaced(tmp_path, "at once")[-1] == "15"


def test_photos_of_a_worker_that_died_are_in_progress_no_longer(tmp_path):
    of_the_new_one = "['ampnet_photos_in_progress 0.0']"
    assert run_replaced(tmp_path, "after its first answer") == [of_the_new_one, "15"]


ENDING = """
import os, signal, socket, time
from ampnet.settings import ServeConfig
from pipelines.serve_workers import run_workers
opened = socket.create_server(("127.0.0.1", 0))
def serve(config, answers):
    def end(*_):  # as uvicorn does: what has been sent is answered
        opened.close()
        time.sleep(1)
        os._exit(0)
    signal.signal(signal.SIGTERM, end)
    answers()
    time.sleep(60)
place, (are_up, tell) = opened.getsockname(), os.pipe()
if not os.fork():
    opened.close()
    os.read(are_up, 1)
    os.kill(os.getppid(), signal.SIGTERM)
    time.sleep(0.5)
    try:
        socket.create_connection(place, 5)
        print("taken", flush=True)
    except ConnectionRefusedError:
        print("refused", flush=True)
    os._exit(0)
run_workers(ServeConfig(workers=2), serve, lambda: os.write(tell, b"."), opened.close)
"""


def test_new_connections_are_refused_while_workers_answer_what_they_have():
    done = subprocess.run([sys.executable, "-c", ENDING], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "refused\n"


def test_two_workers_count_together_and_one_that_dies_is_replaced(tmp_path):
    checkpoint = small_checkpoint(tmp_path / "run")
    options = ("--workers", "2", "--checkpoint", str(checkpoint), "--runtime", "torch", "--gpus", "0")
    with running(tmp_path, *options) as service:
        first = workers_of(service)
        assert len(first) == 2
        assert [ask(service) for _ in range(6)] == [200] * 6
        assert service.counted("ampnet_photos_total") == 6
        os.kill(first[0], signal.SIGKILL)
        wait_for(lambda: len(set(workers_of(service)) - {first[0]}) == 2)
        assert ask(service) == 200
        last = workers_of(service)
        service.process.send_signal(signal.SIGTERM)
        service.process.wait(PATIENCE)
    assert not any(Path(f"/proc/{pid}").exists() for pid in last)


def test_no_worker_outlives_the_process_that_started_it(tmp_path):
    checkpoint = small_checkpoint(tmp_path / "run")
    options = ("--workers", "2", "--checkpoint", str(checkpoint), "--runtime", "torch", "--gpus", "0")
    with running(tmp_path, *options) as service:
        assert ask(service) == 200
        service.process.kill()
        service.process.wait(PATIENCE)
        wait_for(lambda: refuses(service))
