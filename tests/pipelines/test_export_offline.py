"""The page that `ampnet export` writes opens without a network, beside others on one host, in its newest version."""

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


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
def test_a_new_version_is_asked_of_the_host_and_replaces_only_its_own_page():
    script = (files("ampnet.export") / "web" / "offline.js").read_text(encoding="utf-8")
    command = ["node", "-e", f"const SCRIPT = {json.dumps(script)};{BROWSER}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["kept"] == ["ampnet https://host/two/ 1", "ampnet https://host/one/ 2"]
    assert found["how"] == ["no-cache"]
