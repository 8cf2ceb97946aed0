"""Nothing is reported to anybody: no file about the device in the home folder, no name looked up."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

RUN_A_MODEL = """
import ampnet.onnx
import numpy as np
import onnxruntime
from onnx import TensorProto, helper

x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy")
graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "graph", [x], [y])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
assert session.run(None, {"x": -np.ones(1, np.float32)})[0] == 0
"""


def run(program: str, home: Path, prefix: tuple[str, ...] = ()) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_"))}
    command = [*prefix, sys.executable, "-c", program]
    subprocess.run(command, env=environment | {"HOME": str(home)}, check=True, timeout=600)


def test_onnx_runtime_leaves_no_file_in_the_home_folder_and_opens_no_connection(tmp_path):
    home, trace = tmp_path / "home", tmp_path / "trace"
    home.mkdir()
    strace: tuple[str, ...] = ("strace", "-f", "-e", "trace=socket", "-o", str(trace))
    if shutil.which("strace") is None or subprocess.run([*strace, "true"], capture_output=True).returncode:
        strace = ()  # it is missing, or may not trace here
    run(RUN_A_MODEL, home, strace)
    assert list(home.rglob("*")) == []
    assert not strace or "AF_INET" not in trace.read_text()
