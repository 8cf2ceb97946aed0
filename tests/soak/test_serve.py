"""`ampnet serve` beside clients that hang, hostile files in a row, and thousands of photos."""

import random
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from benchmarks.photos import make_photos
from tests.hostile import picture_files
from tests.hostile.images import BOMBS
from tests.hostile.mutations import MUTATIONS
from tests.service.running import PATIENCE, Running, running

pytestmark = [
    pytest.mark.slow,
    pytest.mark.soak,
    pytest.mark.filterwarnings("ignore:.*removed in Pillow"),  # for formats that only make hostile files
]

BAD_CLIENTS, MAX_SECONDS = 20, 5.0
HOSTILE, PHOTOS, REQUESTS = 200, 16, 2_000
GROWTH_MEGABYTES = 20.0
"""Growth of memory after the first tenth of the requests that counts as flat."""

HEAD = b"POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/jpeg\r\nContent-Length: 1000\r\n\r\n"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    made = make_photos(tmp_path_factory.mktemp("photos"), PHOTOS, sizes_wh=[(640, 480)])
    return [photo.read_bytes() for photo in made]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    options = ("--checkpoint", "bundled", "--runtime", "onnx", "--max-seconds", str(MAX_SECONDS))
    with running(tmp_path_factory.mktemp("service"), *options) as started:
        yield started


def predict(service: Running, photo: bytes, client: httpx.Client) -> int:
    headers = {"Content-Type": "image/jpeg"}
    return client.post(f"{service.address}v1/predict", content=photo, headers=headers, timeout=PATIENCE).status_code


def hang(place: tuple[str, int], head: bytes, byte_every: float) -> float:
    """Send a part of a request, then a byte now and then; returns the seconds until the service ends it."""
    began = time.monotonic()
    with socket.create_connection(place) as connection:
        connection.settimeout(byte_every)
        try:
            connection.sendall(head)
            while time.monotonic() - began < PATIENCE:
                try:
                    if connection.recv(1000) == b"":
                        break
                except TimeoutError:
                    connection.sendall(b"x")
        except ConnectionError:
            pass
    return time.monotonic() - began


@pytest.mark.parametrize(
    ("head", "byte_every"),
    [(HEAD, PATIENCE), (HEAD, 1.0)],
    ids=["headers only", "content slowly"],
)
def test_clients_that_hang_are_cut_off_and_others_are_answered(
    service: Running, photos: list[bytes], head: bytes, byte_every: float
) -> None:
    with ThreadPoolExecutor(BAD_CLIENTS) as pool, httpx.Client() as client:
        bad = [pool.submit(hang, service.place, head, byte_every) for _ in range(BAD_CLIENTS)]
        statuses = {predict(service, photos[0], client)}
        while not all(task.done() for task in bad):
            statuses.add(predict(service, photos[0], client))
    assert statuses == {200}
    assert max(task.result() for task in bad) < 4 * MAX_SECONDS


def test_photos_are_answered_beside_clients_that_send_no_request(service: Running, photos: list[bytes]) -> None:
    silent = [socket.create_connection(service.place) for _ in range(BAD_CLIENTS)]  # closing them is a proxy's work
    for connection in silent[::2]:
        connection.sendall(b"POST /v1/")
    with httpx.Client() as client:
        assert {predict(service, photo, client) for photo in photos} == {200}
    for connection in silent:
        connection.close()


def hostile_files() -> Iterator[bytes]:
    """Make files that are damaged, of foreign formats, or small on the disk and large in memory."""
    rng = random.Random(0)
    yield from (make() for name, (_suffix, make) in BOMBS.items() if not name.endswith(("digits", "comment")))
    yield from (encode(picture_files.scene(rng)) for encode in picture_files.FOREIGN.values())
    encodings = list(picture_files.ENCODINGS.values())
    while True:
        _suffix, encode = rng.choice(encodings)
        yield MUTATIONS[rng.choice(list(MUTATIONS))](encode(picture_files.scene(rng)), rng)


def test_hostile_files_in_a_row_are_read_or_refused_and_the_next_photo_is_answered(
    service: Running, photos: list[bytes]
) -> None:
    files = hostile_files()
    with httpx.Client() as client:
        statuses = {predict(service, next(files), client) for _ in range(HOSTILE)}
        assert statuses <= {200, 413, 422}
        assert predict(service, photos[0], client) == 200


def megabytes(service: Running) -> float:
    """Read the resident memory of the service and its decoders."""
    total = 0
    for pid in (service.process.pid, *service.decoders()):
        status = Path(f"/proc/{pid}/status").read_text()
        total += int(status.partition("VmRSS:")[2].split()[0])
    return total / 1024


def test_thousands_of_photos_are_all_answered_and_memory_stays_flat(service: Running, photos: list[bytes]) -> None:
    def ask(count: int) -> Counter[int]:
        with httpx.Client() as client:
            return Counter(predict(service, photos[number % PHOTOS], client) for number in range(count))

    def many(requests: int) -> Counter[int]:
        with ThreadPoolExecutor(8) as pool:
            return sum(pool.map(ask, [requests // 8] * 8), Counter())

    assert set(many(REQUESTS // 10)) == {200}
    before = megabytes(service)
    assert set(many(REQUESTS)) == {200}
    assert megabytes(service) - before < GROWTH_MEGABYTES
