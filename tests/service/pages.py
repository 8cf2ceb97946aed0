"""What tests of the page share: a browser with a pretended camera, and short words for what they do in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.browser import browser
from tests.pictures import read_bgr
from tests.processes import ROOT
from tests.service.running import PATIENCE

SAMPLES = ROOT / "tests" / "samples"
GROUP = SAMPLES / "group.jpg"
PORTRAIT = SAMPLES / "portrait.jpg"


def film(path: Path) -> Path:
    """Write the portrait as a film of 640 x 480 for the browser's pretended camera."""
    portrait = cv2.resize(read_bgr(PORTRAIT), (480, 480))
    frame = cv2.copyMakeBorder(portrait, 0, 0, 80, 80, cv2.BORDER_REPLICATE)
    path.write_bytes(cv2.imencode(".jpg", frame)[1].tobytes() * 10)
    return path


@contextmanager
def browser_with_camera(folder: Path) -> Iterator[webdriver.Chrome]:
    """Start a browser that sees the portrait."""
    camera = f"--use-file-for-fake-video-capture={film(folder / 'camera.mjpeg')}"
    options = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", camera)
    with browser(folder / "profile", *options) as started:
        yield started


def until(driver: webdriver.Chrome, condition) -> None:
    WebDriverWait(driver, PATIENCE, 0.05).until(lambda _: condition())


def all_of(driver: webdriver.Chrome, selector: str) -> list[WebElement]:
    return driver.find_elements(By.CSS_SELECTOR, selector)


def text(driver: webdriver.Chrome, selector: str) -> str:
    return str(driver.execute_script("return document.querySelector(arguments[0])?.textContent ?? ''", selector))


def choose(driver: webdriver.Chrome, path: Path) -> None:
    driver.find_element(By.ID, "files").send_keys(str(path))
