"""Memory of `ampnet predict` while it reads a long video, and a short one in 4K.

    python benchmarks/long_video.py --hours 1 --every 300
    python benchmarks/long_video.py --hours 0.002 --size 3840x2160 --every 10 --annotate

Makes the video (a minute is encoded, then repeated), runs the command, and prints the resident memory of the command
and of its decoder at a tenth, half and the end of the way, and the peak of each. Needs
Linux's /proc.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[1]
RATE = 30


def write_video(path: Path, size_wh: tuple[int, int], seconds: float) -> int:
    """Write a video of a face that drifts from side to side; return the number of frames."""
    width, height = size_wh
    with Image.open(ROOT / "tests" / "samples" / "portrait.jpg") as portrait:
        face = np.asarray(portrait.convert("RGB").resize((height, height)))
    minute = path.with_name("minute.mp4")
    frames = round(min(seconds, 60) * RATE)
    with av.open(str(minute), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "ultrafast", "crf": "28"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(frames):
            picture = np.full((height, width, 3), 90, np.uint8)
            left = round((width - height) * (0.5 + 0.5 * np.sin(number / 200)))
            picture[:, left : left + height] = face
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    repeats = max(round(seconds / 60), 1)
    with av.open(str(path), "w") as out:
        copy, end = None, 0
        for _ in range(repeats):
            with av.open(str(minute)) as one:
                source = one.streams.video[0]
                copy = copy or out.add_stream_from_template(source)
                for packet in one.demux(source):
                    if packet.dts is not None:
                        packet.dts, packet.pts = packet.dts + end, packet.pts + end
                        packet.stream = copy
                        out.mux(packet)
                end += source.duration
    return frames * repeats


def memory(pid: int) -> dict[int, tuple[int, int]]:
    """Return resident and peak bytes of a process and its children."""
    found = {}
    children = Path(f"/proc/{pid}/task/{pid}/children")
    for one in [pid, *map(int, children.read_text().split())]:
        status = dict(
            line.split(":", 1) for line in Path(f"/proc/{one}/status").read_text().splitlines() if ":" in line
        )
        found[one] = tuple(int(status[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))
    return found


def main() -> None:
    """Make the video, run the command and print a table."""
    options = argparse.ArgumentParser()
    options.add_argument("--hours", type=float, default=1.0)
    options.add_argument("--size", default="320x240")
    options.add_argument("--every", type=int, default=300)
    options.add_argument("--annotate", action="store_true")
    chosen = options.parse_args()
    width, height = map(int, chosen.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        clip, rows = Path(folder, "clip.mp4"), Path(folder, "rows.csv")
        frames = write_video(clip, (width, height), chosen.hours * 3600)
        print(f"{frames:,} frames of {width} x {height}, {clip.stat().st_size / 1e6:.1f} MB, every {chosen.every}th")
        command = [sys.executable, "-m", "cli", "predict", str(clip), "--every", str(chosen.every), "--csv", str(rows)]
        command += ["--annotate", str(Path(folder, "drawn"))] if chosen.annotate else []
        started = time.monotonic()
        process = subprocess.Popen([*command, "--checkpoint", "bundled", "-q"], cwd=ROOT, stdout=subprocess.DEVNULL)
        expected = -(-frames // chosen.every)
        marks, last = [0.1, 0.5, 0.95], {}
        while process.poll() is None:
            try:
                last = memory(process.pid) or last
            except (OSError, KeyError):  # it has just ended
                continue
            grown = next(Path(folder).glob("rows.csv.*.partial"), None)
            done = 0 if grown is None else max(grown.read_bytes().count(b"\n") - 1, 0)
            while marks and done >= marks[0] * expected:
                print(f"{marks.pop(0):4.0%}: {_words(last)}", flush=True)
            time.sleep(0.05)
        print(f" end: {_words(last)}; {time.monotonic() - started:.0f} s, exit code {process.returncode}")
        found = rows.read_bytes().count(b"\n") - 1 if rows.exists() else 0
        print(f"rows: {found:,} of {expected:,}")


def _words(found: dict[int, tuple[int, int]]) -> str:
    return ", ".join(f"{resident / 1e6:.0f} MB (peak {peak / 1e6:.0f})" for resident, peak in found.values())


if __name__ == "__main__":
    main()
