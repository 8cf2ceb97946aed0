"""The page of `ampnet serve`, in a real browser, against a real service."""

import base64
import math
from collections.abc import Iterator

import cv2
import httpx
import pytest
from selenium import webdriver
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.browser import CONTRASTS, needs_browser, set_screen
from tests.pictures import read_bgr
from tests.service.pages import GROUP, PORTRAIT, SAMPLES, all_of, browser_with_camera, choose, text, until
from tests.service.running import PATIENCE, Running, running

pytestmark = [pytest.mark.slow, needs_browser]


DROP = """
const bytes = Uint8Array.from(atob(arguments[0]), (letter) => letter.charCodeAt(0));
const transfer = new DataTransfer();
transfer.items.add(new File([bytes], arguments[1]));
document.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
"""

COPY = """
const [content, done] = arguments;
const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
const item = new ClipboardItem({ "image/png": new Blob([bytes], { type: "image/png" }) });
navigator.clipboard.write([item]).then(() => done("copied"), (error) => done(error.message));
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("service"), "--runtime", "torch") as started:
        yield started


@pytest.fixture(scope="module")
def driver(tmp_path_factory) -> Iterator[webdriver.Chrome]:
    with browser_with_camera(tmp_path_factory.mktemp("browser")) as started:
        yield started


@pytest.fixture
def page(driver, service) -> webdriver.Chrome:
    """The page, just opened, with nothing in the browser's log."""
    set_screen(driver, 1280, 900)
    driver.get(service.address)
    driver.get_log("browser")
    until(driver, lambda: "bundled:ferplus" in text(driver, "#about"))
    return driver


def class_names(service: Running) -> list[str]:
    return list(httpx.get(f"{service.address}v1/model").json()["class_names"])


def show_group(driver: webdriver.Chrome) -> None:
    choose(driver, GROUP)
    until(driver, lambda: all_of(driver, "#results .bars"))


def explain(driver: webdriver.Chrome) -> None:
    driver.find_element(By.CSS_SELECTOR, ".why-button").click()
    until(driver, lambda: all_of(driver, ".why table"))


def open_card(driver: webdriver.Chrome) -> None:
    driver.find_element(By.CSS_SELECTOR, "#about summary").click()
    until(driver, lambda: all_of(driver, "#about h4"))


def test_a_chosen_photo_shows_every_face_with_a_bar_for_each_class(page, service):
    show_group(page)
    faces = len(all_of(page, "#results .overlay rect"))
    assert faces == len((SAMPLES / "group.csv").read_text().splitlines()) - 1
    assert len(all_of(page, "#results .overlay circle")) == 5 * faces
    numbers = [float(number.text.rstrip(" %")) for number in all_of(page, "#results .number")]
    assert len(numbers) == len(class_names(service))
    assert sum(numbers) == pytest.approx(100, abs=0.4)  # each is rounded to 0.1


def test_of_photos_chosen_together_the_first_is_on_top(page):
    page.find_element(By.ID, "files").send_keys(f"{PORTRAIT}\n{GROUP}")
    until(page, lambda: len(all_of(page, "#results .bars")) == 2)
    assert [title.text for title in all_of(page, "#results h2")] == [PORTRAIT.name, GROUP.name]


def test_a_dropped_photo_is_answered_in_words_for_screen_readers(page):
    content = base64.b64encode(PORTRAIT.read_bytes()).decode()
    page.execute_script(DROP, content, "me.jpg")
    until(page, lambda: "1 face. Face 1: happiness, " in text(page, "#status"))
    assert text(page, "#status").startswith("me.jpg: ")


def test_a_photo_is_pasted_from_the_clipboard(page, service):
    origin = service.address.rstrip("/")
    page.execute_cdp_cmd("Emulation.setFocusEmulationEnabled", {"enabled": True})
    page.execute_cdp_cmd(
        "Browser.grantPermissions",
        {"origin": origin, "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite", "videoCapture"]},
    )
    content = base64.b64encode(cv2.imencode(".png", read_bgr(PORTRAIT))[1].tobytes()).decode()
    assert page.execute_async_script(COPY, content) == "copied"
    ActionChains(page).key_down(Keys.CONTROL).send_keys("v").key_up(Keys.CONTROL).perform()
    until(page, lambda: text(page, "#results .answer") == "happiness")


def test_boxes_lie_over_the_faces_at_any_width(page):
    show_group(page)
    for width in (1280, 360):
        set_screen(page, width, 800)
        picture, overlay = (
            page.find_element(By.CSS_SELECTOR, f"#results {name}").rect for name in (".picture img", ".overlay")
        )
        assert all(overlay[side] == pytest.approx(picture[side], abs=1) for side in ("x", "y", "width", "height"))


def test_why_shades_nine_regions_whose_numbers_add_up(page, service):
    show_group(page)
    explain(page)
    assert len(all_of(page, ".maps polygon")) == 9
    values = [float(cell.text.replace("\N{MINUS SIGN}", "-")) for cell in all_of(page, ".why td")]
    with GROUP.open("rb") as file:
        asked = httpx.post(f"{service.address}v1/predict?explain=1", files={"file": file}, timeout=PATIENCE)
    face = asked.json()["photos"][0]["faces"][0]
    logits = [math.log(max(score, 1e-6)) for score in face["scores"].values()]
    lead = math.log(face["probability"]) - sum(logits) / len(logits)
    assert list(face["explanation"]["regions"]) == list(face["explanation"]["added"])[:9]
    assert len(values) == len(face["explanation"]["added"])
    assert sum(values) == pytest.approx(sum(face["explanation"]["added"].values()), abs=0.06)  # each rounded to 0.01
    assert min(face["scores"].values()) < 1e-5 or sum(values) == pytest.approx(lead, abs=0.07)


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


def test_texts_are_readable_and_nothing_sticks_out(page):
    show_group(page)
    explain(page)
    open_card(page)
    for width in (1280, 360):
        for scheme in ("light", "dark"):
            set_screen(page, width, 800, scheme)
            assert page.execute_script(CONTRASTS) == [], (width, scheme)
            assert page.execute_script("return document.documentElement.scrollWidth") <= width, scheme


def test_a_damaged_file_shows_why_it_cannot_be_read(page, tmp_path):
    damaged = tmp_path / "notes.jpg"
    damaged.write_text("no picture")
    choose(page, damaged)
    until(page, lambda: "cannot read" in text(page, "#results .problem"))


def test_a_file_that_the_browser_cannot_read_is_not_called_a_silent_service(page, tmp_path):
    given = {"items": [], "files": [str(tmp_path)], "dragOperationsMask": 1}  # a folder
    for kind in ("dragEnter", "dragOver", "drop"):
        page.execute_cdp_cmd("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 200, "data": given})
    until(page, lambda: "it is a folder" in text(page, "#results .problem"))
    assert text(page, "#alert") == ""


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
        face | {"warnings": ["small: 20 pixels", "blurred"]},
    )
    assert shown[:3] == ["Not sure", "Perhaps fear (40.0%).", "Doubtful \N{EN DASH} small: 20 pixels; blurred"]


def test_the_model_card_is_shown_when_asked_for(page):
    assert not all_of(page, "#about .model-card > *")
    open_card(page)
    headings = [heading.text for heading in all_of(page, "#about h4")]
    assert {"Data", "Licence", "Limits"} <= set(headings)
    assert "to judge, select" in text(page, "#about .model-card")


@pytest.mark.parametrize(
    ("is_local", "says"), [(True, "Photos stay on this machine"), (False, "Photos are sent only to the service")]
)
def test_photos_are_said_to_stay_only_where_nobody_else_reaches_the_service(page, is_local, says):
    assert text(page, "#privacy").startswith("Photos stay on this machine")
    note = page.execute_async_script(
        "const [model, done] = arguments; import('/about.js').then(({ privacyNote }) => done(privacyNote(model)))",
        {"is_local": is_local},
    )
    assert note.startswith(says)


def test_controls_have_names_and_nothing_moves_for_those_who_ask(page):
    show_group(page)
    controls = [control for control in all_of(page, "button, input, summary, a") if control.is_displayed()]
    assert [control for control in controls if not control.accessible_name] == []
    motion = {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]}
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", motion)
    fill = page.find_element(By.CSS_SELECTOR, ".fill")
    assert fill.value_of_css_property("transition-duration") == "0s"


def test_nothing_is_asked_of_another_host_and_the_console_stays_empty(page, service):
    show_group(page)
    explain(page)
    open_card(page)
    addresses = page.execute_script("return performance.getEntriesByType('resource').map(({ name }) => name)")
    own = tuple(f"{start}{service.address}" for start in ("", "blob:"))
    assert [address for address in addresses if not address.startswith(own)] == []
    assert page.get_log("browser") == []


def test_the_camera_is_answered_until_it_is_stopped(page, service):
    page.find_element(By.ID, "camera-start").click()
    until(page, lambda: text(page, "#camera-answer .answer") == "happiness")
    until(page, lambda: "answers a second" in text(page, "#camera-rate"))
    names = [row.text.split()[0] for row in all_of(page, "#timeline li:not([aria-hidden])")]
    assert names == class_names(service)
    for scheme in ("light", "dark"):
        set_screen(page, 360, 800, scheme)
        assert page.execute_script(CONTRASTS) == []
        assert page.execute_script("return document.documentElement.scrollWidth") <= 360
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


@pytest.mark.parametrize(
    ("error", "says"),
    [
        ("NotAllowedError", "The browser blocks the camera on this page"),
        ("NotReadableError", "another program"),
        ("NotFoundError", "There is no camera"),
    ],
)
def test_a_camera_that_does_not_start_is_explained(page, error, says):
    page.execute_script(
        "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', arguments[0]))", error
    )
    page.find_element(By.ID, "camera-start").click()
    until(page, lambda: says in text(page, "#alert"))
    assert not page.find_element(By.ID, "camera").is_displayed()


def test_a_camera_that_is_unplugged_is_named_and_can_be_used_again(page):
    start = page.find_element(By.ID, "camera-start")
    start.click()
    until(page, lambda: text(page, "#camera-answer .answer") == "happiness")
    page.execute_script("document.getElementById('camera-stop').focus()")
    page.execute_script("document.getElementById('video').srcObject.getTracks()[0].dispatchEvent(new Event('ended'))")
    assert "The camera was disconnected" in text(page, "#alert")
    assert page.switch_to.active_element == start
    start.click()
    until(page, lambda: text(page, "#camera-answer .answer") == "happiness")
    assert text(page, "#alert") == ""
    page.find_element(By.ID, "camera-stop").click()


def test_the_timeline_smooths_a_minute_and_leaves_breaks_open(page):
    points = page.execute_async_script(
        """const done = arguments[0];
        import("/timeline.js").then(({ Timeline }) => {
          const timeline = new Timeline(document.createElement("ul"));
          timeline.add(0, { fear: 0 });
          const frames = [[60_000, 0], [60_700, 1], [61_400, 1], [64_000, 0.5]];
          for (const [time, fear] of frames) timeline.add(time, { fear });
          done(timeline.points.map(({ time, values }) => [time, values.fear]));
        });"""
    )
    half_way = 1 - math.exp(-1)  # 0.7 s later
    expected = [(60_000, 0), (60_700, half_way), (61_400, 1 - math.exp(-2)), (64_000, 0.5)]
    assert points == [[time, pytest.approx(value)] for time, value in expected]
