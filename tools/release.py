"""Build what a release would publish, check it, and list it; nothing is uploaded.

    python -m tools.release [--out dist] [--tag]

Needs a clean working tree. Both archives are built twice from the commit, with its time as SOURCE_DATE_EPOCH, and must
be equal byte for byte, and answers as steady as published (tools/steady_rates.py). `--tag` then tags the commit with
the version, if nothing is wrong.
"""

import argparse
import base64
import gzip
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from tools.sbom import BUNDLED, bill_of_materials
from tools.steady_rates import steadiness_problems

ROOT = Path(__file__).parents[1]
SHIPPED = ("ampnet", "pipelines", "cli.py")


def main() -> int:
    """Build twice, compare, check, list; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder of the archives; replaced")
    parser.add_argument("--tag", action="store_true", help="tag the commit as vVERSION if there is no problem")
    arguments = parser.parse_args()
    out = arguments.out
    if changed := _git("status", "--porcelain"):
        print(f"the working tree has changes; commit them first:\n{changed}", file=sys.stderr)
        return 1
    epoch = int(_git("log", "-1", "--format=%ct"))
    with tempfile.TemporaryDirectory() as scratch:
        first, second = (_build(Path(scratch) / name, epoch) for name in ("first", "second"))
        if (differing := _differences(first, second)) is not None:
            print(f"two builds differ: {differing}", file=sys.stderr)
            return 1
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(first, out)
    archives = sorted(out.iterdir())
    version = _version(archives)
    problems = [*_version_problems(version), *_bundle_problems(archives), *_tool_problems(archives)]
    problems += steadiness_problems()
    for archive in archives:
        _list(archive)
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(archives)} archives in {out}, built twice with equal bytes; {len(problems)} problems")
    if arguments.tag and not problems:
        _git("tag", "--annotate", f"v{version}", "--message", f"ampnet {version}")
        print(f"tagged as v{version}; push it with: git push origin v{version}")
    return 1 if problems else 0


def _build(folder: Path, epoch: int) -> Path:
    """Build both archives from the commit's own files."""
    source, built = folder / "source", folder / "built"
    source.mkdir(parents=True)
    tree = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(tree)) as archive:
        archive.extractall(source, filter="data")
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch)}
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(built), str(source)]
    subprocess.run(command, check=True, capture_output=True, env=environment)
    for sdist in built.glob("*.tar.gz"):
        _normalise(sdist, epoch)
    for wheel in built.glob("*.whl"):
        _add_bill_of_materials(wheel)
    return built


def _normalise(sdist: Path, epoch: int) -> None:
    """Write a source archive anew with sorted entries, one time and no owner: setuptools leaves those of the moment."""
    plain = io.BytesIO()
    with tarfile.open(sdist) as old, tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as new:
        for entry in sorted(old.getmembers(), key=lambda member: member.name):
            entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = epoch, 0, 0, "", ""
            entry.mode, entry.pax_headers = (0o755 if entry.isdir() or entry.mode & 0o100 else 0o644), {}
            new.addfile(entry, old.extractfile(entry) if entry.isfile() else None)
    sdist.write_bytes(gzip.compress(plain.getvalue(), mtime=epoch))


def _add_bill_of_materials(wheel: Path) -> None:
    """Put an SBOM into a wheel, where PEP 770 wants it, and into its list of files; setuptools has no way to yet."""
    with zipfile.ZipFile(wheel) as old:
        entries = {entry: old.read(entry) for entry in old.infolist()}
    record = next(entry for entry in entries if entry.filename.endswith(".dist-info/RECORD"))
    folder = record.filename.removesuffix("RECORD")
    name, content = f"{folder}sboms/ampnet.cdx.json", bill_of_materials(_version([wheel])).encode()
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
    listed = entries.pop(record).decode()
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as new:
        for entry, data in entries.items():
            new.writestr(entry, data)
        for added, data in (
            (name, content),
            (record.filename, f"{name},sha256={digest},{len(content)}\n{listed}".encode()),
        ):
            entry = zipfile.ZipInfo(added, record.date_time)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, record.external_attr
            new.writestr(entry, data)


def _version(archives: list[Path]) -> str:
    (version,) = {re.sub(r"\.tar\.gz$", "", path.name).split("-")[1] for path in archives}
    return version


def _differences(first: Path, second: Path) -> str | None:
    names = [sorted(path.name for path in folder.iterdir()) for folder in (first, second)]
    if names[0] != names[1]:
        return f"{names[0]} and {names[1]}"
    return next((name for name in names[0] if (first / name).read_bytes() != (second / name).read_bytes()), None)


def _version_problems(version: str) -> list[str]:
    """Compare the versions that the package, its citation and its changelog state."""
    cited = re.search(r"^version: (\S+)", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    problems = [] if cited and cited[1] == version else [f"CITATION.cff does not cite version {version}"]
    is_logged = f"\n## {version} - " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    return problems + ([] if is_logged else [f"CHANGELOG.md has no section for version {version}"])


def _bundle_problems(archives: list[Path]) -> list[str]:
    """Compare the weights and pictures in the wheel with those whose licences are known."""
    with zipfile.ZipFile(next(path for path in archives if path.suffix == ".whl")) as wheel:
        held = {name for name in wheel.namelist() if name.endswith((".safetensors", ".jpg", ".png"))}
    return [f"{name}: tools/sbom.py does not know its licence" for name in sorted(held - BUNDLED.keys())]


def _tool_problems(archives: list[Path]) -> list[str]:
    """Run the checkers of archives that are common in the field; what they complain about is a problem."""
    wheels = [str(path) for path in archives if path.suffix == ".whl"]
    commands = (
        ["twine", "check", "--strict", *map(str, archives)],
        ["check-wheel-contents", "--toplevel", "ampnet,pipelines,cli.py", *wheels],
        ["pip", "check"],
        ["vermin", "-t=3.10-", "--no-tips", "--eval-annotations", *(str(ROOT / name) for name in SHIPPED)],
    )
    problems = []
    for name, *arguments in commands:
        done = subprocess.run(
            [str(Path(sys.executable).with_name(name)), *arguments], capture_output=True, text=True, check=False
        )
        if done.returncode:
            problems.append(f"{name}: {(done.stdout + done.stderr).strip()}")
    return problems


def _list(archive: Path) -> None:
    """Print an archive's digest, and the sizes of what it holds by top folder."""
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    print(f"{archive.name}: {archive.stat().st_size:,} bytes, sha256 {digest}")
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as files:
            entries = [(entry.filename, entry.file_size) for entry in files.infolist()]
    else:
        with tarfile.open(archive) as files:
            entries = [(entry.name.partition("/")[2], entry.size) for entry in files if entry.isfile()]
    tops: dict[str, list[int]] = {}
    for name, size in entries:
        tops.setdefault(name.partition("/")[0], []).append(size)
    for top, sizes in sorted(tops.items()):
        print(f"  {top}: {len(sizes)} files, {sum(sizes):,} bytes")


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
