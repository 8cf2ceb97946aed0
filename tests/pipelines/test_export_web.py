"""A page without a server: it answers what `ampnet predict` answers, reaches nobody, and opens without a network."""

import json
import re
import time
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from ampnet import Predictor
from ampnet.errors import ConfigError, UsageError
from ampnet.recognition.onnx import open_model
from ampnet.settings import ExportConfig
from pipelines.export import run
from pipelines.export_web import write_page
from tests.browser import browser, needs_browser
from tests.exported_models import whole_model
from tests.node import npm_folder
from tests.service.pages import all_of, choose, text, until
from tests.static_site import static_site

pytest.importorskip("onnxruntime")

SAMPLES = Path(__file__).parents[1] / "samples"
MODEL_BYTES = 6_000_000
CLOSE = 0.15
"""Largest difference of a probability in 8-bit integers."""

PRETEND_VAST = """
const usual = [createImageBitmap, OffscreenCanvas];
createImageBitmap = async () => ({ width: 200_000, height: 200_000, close() {} });
OffscreenCanvas = class {
  getContext() { return { fillRect() {}, drawImage() {}, getImageData: () => ({ data: new Uint8ClampedArray(4) }) }; }
};
window.pretendOrdinary = () => { [createImageBitmap, OffscreenCanvas] = usual; };
"""

pytestmark = [pytest.mark.slow, needs_browser]  # torch's exporter takes ten seconds for each network


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    runtime = npm_folder("onnxruntime-web") / "node_modules" / "onnxruntime-web"
    model, out = whole_model(tmp_path_factory, is_small=True), tmp_path_factory.mktemp("page")
    write_page(out, model, "bundled", open_model(model, "whole").metadata, runtime)
    return out


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as started:
        yield started


def answers(driver: webdriver.Chrome) -> list[str]:
    """The label of each face of the first photo on the page, in their order."""
    buttons = all_of(driver, "#results article:first-child .faces button")
    if not buttons:
        return [text(driver, "#results article:first-child .answer")]
    return [str(button.get_attribute("aria-label")).split(": ")[1] for button in buttons]


def test_the_model_is_small_and_the_policy_names_this_page_only(folder):
    assert (folder / "model.onnx").stat().st_size < MODEL_BYTES
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', (folder / "index.html").read_text()).group(1)
    assert "default-src 'none'" in policy
    assert "connect-src 'self';" in policy
    assert "http" not in policy


def test_every_host_knows_the_kinds_of_the_files(folder):
    assert {file.suffix for file in folder.iterdir()} == {".html", ".css", ".js", ".json", ".onnx", ".wasm"}


def test_a_page_that_is_opened_as_a_file_says_why_nothing_happens(folder, driver):
    driver.get((folder / "index.html").as_uri())
    assert "not as a file" in text(driver, "#privacy")


def test_the_samples_get_the_labels_of_predict_soon_after_loading_and_nothing_is_sent(folder, driver):
    with static_site(folder) as address:
        driver.get(address)
        until(driver, lambda: "stay in this browser" in text(driver, "#privacy"))
        for name in ("portrait.jpg", "group.jpg"):
            expected = Predictor().predict(SAMPLES / name)
            start = time.monotonic()
            choose(driver, SAMPLES / name)
            until(driver, lambda name=name: all_of(driver, f'#results article[aria-label="{name}"] .bars'))
            assert time.monotonic() - start < 20  # two seconds on an idle machine; docs/export.md has the times
            assert answers(driver) == [face.label for face in expected]
        driver.find_element(By.CSS_SELECTOR, ".why-button").click()
        until(driver, lambda: all_of(driver, ".why table tr"))
        assert len(all_of(driver, ".why polygon")) == 9
        script = "return performance.getEntriesByType('resource').map((entry) => entry.name)"
        assert all(name.startswith((address, f"blob:{address}")) for name in driver.execute_script(script))
        problem = driver.execute_async_script(
            "fetch('http://127.0.0.1:9/').then(() => arguments[0]('sent'), (error) => arguments[0](error.name))"
        )
        assert problem == "TypeError"
        messages = [entry["message"] for entry in driver.get_log("browser")]
        assert any("Content Security Policy" in message for message in messages)


def test_a_photo_that_does_not_fit_into_memory_leaves_the_next_one_alone(folder, driver):
    with static_site(folder) as address:
        driver.get(address)
        driver.execute_script(PRETEND_VAST)
        choose(driver, SAMPLES / "group.jpg")
        until(driver, lambda: "cannot look at 200000 x 200000 pixels" in text(driver, "#results .problem"))
        assert text(driver, "#alert") == ""
        driver.execute_script("pretendOrdinary()")
        choose(driver, SAMPLES / "portrait.jpg")
        until(driver, lambda: all_of(driver, "#results .bars"))
        assert answers(driver) == ["happiness"]


def test_it_opens_and_answers_without_a_network(folder, driver):
    with static_site(folder) as address:
        driver.get(address)
        until(
            driver, lambda: driver.execute_async_script("navigator.serviceWorker.ready.then(() => arguments[0](true))")
        )
    driver.get(address)  # the host is gone
    choose(driver, SAMPLES / "portrait.jpg")
    until(driver, lambda: all_of(driver, "#results .bars"))
    assert answers(driver) == ["happiness"]


def test_wrong_requests_are_refused(folder, tmp_path):
    with pytest.raises(UsageError, match="holds files already"):
        run(ExportConfig(model=Path("bundled"), format="web", out=folder))
    with pytest.raises(ConfigError, match="is for --format web"):
        ExportConfig(model=Path("bundled"), runtime=tmp_path)
    assert json.loads((folder / "model.json").read_text())["class_names"][0] == "surprise"
