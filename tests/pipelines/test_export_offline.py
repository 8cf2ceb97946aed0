"""The page that `ampnet export` writes: without a network, beside others on a host, and where its model cannot run."""

import json
import shutil
import subprocess
from importlib.resources import files

import pytest

BROWSER = """
const stores = new Map(), asked = [];
globalThis.Request = class { constructor(url, options = {}) { Object.assign(this, { url, cache: options.cache }); } };
globalThis.caches = {
  open: async (name) => ({ addAll: async (all) => { stores.set(name, all); asked.push(...all); } }),
  keys: async () => [...stores.keys()],
  delete: async (name) => stores.delete(name),
};
globalThis.clients = { claim() {} };
globalThis.skipWaiting = () => {};
async function visit(scope, version) {
  const heard = {}, waits = [];
  const script = `const VERSION = "${version}", FILES = ["./", "page.js"];` + SCRIPT;
  new Function("addEventListener", "registration", script)((name, act) => (heard[name] = act), { scope });
  for (const name of ["install", "activate"]) {
    heard[name]({ waitUntil: (work) => waits.push(work) });
    await Promise.all(waits);
  }
}
(async () => {
  await visit("https://host/one/", "1");
  await visit("https://host/two/", "1");
  await visit("https://host/one/", "2");
  console.log(JSON.stringify({ kept: [...stores.keys()], how: [...new Set(asked.map(({ cache }) => cache))] }));
})();
"""


WITHOUT_MODEL = """
let worker;
globalThis.navigator ??= {}; // Node has one since 21
globalThis.Worker = class { constructor() { worker = this; } postMessage() {} };
globalThis.fetch = async () => ({ json: async () => ({ class_names: ["a", "b"], region_names: [] }) });
globalThis.createImageBitmap = async () => ({ width: 2, height: 2, close() {} });
globalThis.OffscreenCanvas = class {
  getContext() { return { fillRect() {}, drawImage() {}, getImageData: () => ({ data: new Uint8ClampedArray(16) }) }; }
};
import("data:text/javascript," + encodeURIComponent(SCRIPT)).then(async ({ askPhoto }) => {
  const waiting = askPhoto({}).catch((error) => error.message);
  await new Promise((done) => setTimeout(done, 50));
  worker.onerror({});
  console.log(JSON.stringify([await waiting, await askPhoto({}).catch((error) => error.message)]));
});
"""

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")


def answer_of(name, page):
    """Run a script of the page in Node, with what a browser would give it; return what that printed."""
    script = (files("ampnet.export") / "web" / name).read_text(encoding="utf-8")
    command = ["node", "-e", f"const SCRIPT = {json.dumps(script)};{page}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_photo_does_not_wait_for_a_model_that_cannot_be_loaded():
    messages = answer_of("service.js", WITHOUT_MODEL)
    assert [message.partition(":")[0] for message in messages] == ["The model cannot be run in this browser"] * 2


def test_a_new_version_is_asked_of_the_host_and_replaces_only_its_own_page():
    found = answer_of("offline.js", BROWSER)
    assert found["kept"] == ["ampnet https://host/two/ 1", "ampnet https://host/one/ 2"]
    assert found["how"] == ["no-cache"]
