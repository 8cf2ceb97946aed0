"""A real headless browser for tests of pages; tests are skipped where none is installed."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")

needs_browser = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="no chromium with chromedriver; install them with `apt install chromium-driver`"
)

QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")

CONTRASTS = Path(__file__).with_name("contrasts.js").read_text()
"""Script that returns the texts whose contrast is below WCAG AA."""


@contextmanager
def browser(profile: Path, *options: str) -> Iterator[webdriver.Chrome]:
    """Start a browser.

    Args:
        profile: folder for its files.
        options: further command-line options.
    """
    settings = Options()
    settings.binary_location = str(CHROMIUM)
    for option in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", *QUIET, *options):
        settings.add_argument(option)
    settings.add_argument(f"--user-data-dir={profile}")
    settings.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=settings, service=Service(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


def set_screen(driver: webdriver.Chrome, width: int, height: int, scheme: str = "light") -> None:
    """Set the size of the viewport, as on a phone, and the preferred colour scheme."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
