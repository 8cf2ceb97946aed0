"""`ampnet export --format web`: a folder with a page that names expressions in the browser, for any static host."""

import json
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

from ampnet.errors import UsageError
from ampnet.files.printable import printable
from ampnet.files.writing import sha256_of

RUNTIME = "onnxruntime-web"
"""The npm package that runs the model in a browser."""
RUNTIME_FILES = {"ort.wasm.bundle.min.mjs": "ort.js", "ort-wasm-simd-threaded.wasm": "ort-wasm-simd-threaded.wasm"}
"""Its files and their names in the page; many hosts, nginx among them, do not know .mjs as JavaScript."""
NPM_SECONDS = 300

POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src blob:; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'"
)
"""The page may load its own files, and nothing else."""
CHARSET = '<meta charset="utf-8">'

PRIVACY = "Photos stay in this browser: the model runs in it, and nothing is sent anywhere."


def find_runtime(requested: Path | None, aside: Path) -> Path:
    """Return the folder of the npm package that runs the model.

    Args:
        requested: by the user; None has npm install it.
        aside: where to, a folder.

    Raises:
        UsageError: the package is not there, or npm cannot install it.
    """
    runtime = requested or _installed(aside)
    if missing := [file for file in RUNTIME_FILES if not (runtime / "dist" / file).is_file()]:
        where = f"{printable(runtime / 'dist')} has no {missing[0]}"
        raise UsageError(f"{where}; name the folder of the npm package {RUNTIME}, 1.21 or newer")
    return runtime


def write_page(folder: Path, model: Path, name: str, about: dict[str, Any], runtime: Path) -> None:
    """Write the page around a model.

    Args:
        model: a whole ONNX file.
        runtime: from :func:`find_runtime`.
    """
    for file, name_here in RUNTIME_FILES.items():
        shutil.copyfile(runtime / "dist" / file, folder / name_here)
    for package in ("ampnet.service", "ampnet.export"):  # what the latter has takes the place of the service's own
        for entry in (files(package) / ("page" if package == "ampnet.service" else "web")).iterdir():
            if entry.name.endswith((".html", ".js", ".css")):
                (folder / entry.name).write_bytes(entry.read_bytes())
    shutil.copyfile(model, folder / "model.onnx")
    facts = {field: about[field] for field in ("ampnet", "class_names", "region_names", "rejection_threshold")}
    facts |= {"name": name, "sha256": sha256_of(model), "runtime": "onnx", "privacy": PRIVACY}
    facts |= {"can_explain": bool(about["region_names"]), "card": False}
    (folder / "model.json").write_text(json.dumps(facts))
    index = folder / "index.html"
    policy = f'{CHARSET}\n<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    index.write_text(index.read_text(encoding="utf-8").replace(CHARSET, policy, 1), encoding="utf-8")
    _write_offline(folder)


def _write_offline(folder: Path) -> None:
    """Put the list of the page's files, and a name for this state of them, at the head of offline.js."""
    script = folder / "offline.js"
    names = sorted(entry.name for entry in folder.iterdir() if entry != script)
    state = "-".join(sha256_of(folder / name)[:4] for name in names)
    head = f'const VERSION = "{state}", FILES = {json.dumps(["./", *names])};\n'
    script.write_text(head + script.read_text(encoding="utf-8"), encoding="utf-8")


def _installed(folder: Path) -> Path:
    """Install the npm package into a folder; none of its scripts is run."""
    npm = shutil.which("npm")
    remedy = f"name its folder with --onnxruntime-web, for example node_modules/{RUNTIME}"
    if npm is None:
        raise UsageError(f"npm, which gets {RUNTIME}, is not installed; {remedy}")
    command = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(folder), RUNTIME]
    done = subprocess.run(command, capture_output=True, text=True, timeout=NPM_SECONDS)
    if done.returncode:
        raise UsageError(f"npm cannot install {RUNTIME}; {remedy}")
    return folder / "node_modules" / RUNTIME
