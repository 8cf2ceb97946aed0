"""The page of a service that requires a token, is busy, or is gone; in a real browser."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.browser import browser, needs_browser
from tests.service.pages import GROUP, all_of, choose, text, until
from tests.service.running import PATIENCE, Running, running

pytestmark = [pytest.mark.slow, needs_browser]

TOKEN = "correct-horse-battery"


@pytest.fixture(scope="module")
def closed(tmp_path_factory) -> Iterator[Running]:
    """A service that requires a token; the last test ends it."""
    with running(
        tmp_path_factory.mktemp("closed"), "--runtime", "torch", "--queue", "1", "--max-files", "1", AMPNET_TOKEN=TOKEN
    ) as started:
        yield started


@pytest.fixture(scope="module")
def driver(tmp_path_factory) -> Iterator[webdriver.Chrome]:
    with browser(tmp_path_factory.mktemp("browser")) as started:
        yield started


def enter(driver: webdriver.Chrome, closed: Running) -> None:
    driver.get(closed.address)
    until(driver, lambda: driver.find_element(By.ID, "token-form").is_displayed())
    driver.find_element(By.ID, "token").send_keys(TOKEN, Keys.ENTER)
    until(driver, lambda: "bundled:ferplus" in text(driver, "#about"))


def waiting(closed: Running) -> float:
    """Count the photos in progress."""
    return closed.counted("ampnet_photos_in_progress", TOKEN)


def test_the_token_is_asked_for(driver, closed):
    enter(driver, closed)
    assert not driver.find_element(By.ID, "token-form").is_displayed()
    assert TOKEN not in json.dumps(driver.execute_script("return [location.href, {...localStorage}]"))


def test_a_busy_service_is_asked_again(driver, closed):
    enter(driver, closed)
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "image/jpeg"}
    with ThreadPoolExecutor(1) as pool, closed.stopped_decoders():
        pool.submit(
            httpx.post, f"{closed.address}v1/predict", content=GROUP.read_bytes(), headers=headers, timeout=PATIENCE
        )
        until(driver, lambda: waiting(closed) == 1)
        choose(driver, GROUP)
        until(driver, lambda: "The service is busy" in text(driver, "#results"))
        until(driver, lambda: all_of(driver, "#results .again"))
    until(driver, lambda: waiting(closed) == 0)
    driver.find_element(By.CSS_SELECTOR, ".again button").click()
    until(driver, lambda: all_of(driver, "#results .bars"))


def test_a_service_that_is_gone_is_named(driver, closed):
    driver.get(closed.address)
    until(driver, lambda: driver.find_element(By.ID, "token-form").is_displayed())
    closed.process.kill()
    closed.process.wait()
    choose(driver, GROUP)
    until(driver, lambda: "does not answer" in text(driver, "#alert"))
    assert driver.find_element(By.ID, "alert").is_displayed()
