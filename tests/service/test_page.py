"""The page of `ampnet serve`, in a real browser, against a real service."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import httpx
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.browser import CONTRASTS, browser, needs_browser, set_screen
from tests.service.running import PATIENCE, Running, running

pytestmark = [pytest.mark.slow, needs_browser]

SAMPLES = Path(__file__).parents[1] / "samples"
GROUP = SAMPLES / "group.jpg"
TOKEN = "correct-horse-battery"

DROP = """
const bytes = Uint8Array.from(atob(arguments[0]), (letter) => letter.charCodeAt(0));
const transfer = new DataTransfer();
transfer.items.add(new File([bytes], arguments[1]));
document.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
"""


def film(path: Path) -> Path:
    """Write the portrait as a film of 640 x 480 for the browser's pretended camera."""
    portrait = cv2.resize(cv2.imread(str(SAMPLES / "portrait.jpg")), (480, 480))
    frame = cv2.copyMakeBorder(portrait, 0, 0, 80, 80, cv2.BORDER_REPLICATE)
    path.write_bytes(cv2.imencode(".jpg", frame)[1].tobytes() * 10)
    return path


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("service"), "--runtime", "torch") as started:
        yield started


@pytest.fixture(scope="module")
def closed(tmp_path_factory) -> Iterator[Running]:
    """A service that asks for a token; the last test ends it."""
    with running(tmp_path_factory.mktemp("closed"), "--runtime", "torch", AMPNET_TOKEN=TOKEN) as started:
        yield started


@pytest.fixture(scope="module")
def driver(tmp_path_factory) -> Iterator[webdriver.Chrome]:
    folder = tmp_path_factory.mktemp("browser")
    camera = f"--use-file-for-fake-video-capture={film(folder / 'camera.mjpeg')}"
    options = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", camera)
    with browser(folder / "profile", *options) as started:
        yield started


@pytest.fixture
def page(driver, service) -> webdriver.Chrome:
    """The page, just opened, with nothing in the browser's log."""
    set_screen(driver, 1280, 900)
    driver.get(service.address)
    driver.get_log("browser")
    until(driver, lambda: "ampnet-small" in text(driver, "#model"))
    return driver


def until(driver: webdriver.Chrome, condition) -> None:
    WebDriverWait(driver, PATIENCE, 0.05).until(lambda _: condition())


def all_of(driver: webdriver.Chrome, selector: str) -> list[WebElement]:
    return driver.find_elements(By.CSS_SELECTOR, selector)


def text(driver: webdriver.Chrome, selector: str) -> str:
    return str(driver.execute_script("return document.querySelector(arguments[0])?.textContent ?? ''", selector))


def choose(driver: webdriver.Chrome, path: Path) -> None:
    driver.find_element(By.ID, "files").send_keys(str(path))


def class_names(service: Running) -> list[str]:
    return list(httpx.get(f"{service.address}v1/model").json()["class_names"])


def show_group(driver: webdriver.Chrome) -> None:
    choose(driver, GROUP)
    until(driver, lambda: all_of(driver, "#results .bars"))


def explain(driver: webdriver.Chrome) -> None:
    driver.find_element(By.CSS_SELECTOR, ".why-button").click()
    until(driver, lambda: all_of(driver, ".why table"))


def test_a_chosen_photo_shows_every_face_with_a_bar_for_each_class(page, service):
    show_group(page)
    faces = len(all_of(page, "#results .overlay rect"))
    assert faces == len((SAMPLES / "group.csv").read_text().splitlines()) - 1
    assert len(all_of(page, "#results .overlay circle")) == 5 * faces
    numbers = [float(number.text.rstrip(" %")) for number in all_of(page, "#results .number")]
    assert len(numbers) == len(class_names(service))
    assert sum(numbers) == pytest.approx(100, abs=0.4)  # each is rounded to 0.1


def test_a_dropped_photo_is_answered_in_words_for_screen_readers(page):
    content = base64.b64encode((SAMPLES / "portrait.jpg").read_bytes()).decode()
    page.execute_script(DROP, content, "me.jpg")
    until(page, lambda: "1 face. Face 1: happiness, " in text(page, "#status"))
    assert text(page, "#status").startswith("me.jpg: ")


def test_boxes_lie_over_the_faces_at_any_width(page):
    show_group(page)
    for width in (1280, 360):
        set_screen(page, width, 800)
        picture, overlay = (
            page.find_element(By.CSS_SELECTOR, f"#results {name}").rect for name in (".picture img", ".overlay")
        )
        assert all(overlay[side] == pytest.approx(picture[side], abs=1) for side in ("x", "y", "width", "height"))


def test_why_shades_nine_regions_whose_numbers_add_up(page):
    show_group(page)
    explain(page)
    assert len(all_of(page, ".maps polygon")) == 9
    values = [float(cell.text.replace("\N{MINUS SIGN}", "-")) for cell in all_of(page, ".why td")]
    *terms, local, _global = values
    assert len(terms) == 9 + 1  # the bias
    assert sum(terms) == pytest.approx(local, abs=0.06)  # each is rounded to 0.01


def test_the_keyboard_reaches_faces_and_why(page):
    show_group(page)
    page.execute_script("document.getElementById('choose').focus()")
    names = []
    for _ in range(20):
        page.switch_to.active_element.send_keys(Keys.TAB)
        names.append(page.switch_to.active_element.text)
        if names[-1] == "2":
            page.switch_to.active_element.send_keys(Keys.ENTER)
            assert page.switch_to.active_element.get_attribute("aria-pressed") == "true"
        if names[-1] == "Why?":
            page.switch_to.active_element.send_keys(Keys.SPACE)
            break
    assert {"Use the camera", "1", "2", "Why?"} <= set(names)
    until(page, lambda: all_of(page, ".why table"))
    assert page.switch_to.active_element.text == "Why?"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_texts_are_readable_and_nothing_sticks_out(page, width, scheme):
    set_screen(page, width, 800, scheme)
    show_group(page)
    explain(page)
    assert page.execute_script(CONTRASTS) == []
    assert page.execute_script("return document.documentElement.scrollWidth") <= width


def test_a_damaged_file_shows_why_it_cannot_be_read(page, tmp_path):
    damaged = tmp_path / "notes.jpg"
    damaged.write_text("no picture")
    choose(page, damaged)
    until(page, lambda: "cannot read it" in text(page, "#results .problem"))


def test_a_photo_without_a_face_says_so(page, tmp_path):
    empty = tmp_path / "sky.png"
    cv2.imwrite(str(empty), cv2.UMat(120, 160, cv2.CV_8UC3, (200, 120, 60)).get())
    choose(page, empty)
    until(page, lambda: text(page, "#results .answer") == "No face found")


def test_an_answer_that_is_not_sure_says_so(page):
    face = {"label": "fear", "answer": "not sure", "probability": 0.4, "scores": {"fear": 0.4, "anger": 0.6}}
    shown = page.execute_async_script(
        "const [face, done] = arguments; import('/elements.js').then(({ answerPanel }) => "
        "done(answerPanel(face).map((element) => element.textContent)));",
        face | {"warnings": ["small: 20 pixels"]},
    )
    assert shown[:3] == ["Not sure", "Perhaps fear (40.0 %).", "Take care: small: 20 pixels"]


def test_nothing_is_asked_of_another_host_and_the_console_stays_empty(page, service):
    show_group(page)
    explain(page)
    addresses = page.execute_script("return performance.getEntriesByType('resource').map(({ name }) => name)")
    own = tuple(f"{start}{service.address}" for start in ("", "blob:"))
    assert [address for address in addresses if not address.startswith(own)] == []
    assert page.get_log("browser") == []


def test_the_camera_is_answered_until_it_is_stopped(page, service):
    page.find_element(By.ID, "camera-start").click()
    until(page, lambda: text(page, "#camera-answer .answer") == "happiness")
    until(page, lambda: "answers a second" in text(page, "#camera-rate"))
    assert len(all_of(page, "#timeline-legend li")) == len(class_names(service))
    page.find_element(By.ID, "camera-stop").click()
    assert not page.find_element(By.ID, "camera").is_displayed()
    assert page.execute_script("return document.getElementById('video').srcObject") is None


def test_a_hidden_tab_pauses_the_camera(page, service):
    page.find_element(By.ID, "camera-start").click()
    until(page, lambda: "answers a second" in text(page, "#camera-rate"))
    page.execute_script("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    until(page, lambda: text(page, "#camera-rate") == "paused")
    asked = service.counted("ampnet_photos_total")
    page.execute_script("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    until(page, lambda: service.counted("ampnet_photos_total") > asked)
    page.find_element(By.ID, "camera-stop").click()


def test_the_token_is_asked_for(driver, closed):
    driver.get(closed.address)
    until(driver, lambda: driver.find_element(By.ID, "token-form").is_displayed())
    driver.find_element(By.ID, "token").send_keys(TOKEN, Keys.ENTER)
    until(driver, lambda: "ampnet-small" in text(driver, "#model"))
    assert not driver.find_element(By.ID, "token-form").is_displayed()
    assert TOKEN not in json.dumps(driver.execute_script("return [location.href, {...localStorage}]"))


def test_a_service_that_is_gone_is_named(driver, closed):
    driver.get(closed.address)
    until(driver, lambda: driver.find_element(By.ID, "token-form").is_displayed())
    closed.process.kill()
    closed.process.wait()
    choose(driver, GROUP)
    until(driver, lambda: "does not answer" in text(driver, "#alert"))
    assert driver.find_element(By.ID, "alert").is_displayed()
