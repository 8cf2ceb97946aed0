"""The Dockerfile's steps, replayed without Docker: from the files that it copies to a container that is healthy."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.service.running import PATIENCE, Running

pytest.importorskip("fastapi")

ROOT = Path(__file__).parents[1]
LEFT_OUT = ("apt-get ", "pip install --no-cache-dir torch", "useradd ")
"""Steps that need the network or change the system."""


def steps() -> list[tuple[str, str]]:
    """Read the instructions, in order."""
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines if line and not line.startswith("#")]


def last(name: str) -> str:
    return [rest for instruction, rest in steps() if instruction == name][-1]


def test_each_step_is_on_one_line_and_of_a_known_kind():
    known = {"FROM", "RUN", "WORKDIR", "COPY", "USER", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT"}
    assert {instruction for instruction, _rest in steps()} == known


def test_what_is_copied_is_in_the_repository_and_not_ignored():
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for instruction, rest in steps():
        if instruction == "COPY":
            *sources, _target = shlex.split(rest)
            assert set(sources) <= kept
            assert all((ROOT / source).exists() for source in sources)


def test_the_service_does_not_run_as_root_and_hears_the_signal_that_ends_it_in_order():
    names = [instruction for instruction, _rest in steps()]
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert last("USER") not in ("root", "0")
    assert last("STOPSIGNAL") == "SIGTERM"
    assert json.loads(last("ENTRYPOINT"))[0] == "ampnet"  # no shell between the signal and the service


@pytest.mark.soak
def test_the_steps_end_in_a_healthy_service(tmp_path):
    source, site, home = tmp_path / "src", tmp_path / "site", tmp_path / "home"
    source.mkdir()
    home.mkdir()
    surroundings = {**os.environ, "PYTHONPATH": str(site), "HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")}
    for instruction, rest in steps():
        if instruction == "COPY":
            *names, target = shlex.split(rest)
            for name in names:
                if (ROOT / name).is_dir():
                    shutil.copytree(ROOT / name, source / target, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    shutil.copy(ROOT / name, source / target)
        elif instruction == "RUN" and not rest.startswith(LEFT_OUT):
            arguments = shlex.split(rest)
            where = home
            if arguments[:2] == ["pip", "install"]:  # the packages that it needs are installed already
                assert arguments[-1] == ".[serve]"
                options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", str(site)]
                arguments, where = ["python", "-m", "pip", "install", *options, "."], source
            assert arguments[0] == "python"
            subprocess.run([sys.executable, *arguments[1:]], cwd=where, env=surroundings, check=True)
    command = json.loads(last("ENTRYPOINT"))
    process = subprocess.Popen(
        [sys.executable, str(site / "bin" / command[0]), *command[1:], "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=home,
        env=surroundings,
    )
    try:
        address = process.stdout.readline().removeprefix("ampnet serves ").strip()
        port = str(Running(process, address, home).place[1])
        check = json.loads(re.sub("^.*?CMD ", "", last("HEALTHCHECK")))
        checked = [sys.executable, *(part.replace(":8000/", f":{port}/") for part in check[1:])]
        subprocess.run(checked, check=True, env=surroundings, timeout=PATIENCE)
        process.terminate()
        assert process.wait(PATIENCE) == 0
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()
