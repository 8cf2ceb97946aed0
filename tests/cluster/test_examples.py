"""The examples of docs/scale.md are commands that ampnet has; and Ray is not loaded by those who do not ask for it."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from cli import app

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")


FIELDS = {
    "RayJobSpec": (
        {"entrypoint", "rayClusterSpec"},
        {"shutdownAfterJobFinishes", "ttlSecondsAfterFinished", "submissionMode", "runtimeEnvYAML", "backoffLimit"},
    ),
    "RayClusterSpec": ({"headGroupSpec"}, {"workerGroupSpecs", "rayVersion", "enableInTreeAutoscaling"}),
    "HeadGroupSpec": ({"rayStartParams", "template"}, {"serviceType", "enableIngress"}),
    "WorkerGroupSpec": (
        {"groupName", "rayStartParams", "template"},
        {"replicas", "minReplicas", "maxReplicas", "numOfHosts"},
    ),
}
"""Fields, needed and some others, of KubeRay's types (ray.io/v1; numbers of replicas have defaults)."""


def parsed(line: str) -> dict[str, Any]:
    """Parse a command line with the program's own parser."""
    name, *arguments = shlex.split(line, comments=True)[1:]
    command = get_command(app).commands[name]  # type: ignore[attr-defined]
    return dict(command.make_context(name, arguments).params)


def test_the_kuberay_example_runs_a_prediction_that_can_be_resumed() -> None:
    yaml = pytest.importorskip("yaml")
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    job = yaml.safe_load(text)
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    options = parsed(job["spec"]["entrypoint"])
    assert (options["engine"], options["out"], options["resume"]) == ("ray", Path("/shared/answers"), True)
    cluster = job["spec"]["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    for what, kind in ((job["spec"], "RayJobSpec"), (cluster, "RayClusterSpec"), (groups[0], "HeadGroupSpec"),
                       *((group, "WorkerGroupSpec") for group in groups[1:])):  # fmt: skip
        required, optional = FIELDS[kind]
        assert required <= set(what) <= required | optional
    for group in groups:
        pod = group["template"]["spec"]
        assert {volume["name"] for volume in pod["volumes"]} == {
            mount["name"] for container in pod["containers"] for mount in container["volumeMounts"]
        }


def test_the_slurm_example_runs_a_prediction_that_can_be_resumed() -> None:
    (script,) = re.findall(r"```\n(#!/bin/bash\n.*?)```", PAGE, re.DOTALL)
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    if shutil.which("shellcheck"):
        subprocess.run(["shellcheck", "-"], input=script, text=True, check=True)
    options = parsed(script.strip().splitlines()[-1])
    assert (options["engine"], options["resume"], options["gpus"]) == ("ray", True, 0)
