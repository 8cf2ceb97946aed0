"""The examples in docs/examples answer as `ampnet predict` does, each in a process that knows nothing of ampnet."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from ampnet import Predictor, read_image
from pipelines.export_web import RUNTIME_FILES
from tests.browser import browser, needs_browser
from tests.exported_models import whole_model
from tests.node import npm_folder
from tests.static_site import static_site

pytest.importorskip("onnxruntime")

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
PHOTOS = [Path(__file__).parent / "samples" / name for name in ("portrait.jpg", "group.jpg")]
STORED = json.loads((EXAMPLES / "answers.json").read_text())
"""Labels of the sample photos' faces, best detection score first."""
CLOSE = 0.05
"""Largest difference of a probability: libraries decode JPEG files a grey level apart."""

pytestmark = pytest.mark.slow  # torch's exporter takes ten seconds for each network


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return whole_model(tmp_path_factory)


@pytest.fixture(scope="module")
def packages(tmp_path_factory) -> Path:
    return npm_folder("onnxruntime-node", "onnxruntime-web", "sharp")


def require_same(answers: list[list[dict[str, Any]]]) -> None:
    for photo, faces in zip(PHOTOS, answers, strict=True):
        expected = Predictor().predict(photo)
        assert [face["label"] for face in faces] == [face.label for face in expected] == STORED[photo.name]
        for face, known in zip(faces, expected, strict=True):
            assert face["box"] == pytest.approx(list(known.box), abs=1)
            assert face["scores"] == pytest.approx(dict(known.scores), abs=CLOSE)


def answers_of(*command: str | Path, cwd: Path) -> list[list[dict[str, Any]]]:
    done = subprocess.run([*command, *PHOTOS], cwd=cwd, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return [json.loads(line)["faces"] for line in done.stdout.splitlines()]


STUB_PY = """
import numpy as np
SessionOptions = type("SessionOptions", (), {})
class InferenceSession:
    def __init__(self, *_, **__): pass
    def get_outputs(self):
        return [type("Output", (), {"name": name}) for name in ("class_names", "boxes", "probabilities")]
    def run(self, _, inputs): return [np.array(["a"]), inputs["photo"][0, :1], np.ones((1, 1))]
"""
STUB_JS = """
const run = async ({ photo }) => ({ class_names: { data: ["a"] }, probabilities: { data: [1] },
                                    boxes: { dims: [1, 4], data: photo.data } });
class Tensor { constructor(_, data) { this.data = data; } }
export default { InferenceSession: { create: async () => ({ run }) }, Tensor };
"""
"""In the place of ONNX Runtime, whose only face has the first pixel's values as its box."""


def odd_photos(folder: Path) -> dict[Path, list[int]]:
    """Write a photo whose colour profile swaps red and blue, a transparent one and one of 16 bits; their pixels."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    entries = {bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * profile[131], 12)}
    red, blue = (profile[entries[name] + 4 : entries[name] + 8] for name in (b"rXYZ", b"bXYZ"))
    profile[entries[b"rXYZ"] + 4 : entries[b"rXYZ"] + 8] = blue
    profile[entries[b"bXYZ"] + 4 : entries[b"bXYZ"] + 8] = red
    photos = (folder / "profile.png", folder / "clear.png", folder / "deep.png")
    Image.new("RGB", (8, 8), (220, 40, 10)).save(photos[0], icc_profile=bytes(profile))
    Image.new("RGBA", (8, 8), (220, 40, 10, 0)).save(photos[1])
    Image.fromarray(np.full((8, 8), 30_000, np.uint16)).save(photos[2])  # 30,000 / 256 = 117.2
    return dict(zip(photos, ([220, 40, 10], [255, 255, 255], [117, 117, 117]), strict=True))


def require_pixels(photos: dict[Path, list[int]], *command: str | Path, **environment: str) -> None:
    done = subprocess.run(
        [*command, "MODEL", *photos], capture_output=True, text=True, timeout=120, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["faces"][0]["box"][:3] for line in done.stdout.splitlines()] == list(photos.values())
    assert [read_image(photo)[0, 0].tolist() for photo in photos] == list(photos.values())


def test_python_takes_the_pixels_that_ampnet_takes(tmp_path):
    (tmp_path / "onnxruntime.py").write_text(STUB_PY)
    require_pixels(odd_photos(tmp_path), sys.executable, EXAMPLES / "faces.py", PYTHONPATH=str(tmp_path))


def test_node_takes_the_pixels_that_ampnet_takes(packages, tmp_path):
    stub = tmp_path / "node_modules" / "onnxruntime-node"
    stub.mkdir(parents=True)
    (stub / "package.json").write_text('{"type": "module", "exports": "./index.js"}')
    (stub / "index.js").write_text(STUB_JS)
    (tmp_path / "node_modules" / "sharp").symlink_to(packages / "node_modules" / "sharp")
    shutil.copy(EXAMPLES / "faces.mjs", tmp_path)
    require_pixels(odd_photos(tmp_path), "node", tmp_path / "faces.mjs")


def test_every_example_has_at_most_sixty_lines():
    for file in EXAMPLES.glob("faces.*"):
        assert len(file.read_text().splitlines()) <= 60


def test_python_needs_onnx_runtime_alone(model, tmp_path):
    require_same(answers_of(sys.executable, "-P", EXAMPLES / "faces.py", model, cwd=tmp_path))


def test_node_needs_no_python(model, packages):
    shutil.copy(EXAMPLES / "faces.mjs", packages)
    require_same(answers_of("node", "faces.mjs", model, cwd=packages))


def test_cpp_needs_headers_and_library_alone(model, packages, tmp_path):
    compiler, reader = shutil.which("g++"), Path("/usr/include/stb/stb_image.h")
    if not (compiler and reader.exists()):
        pytest.skip("no g++ or stb_image.h; install them with `apt install g++ libstb-dev`")
    unity = npm_folder("com.github.asus4.onnxruntime") / "node_modules"  # the one package here that has the headers
    headers = next(unity.rglob("onnxruntime_cxx_api.h")).parent
    library = packages / "node_modules" / "onnxruntime-node" / "bin" / "napi-v6" / "linux" / "x64"
    if not library.is_dir():
        pytest.skip("onnxruntime-node has no library for this machine")
    program = tmp_path / "faces"
    options = ("-std=c++17", "-I", headers, "-L", library, "-l:libonnxruntime.so.1", f"-Wl,-rpath,{library}")
    subprocess.run([compiler, EXAMPLES / "faces.cpp", *options, "-o", program], check=True, timeout=120)
    require_same(answers_of(program, model, cwd=tmp_path))
    odd = tmp_path / 'a "b\\c.jpg'
    odd.symlink_to(PHOTOS[0])
    assert json.loads(subprocess.check_output([program, model, odd], timeout=120))["photo"] == str(odd)


@needs_browser
def test_a_browser_needs_no_server(model, packages, tmp_path):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    site = tmp_path / "site"
    site.mkdir()
    shutil.copy(EXAMPLES / "faces.html", site)
    os.link(model, site / "faces.onnx")
    for name, name_here in RUNTIME_FILES.items():
        shutil.copy(packages / "node_modules" / "onnxruntime-web" / "dist" / name, site / name_here)
    with static_site(site) as address, browser(tmp_path / "profile") as driver:
        answers = []
        driver.get(f"{address}faces.html")
        WebDriverWait(driver, 60).until(lambda page: page.find_elements(By.CSS_SELECTOR, "body[data-ready]"))
        for photo in PHOTOS:
            driver.execute_script("document.querySelector('pre').textContent = ''")
            driver.find_element(By.TAG_NAME, "input").send_keys(str(photo))
            WebDriverWait(driver, 60).until(lambda page: page.find_element(By.TAG_NAME, "pre").text)
            answers.append(json.loads(driver.find_element(By.TAG_NAME, "pre").text)["faces"])
    require_same(answers)
