"""How soon a page without a server answers, and a photo's time beside two JavaScript libraries in the same browser.

    ampnet export bundled --format web --out SITE
    npm install --ignore-scripts --prefix DIR @vladmandic/human @vladmandic/face-api @tensorflow/tfjs-backend-wasm@4
    python -m benchmarks.web_page SITE [--rivals DIR] [--rounds 3]

Each round opens headless Chromium with a fresh profile, chooses a photo at once, then the group of five, then the photo
again. The libraries run in the page itself, on WebAssembly and with the models of their packages; theirs are the time
until the first answer, loading included, and medians of further ones. Needs what the tests of pages need.
"""

import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.measure import SAMPLES, options_of, print_table
from tests.browser import browser
from tests.service.pages import all_of, choose
from tests.static_site import static_site

PHOTOS = ("portrait.jpg", "group.jpg", "portrait.jpg")
SECONDS = 180
REPEATS = 5

LIBRARIES = {
    "@vladmandic/human": """
        const { Human } = await import("/node_modules/@vladmandic/human/dist/human.esm.js");
        const wasmPath = "/wasm/";
        const off = { enabled: false };
        const human = new Human({ backend: "wasm", wasmPath, modelBasePath: "/node_modules/@vladmandic/human/models/",
            cacheSensitivity: 0, face: { enabled: true, detector: { maxDetected: 10 }, iris: off, description: off,
            emotion: { enabled: true } }, body: off, hand: off, object: off, gesture: off, filter: off });
        ask = async (image) => (await human.detect(image)).face.length;
    """,
    "@vladmandic/face-api": """
        const faceapi = await import("/node_modules/@vladmandic/face-api/dist/face-api.esm.js");
        faceapi.tf.setWasmPaths("/wasm/");
        await faceapi.tf.setBackend("wasm"); await faceapi.tf.ready();
        const models = "/node_modules/@vladmandic/face-api/model/";
        await faceapi.nets.ssdMobilenetv1.load(models); await faceapi.nets.faceExpressionNet.load(models);
        ask = async (image) => (await faceapi.detectAllFaces(image).withFaceExpressions()).length;
    """,
}

ASK = """
const done = arguments[arguments.length - 1];
(async () => {
  let ask; const times = {}; const start = performance.now(); %s
  for (const name of %s) {
    const image = new Image(); image.src = "/" + name; await image.decode();
    times[name] = [];
    for (let again = 0; again < %d; again += 1) {
      const begin = times.first ? performance.now() : start;
      times[name + " faces"] = await ask(image);
      if (times.first) times[name].push(performance.now() - begin); else times.first = performance.now() - begin;
    }
  }
  done(times);
})().catch((error) => done({ error: String(error) }));
"""


def main() -> None:
    """Measure, and print the tables."""
    options = options_of(__doc__)
    options.add_argument("site", type=Path)
    options.add_argument("--rivals", type=Path)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    rounds = [_page(given.site) for _ in range(given.rounds)]
    seconds = [f"{statistics.median(times):.2f}" for times in zip(*rounds, strict=True)]
    rows = [("ampnet", *seconds, "1", "5")]
    for name in LIBRARIES if given.rivals else ():
        found = _library(given.rivals, name)
        if "error" in found:
            print(f"{name}: {found['error']}")
            continue
        medians = [f"{statistics.median(found[photo]) / 1000:.2f}" for photo in ("group.jpg", "portrait.jpg")]
        faces = [str(found[f"{photo} faces"]) for photo in ("portrait.jpg", "group.jpg")]
        rows.append((name, f"{found['first'] / 1000:.2f}", *medians, *faces))
    headings = ("program", "first answer, s", "group of five, s", "portrait again, s", "faces", "of five")
    print_table(f"seconds in headless Chromium, medians of {given.rounds} rounds", headings, rows)


def _page(site: Path) -> list[float]:
    """Return the seconds until each photo is answered on a page just opened."""
    with _opened(site) as (driver, _):
        times = []
        for count, name in enumerate(PHOTOS, 1):
            start = time.perf_counter()
            choose(driver, SAMPLES / name)
            _wait(lambda count=count: len(all_of(driver, "#results .bars")) >= count)  # type: ignore[misc]
            times.append(time.perf_counter() - start)
    return times


def _library(folder: Path, name: str) -> dict[str, Any]:
    """Return milliseconds and numbers of faces of a library."""
    with TemporaryDirectory() as aside:
        site = Path(aside)
        (site / "index.html").write_text("<!doctype html><title>photos</title>")
        (site / "node_modules").symlink_to((folder / "node_modules").absolute())
        (site / "wasm").symlink_to((folder / "node_modules" / "@tensorflow" / "tfjs-backend-wasm" / "dist").absolute())
        for photo in set(PHOTOS):
            shutil.copyfile(SAMPLES / photo, site / photo)
        with _opened(site) as (driver, _):
            driver.set_script_timeout(SECONDS)
            found = driver.execute_async_script(ASK % (LIBRARIES[name], list(PHOTOS[:2]), REPEATS))
    return dict(found)


@contextmanager
def _opened(site: Path) -> Iterator[tuple[Any, str]]:
    with TemporaryDirectory() as profile, static_site(site) as address, browser(Path(profile) / "new") as driver:
        driver.get(address)
        yield driver, address


def _wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("no answer")
        time.sleep(0.02)


if __name__ == "__main__":
    main()
