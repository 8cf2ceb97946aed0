"""Load on `ampnet serve`, beside `ampnet predict` on the same photos.

    python -m benchmarks.serve_load [--seconds 60] [--clients 64] [--runtime onnx]

1. `predict` over a folder of the photos: photos per second after its first chunk.
2. Saturation: so many clients on kept connections send one photo after the other.
3. Photos at random moments (a Poisson process) at a quarter, half and three quarters of the rate of saturation.

Prints a table. Exits with 1 if there was an error other than 503, if saturation reaches less than 90% of predict's
rate, or if at half of it the 99th percentile of the times is five times the median or more. Only this machine is used,
and the clients take a part of it.

The clients are our own because those of locust and wrk wait for an answer before they send the next photo: a service
that slows down is then asked less, and step 3 would not measure it.
"""

import asyncio
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.measure import options_of, print_table
from benchmarks.photos import make_photos
from tests.processes import ROOT
from tests.service.running import Running, running

PHOTOS, SIZE_WH = 64, (640, 480)
FIRST_CHUNK = 32
"""Photos of predict's first chunk, with which loading the model is left out."""
TARGET_RATE, TARGET_TAIL = 0.9, 5.0
LOADS = (0.25, 0.5, 0.75)
MAX_OPEN = 200
"""Requests under way at once in step 3; the service takes 256 connections."""


@dataclass
class Load:
    """What came of one load."""

    name: str
    asked: float = 0.0
    """Photos per second that were to be sent; 0: as many as possible."""
    seconds: float = 0.0
    times: list[float] = field(default_factory=list)
    """Of the answers, in seconds."""
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        """Answers per second."""
        return len(self.times) / self.seconds

    @property
    def errors(self) -> int:
        """Requests that ended neither with an answer nor with 503."""
        return sum(count for status, count in self.statuses.items() if status not in (200, 503))

    @property
    def quantiles(self) -> tuple[float, float]:
        """The median and the 99th percentile of the times; NaN without answers."""
        median, high = np.quantile(self.times or [np.nan], (0.5, 0.99)).tolist()
        return median, high

    @property
    def tail(self) -> float:
        """The 99th percentile over the median."""
        median, high = self.quantiles
        return high / median


class Client:
    """A connection that is kept open; httpx takes a tenth of a small machine for what this does.

    Args:
        place: host and port.
    """

    def __init__(self, place: tuple[str, int]) -> None:
        self._place = place
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def predict(self, photo: bytes) -> int:
        """Ask about one photo, once more on a new connection where a kept one turns out to be closed.

        Returns:
            The status of the answer; 0 if the connection is refused, or ends without one.
        """
        was_kept = self._streams is not None
        try:
            reader, writer = self._streams = self._streams or await asyncio.open_connection(*self._place)
            head = f"POST /v1/predict HTTP/1.1\r\nHost: {self._place[0]}:{self._place[1]}\r\n"
            head += f"Content-Type: image/jpeg\r\nContent-Length: {len(photo)}\r\n\r\n"
            writer.write(head.encode() + photo)
            await writer.drain()
            told = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            await reader.readexactly(int(re.findall(r"content-length: (\d+)", told)[0]))
        except (OSError, asyncio.IncompleteReadError):
            self.close()
            return await self.predict(photo) if was_kept else 0
        if "connection: close" in told:
            self.close()
        return int(told.split()[1])

    def close(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            self._streams[1].close()
        self._streams = None


def rate_of_predict(photos: list[bytes], runtime: str, seconds: float) -> float:
    """Return the photos per second of `ampnet predict`, over about so many seconds."""
    with tempfile.TemporaryDirectory() as folder:
        for copy in range(max(round(seconds * 60 / len(photos)), 3)):
            for number, photo in enumerate(photos):
                (Path(folder) / f"{copy:04}_{number:04}.jpg").write_bytes(photo)
        command = [sys.executable, "-m", "cli", "predict", folder, "--checkpoint", "bundled", "--json", "--quiet"]
        process = subprocess.Popen(
            [*command, "--runtime", runtime, *(["--gpus", "0"] if runtime == "torch" else [])],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert process.stdout is not None
        moments = []
        for line in process.stdout:
            if line.startswith('{"image"'):
                moments.append(time.perf_counter())
                if len(moments) > FIRST_CHUNK and moments[-1] - moments[FIRST_CHUNK - 1] > seconds:
                    break
        process.terminate()
        process.communicate()
    return (len(moments) - FIRST_CHUNK) / (moments[-1] - moments[FIRST_CHUNK - 1])


async def saturate(service: Running, photos: list[bytes], clients: int, seconds: float) -> Load:
    """Have clients send one photo after the other."""
    load = Load(f"{clients} clients")
    began = time.perf_counter()
    end = began + seconds

    async def ask(number: int) -> None:
        client, rng = Client(service.place), random.Random(number)
        while time.perf_counter() < end:
            sent = time.perf_counter()
            status = await client.predict(rng.choice(photos))
            load.statuses[status] += 1
            if status == 200:
                load.times.append(time.perf_counter() - sent)
            else:
                await asyncio.sleep(1)  # as Retry-After says
        client.close()

    await asyncio.gather(*(ask(number) for number in range(clients)))
    load.seconds = time.perf_counter() - began
    return load


async def arrive(service: Running, photos: list[bytes], rate: float, seconds: float, name: str) -> Load:
    """Send photos at random moments, whether or not the earlier ones are answered."""
    load, rng = Load(name, rate), random.Random(1)
    idle: list[Client] = []
    tasks: set[asyncio.Task[None]] = set()

    async def ask(photo: bytes, due: float) -> None:
        client = idle.pop() if idle else Client(service.place)
        status = await client.predict(photo)
        idle.append(client)
        load.statuses[status] += 1
        if status == 200:
            load.times.append(time.perf_counter() - due)  # from when it should have been sent

    began = moment = time.perf_counter()
    while moment - began < seconds:
        moment += rng.expovariate(rate)
        await asyncio.sleep(max(moment - time.perf_counter(), 0))
        while len(tasks) >= MAX_OPEN:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        task = asyncio.create_task(ask(rng.choice(photos), moment))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    while tasks:
        await asyncio.wait(tasks)
    load.seconds = time.perf_counter() - began
    for client in idle:
        client.close()
    return load


def run_loads(service: Running, photos: list[bytes], clients: int, seconds: float) -> list[Load]:
    """Warm up, saturate, then send at shares of that rate."""
    asyncio.run(saturate(service, photos, clients, min(seconds / 4, 5)))
    full = asyncio.run(saturate(service, photos, clients, seconds))
    shares = [(share * full.rate, f"{share:.0%} of that") for share in LOADS]
    return [full, *(asyncio.run(arrive(service, photos, rate, seconds, name)) for rate, name in shares)]


def main() -> None:
    """Measure, print, judge."""
    options = options_of(__doc__)
    options.add_argument("--seconds", type=float, default=60.0)
    options.add_argument("--clients", type=int, default=64)
    options.add_argument("--runtime", choices=("onnx", "torch"), default="onnx")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        photos = [path.read_bytes() for path in make_photos(Path(folder), PHOTOS, sizes_wh=[SIZE_WH])]
    alone = rate_of_predict(photos, given.runtime, given.seconds / 2)
    settings = ["--checkpoint", "bundled", "--runtime", given.runtime]
    with tempfile.TemporaryDirectory() as folder:
        threads = os.environ.get("OMP_NUM_THREADS", str(len(os.sched_getaffinity(0))))  # as for predict
        os.environ["OMP_NUM_THREADS"] = threads  # for the process that loads torch, of which the service is a fork
        with running(Path(folder), *settings, OMP_NUM_THREADS=threads) as service:
            loads = run_loads(service, photos, given.clients, given.seconds)
            per_batch = service.counted("ampnet_batch_photos_sum") / service.counted("ampnet_batch_photos_count")
    again = rate_of_predict(photos, given.runtime, given.seconds / 2)
    predict = (alone + again) / 2

    rows: list[list[object]] = [["predict, before and after", "", f"{alone:.1f}, {again:.1f}", "100%", *[""] * 5]]
    for load in loads:
        asked, share = f"{load.asked:.1f}" if load.asked else "", f"{load.rate / predict:.0%}"
        quantiles = [f"{1000 * seconds:.0f}" for seconds in load.quantiles]
        counts = [load.statuses[503], load.errors]
        rows.append([load.name, asked, f"{load.rate:.1f}", share, *counts, *quantiles, f"{load.tail:.1f}"])
    head = ("load", "sent/s", "answers/s", "of predict", "503", "other errors", "p50, ms", "p99, ms", "p99 / p50")
    print_table(f"{given.seconds:.0f} s each, {given.runtime}, photos of 640 x 480", head, rows)
    print(f"photos in a batch, on average over all loads: {per_batch:.1f}")
    half = loads[1 + LOADS.index(0.5)]
    faults = [f"{load.name}: {load.errors} errors" for load in loads if load.errors]
    if loads[0].rate < TARGET_RATE * predict:
        faults.append(f"saturation reaches {loads[0].rate / predict:.0%} of predict, less than {TARGET_RATE:.0%}")
    if not half.tail < TARGET_TAIL:
        faults.append(f"at half load, p99 is {half.tail:.1f} times p50, not less than {TARGET_TAIL}")
    print("\n".join(faults) or "all targets are met")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
