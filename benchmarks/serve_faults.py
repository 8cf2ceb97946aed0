"""What clients and files do to `ampnet serve`, and what it does then.

    python -m benchmarks.serve_faults [--requests 10000] [--hostile 200]

Prints a table. Exits with 1 if a good request was not answered, an answer was lost at the end, or memory grew.
Only this machine is used.
"""

import argparse
import asyncio
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.serve_client import Client, Reply, make_photos
from tests.hostile import picture_files
from tests.hostile.images import BOMBS
from tests.hostile.mutations import MUTATIONS
from tests.service.running import Running, running

BAD_CLIENTS = 20
MAX_SECONDS = 5.0
"""Patience of the service with a request, shorter than usual, so that this takes minutes only."""
GROWTH_MEGABYTES = 20.0
"""Growth of memory between the first tenth and the end that counts as flat."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    fault: str
    outcome: str
    is_good: bool


@contextmanager
def service(*options: str) -> Iterator[Running]:
    """Start a service in an empty folder."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder), "--checkpoint", "bundled", "--runtime", "onnx", *options) as started,
    ):
        yield started


def counts(replies: list[Reply]) -> str:
    """Count answers by status."""
    found = Counter(reply.status for reply in replies)
    return ", ".join(f"{count} x {status or 'cut'}" for status, count in sorted(found.items()))


async def hang(place: tuple[str, int], head: bytes, byte_every: float | None) -> float:
    """Send a part of a request, then nothing or a byte now and then; returns the seconds until the service ends it."""
    began = time.perf_counter()
    reader, writer = await asyncio.open_connection(*place)
    reading = asyncio.create_task(reader.read())
    try:
        writer.write(head)
        while not reading.done():
            await asyncio.wait((reading,), timeout=byte_every)
            if byte_every is not None:
                writer.write(b"x")
                await writer.drain()
    except OSError:
        pass
    finally:
        reading.cancel()
        writer.close()
    return time.perf_counter() - began


async def beside_bad_clients(started: Running, photo: bytes, head: bytes, byte_every: float | None) -> tuple[str, bool]:
    """Ask for a photo again and again while others hang."""
    bad = [asyncio.create_task(hang(started.place, head, byte_every)) for _ in range(BAD_CLIENTS)]
    client, replies = Client(started.place), []
    while not all(task.done() for task in bad):
        replies.append(await client.predict(photo))
    client.close()
    longest = max(task.result() for task in bad)
    is_good = {reply.status for reply in replies} == {200}
    return f"all ended within {longest:.1f} s; meanwhile {counts(replies)}", is_good


def hostile_files(count: int) -> list[bytes]:
    """Make files that are damaged, of foreign formats, or small on the disk and large in memory."""
    rng = random.Random(0)
    files = [make() for name, (_suffix, make) in BOMBS.items() if not name.endswith(("digits", "comment"))]
    files += [encode(picture_files.scene(rng)) for encode in picture_files.FOREIGN.values()]
    encodings = list(picture_files.ENCODINGS.values())
    while len(files) < count:
        _suffix, encode = rng.choice(encodings)
        files.append(MUTATIONS[rng.choice(list(MUTATIONS))](encode(picture_files.scene(rng)), rng))
    return files[:count]


async def send_hostile(started: Running, photo: bytes, files: list[bytes]) -> tuple[str, bool]:
    """Send hostile files in a row, then a good photo."""
    client = Client(started.place)
    replies = [await client.predict(content) for content in files]
    last = await client.predict(photo)
    client.close()
    restarts = started.counted("ampnet_decoder_restarts_total")
    is_good = last.status == 200 and {reply.status for reply in replies} <= {200, 413, 422}
    return f"{counts(replies)}; {restarts:.0f} decoders replaced; the photo after them: {last.status}", is_good


async def end_under_load(started: Running, photos: list[bytes]) -> tuple[str, bool]:
    """Send SIGTERM while 32 clients ask on new connections; whoever was connected has to get an answer."""
    replies: list[Reply] = []
    is_over = False

    async def ask(number: int) -> None:
        rng = random.Random(number)
        while not is_over:
            client = Client(started.place)
            reply = await client.predict(rng.choice(photos))
            client.close()
            replies.append(reply)
            if not reply.was_connected:
                return

    asking = [asyncio.create_task(ask(number)) for number in range(32)]
    while len(replies) < 64:
        await asyncio.sleep(0.05)
    before = len(replies)
    started.process.send_signal(signal.SIGTERM)
    await asyncio.wait(asking, timeout=120)
    is_over = True
    code = await asyncio.to_thread(started.process.wait, 120)
    after = replies[before:]
    answered = [reply for reply in after if reply.status]
    refused = sum(not reply.was_connected for reply in after)
    lost = len(after) - len(answered) - refused
    outcome = f"after it {counts(answered)}, {refused} connections refused, {lost} lost; exit code {code}"
    return outcome, lost == 0 and code == 0 and {reply.status for reply in answered} <= {200, 503}


def megabytes(started: Running) -> float:
    """Read the resident memory of the service and its decoders."""
    total = 0
    for pid in (started.process.pid, *started.decoders()):
        status = Path(f"/proc/{pid}/status").read_text()
        total += int(status.partition("VmRSS:")[2].split()[0])
    return total / 1024


async def many(started: Running, photos: list[bytes], requests: int) -> tuple[str, bool]:
    """Ask so often, with eight clients, and watch the memory."""
    replies: Counter[int] = Counter()
    memory: list[float] = []

    async def ask(number: int) -> None:
        client, rng = Client(started.place), random.Random(number)
        while replies.total() < requests:
            replies[(await client.predict(rng.choice(photos))).status] += 1
            if replies.total() % max(requests // 20, 1) == 0:
                memory.append(megabytes(started))
        client.close()

    await asyncio.gather(*(ask(number) for number in range(8)))
    growth = memory[-1] - memory[1]
    outcome = (
        f"{dict(replies)}; {memory[1]:.0f} MB after a tenth, {memory[-1]:.0f} MB at the end, most {max(memory):.0f}"
    )
    return outcome, set(replies) == {200} and growth < GROWTH_MEGABYTES


def main() -> None:
    """Run all faults, print, judge."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--requests", type=int, default=10_000)
    options.add_argument("--hostile", type=int, default=200)
    given = options.parse_args()
    photos = make_photos(16)
    rows = []
    head = b"POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/jpeg\r\nContent-Length: 1000\r\n\r\n"
    with service("--max-seconds", str(MAX_SECONDS)) as started:
        for name, start, byte_every in (
            ("connect and say nothing", b"", None),
            ("stop after the headers", head, None),
            ("headers, a byte a second", b"POST /v1/", 1.0),
            ("content, a byte a second", head, 1.0),
        ):
            outcome = asyncio.run(beside_bad_clients(started, photos[0], start, byte_every))
            rows.append(Row(f"{BAD_CLIENTS} clients: {name}", *outcome))
    with service() as started:
        files = hostile_files(given.hostile)
        rows.append(Row(f"{len(files)} hostile files", *asyncio.run(send_hostile(started, photos[0], files))))
    with service() as started:
        rows.append(Row("SIGTERM under load", *asyncio.run(end_under_load(started, photos))))
    with service() as started:
        rows.append(Row(f"{given.requests:,} requests", *asyncio.run(many(started, photos, given.requests))))

    table = Table(title=f"faults; a request may take {MAX_SECONDS:g} s to arrive for the clients that hang")
    for heading in ("fault", "outcome", ""):
        table.add_column(heading)
    for row in rows:
        table.add_row(row.fault, row.outcome, "good" if row.is_good else "BAD")
    Console(width=150).print(table)
    sys.exit(0 if all(row.is_good for row in rows) else 1)


if __name__ == "__main__":
    main()
