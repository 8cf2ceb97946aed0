"""The examples in docs/examples answer as `ampnet predict` does, each in a process that knows nothing of ampnet."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ampnet import Predictor
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


@needs_browser
def test_a_browser_needs_no_server(model, packages, tmp_path):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    site = tmp_path / "site"
    site.mkdir()
    shutil.copy(EXAMPLES / "faces.html", site)
    os.link(model, site / "faces.onnx")
    for name in ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"):
        shutil.copy(packages / "node_modules" / "onnxruntime-web" / "dist" / name, site)
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
