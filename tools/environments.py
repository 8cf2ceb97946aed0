"""Test in other environments than the developer's: the oldest allowed dependencies, and without each extra.

    python tools/environments.py floors [--python 3.10] [--folder build/environments]
    python tools/environments.py extras

`floors` resolves every direct dependency to the oldest version that pyproject.toml allows, and runs the fast tests.
`extras` installs no extra, and then each extra alone; the package must import, show its help and classify a photo, and
what needs an absent extra must say so in one line. uv makes the environments; it links their files, so that each takes
little room.
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PHOTO = ROOT / "tests" / "samples" / "portrait.jpg"

EXTRAS = ("onnx", "cluster", "heic", "video", "mlflow", "serve")

REFUSED = {
    "onnx": ("predict", str(PHOTO), "--runtime", "onnx"),
    "cluster": ("predict", str(PHOTO), "--engine", "ray", "--out", "parts"),
    "heic": ("predict", "photo.heic"),
    "mlflow": ("train", "--data", ".", "--mlflow"),
    "serve": ("serve", "--port", "0"),
}
"""For an extra, a command that needs it: without any, one line must name what to install. `video`'s SciPy is not asked
for: albumentations, which comes with retinaface-pytorch, installs it."""


def main() -> int:
    """Run one of the two checks; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("check", choices=("floors", "extras"))
    parser.add_argument("--python", default="3.10", help="version, or the interpreter's path")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "environments")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    check = _check_floors if arguments.check == "floors" else _check_extras
    problems = check(arguments.python, arguments.folder)
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{arguments.check}: {len(problems)} problems")
    return 1 if problems else 0


def _check_floors(python: str, folder: Path) -> list[str]:
    environment = _environment(folder / "floors", python, ["--extra", "dev"])
    # Old packages warn of what newer ones of their own dependencies will drop.
    options = ["-q", "-n", "auto", "--dist", "loadfile", "-m", "not slow and not soak", "-o", "filterwarnings=default"]
    tests = [str(environment / "pytest"), *options]
    return [] if subprocess.run(tests, cwd=ROOT, check=False).returncode == 0 else ["the fast tests fail"]


def _check_extras(python: str, folder: Path) -> list[str]:
    (folder / "photo.heic").write_bytes(b"\x00\x00\x00\x10ftypheic\x00\x00\x00\x00")  # enough to be known as one
    problems = _refusals(_environment(folder / "plain", python, []), folder)
    for extra in (None, *EXTRAS):
        environment = _environment(folder / (extra or "plain"), python, ["--extra", extra] if extra else [])
        found = _use(environment, extra or "no extra", folder)
        print(f"with {extra or 'no extra'}: {len(found)} problems", flush=True)
        problems += found
    return problems


def _environment(place: Path, python: str, extras: list[str]) -> Path:
    """Make an environment with the oldest direct dependencies and this tree; return its folder of programs."""
    listed, without = place.with_suffix(".txt"), place.with_name("without.txt")
    without.write_text(
        "opencv-python-headless; python_version < '3'\n"
    )  # its newest would hide the oldest opencv-python
    oldest = ["--resolution", "lowest-direct", "--python-version", _version(python)]
    subprocess.run(
        ["uv", "pip", "compile", "pyproject.toml", *extras, *oldest, "--override", without, "-q", "-o", listed],
        cwd=ROOT,
        check=True,
    )
    subprocess.run(["uv", "venv", "-q", "--allow-existing", "--python", python, place], check=True)
    programs = place / ("Scripts" if os.name == "nt" else "bin")
    into: list[str | Path] = ["uv", "pip", "install", "-q", "--python", programs / "python"]
    subprocess.run([*into, "-r", listed], check=True)
    subprocess.run([*into, "--no-deps", "-e", ROOT], check=True)
    return programs


def _use(programs: Path, extra: str, folder: Path) -> list[str]:
    """Use what must work with any extra alone, and with none."""
    ampnet, problems = str(programs / "ampnet"), []
    for command in (
        [str(programs / "python"), "-W", "error::ImportWarning", "-c", "import ampnet; ampnet.Predictor"],
        [ampnet, "--help"],
        [ampnet, "predict", str(PHOTO), "--quiet"],
    ):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            problems.append(f"with {extra}: {command[1:]} ends with {done.returncode}: {done.stderr}")
    return problems


def _refusals(programs: Path, folder: Path) -> list[str]:
    """Ask for what each extra adds, where none is installed."""
    problems = []
    for extra, arguments in REFUSED.items():
        command = [str(programs / "ampnet"), *arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
        if done.returncode not in (1, 2) or not re.search(rf"ampnet\[{extra}\]", done.stderr):
            problems.append(f"without extras: {arguments} does not name ampnet[{extra}]: {done.stderr}")
    print(f"without extras: {len(problems)} of {len(REFUSED)} commands do not say what to install", flush=True)
    return problems


def _version(python: str) -> str:
    if re.fullmatch(r"3\.\d+", python):
        return python
    show = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([python, "-c", show], check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
