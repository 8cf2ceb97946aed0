"""Build what a release would publish, check it, and list it; nothing is uploaded.

    python tools/release.py [--out dist]

Needs a clean working tree. Both archives are built twice from the commit, with its time as SOURCE_DATE_EPOCH, and must
be equal byte for byte.
"""

import argparse
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

ROOT = Path(__file__).parents[1]
SHIPPED = ("ampnet", "pipelines", "cli.py")


def main() -> int:
    """Build twice, compare, check, list; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder of the archives; replaced")
    out = parser.parse_args().out
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
    problems = [*_version_problems(archives), *_tool_problems(archives)]
    for archive in archives:
        _list(archive)
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(archives)} archives in {out}, built twice with equal bytes; {len(problems)} problems")
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


def _differences(first: Path, second: Path) -> str | None:
    names = [sorted(path.name for path in folder.iterdir()) for folder in (first, second)]
    if names[0] != names[1]:
        return f"{names[0]} and {names[1]}"
    return next((name for name in names[0] if (first / name).read_bytes() != (second / name).read_bytes()), None)


def _version_problems(archives: list[Path]) -> list[str]:
    """Compare the versions that the package, its citation and its changelog state."""
    (version,) = {re.sub(r"\.tar\.gz$", "", path.name).split("-")[1] for path in archives}
    cited = re.search(r"^version: (\S+)", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    problems = [] if cited and cited[1] == version else [f"CITATION.cff does not cite version {version}"]
    is_logged = f"\n## {version} - " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    return problems + ([] if is_logged else [f"CHANGELOG.md has no section for version {version}"])


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
