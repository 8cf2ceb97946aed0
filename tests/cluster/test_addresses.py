"""Object stores by `s3://`, and clusters by RAY_ADDRESS: real servers and nodes on this machine."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from ampnet.cluster.predictions import Part, cut_into_parts
from ampnet.errors import DataError
from ampnet.files.storage import list_files, names_in, open_file, remove_files, write_whole
from ampnet.reading.photo import Photo
from ampnet.reading.reader import NOTHING, read_ahead
from ampnet.reading.video_clock import Sampling
from ampnet.runtime.threads import Threads, start_threads
from tests.cluster.raw_faces import SAMPLES
from tests.cluster.s3 import s3_server
from tests.cluster.test_ray import ROOT, here, rows_of
from tests.small_checkpoint import small_checkpoint

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

pytestmark = [pytest.mark.soak, pytest.mark.filterwarnings("ignore")]  # warnings of boto and Ray are not ours

FACES = sorted(SAMPLES.rglob("*.jpg"))[:24]


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Samples as objects, in a tar and in a parquet file, and an object that is no image."""
    folder = tmp_path_factory.mktemp("shards")
    with tarfile.open(folder / "faces.tar", "w") as archive:
        for number, face in enumerate(FACES):
            archive.add(face, f"{number:02d}.jpg")
    table = {"name": [f"{n:02d}.jpg" for n in range(len(FACES))], "image": [face.read_bytes() for face in FACES]}
    parquet.write_table(pa.table(table), folder / "faces.parquet")
    with s3_server("photos") as place:
        for number, face in enumerate(FACES):
            write_whole(f"{place}/in/{number:02d}.jpg", face.read_bytes())
        write_whole(f"{place}/in/broken.jpg", b"no picture")
        for file in folder.iterdir():
            write_whole(f"{place}/shards/{file.name}", file.read_bytes())
        yield place


def predict(network: Path, place: str, out: str, *options: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "cli", "predict", place, "--checkpoint", str(network), "--engine", "ray"]
    command += ["--out", out, "--actors", "2", "--gpus", "0", "--part-images", "5", "--quiet", *options]
    return subprocess.run(command, cwd=ROOT, env=here() | variables, capture_output=True, text=True, check=False)


def test_objects_are_listed_read_written_and_deleted(bucket: str) -> None:
    assert list_files(f"{bucket}/shards", [".tar"]) == [f"{bucket}/shards/faces.tar"]
    write_whole(f"{bucket}/other/a", b"one")
    write_whole(f"{bucket}/other/a", b"two")
    assert (names_in(f"{bucket}/other"), names_in(f"{bucket}/nothing")) == ({"a"}, set())
    with open_file(f"{bucket}/other/a") as file:
        assert file.read() == b"two"
    remove_files(f"{bucket}/other", ["a"])
    assert names_in(f"{bucket}/other") == set()
    with pytest.raises(DataError, match="cannot list s3://nobody: The specified bucket does not exist"):
        list_files("s3://nobody")


def read(part: Part, threads: Threads) -> list[Photo]:
    tasks = ((source, NOTHING) for source in part.sources())
    return [queued.photo for queued in read_ahead(tasks, Sampling(), threads.reading, 2)]


def test_objects_tars_and_parquet_files_of_a_bucket_hold_the_same_photos(bucket: str) -> None:
    inside = [Path(f"{bucket}/in"), Path(f"{bucket}/shards/faces.tar"), Path(f"{bucket}/shards/faces.parquet")]
    parts, _notes = cut_into_parts(inside, 100, videos=False)
    with start_threads(cores=1, parallel=1) as threads:
        objects, *shards = (read(part, threads) for part in parts)
    broken = [photo for photo in objects if photo.problem]
    assert len(broken) == 1
    assert "not an image" in str(broken[0].problem)
    photos = [photo for photo in objects if photo.problem is None]
    for shard in shards:
        assert len(shard) == len(photos) == len(FACES)
        for ours, other in zip(shard, photos, strict=True):
            assert (ours.whole == other.whole).all()


def test_ray_reads_a_bucket_and_writes_its_results_to_it_and_resumes(
    bucket: str, tmp_path: Path, network: Path
) -> None:
    first = predict(network, f"{bucket}/in", f"{bucket}/out")
    assert first.returncode == 1, first.stderr  # one image is unreadable
    assert "broken.jpg" in first.stderr
    copies = tmp_path / "out"
    copies.mkdir()

    def fetch() -> list[dict[str, str]]:
        for place in list_files(f"{bucket}/out", [".parquet"]):
            with open_file(place) as file:
                (copies / place.rpartition("/")[2]).write_bytes(file.read())
        return rows_of(copies)

    rows = fetch()
    assert sorted({row["image"] for row in rows}) == list_files(f"{bucket}/in")
    assert names_in(f"{bucket}/out") == {f"part-{n:08d}.parquet" for n in range(5)} | {"plan.json", "summary.json"}
    remove_files(f"{bucket}/out", ["part-00000002.parquet", "summary.json"])
    refused = predict(network, f"{bucket}/in", f"{bucket}/out")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert predict(network, f"{bucket}/in", f"{bucket}/out", "--resume").returncode == 1
    assert fetch() == rows


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_checkpoint(tmp_path_factory.mktemp("network"))


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of those who may join a cluster."""
    file = tmp_path_factory.mktemp("token") / "token"
    file.write_text(secrets.token_hex(32))
    return here() | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(file), "OMP_NUM_THREADS": "1"}


@contextmanager
def node(token: dict[str, str], *options: str) -> Iterator[None]:
    """Run a node of a cluster until the block ends."""
    command = [str(Path(sys.executable).with_name("ray")), "start", *options, "--num-cpus=1", "--block"]
    command += ["--object-store-memory=100000000", "--disable-usage-stats"]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=token | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(60)  # it takes up to 30 seconds to send work elsewhere
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_until_there(token: dict[str, str], address: str, nodes: int) -> None:
    code = f"import ray, sys; ray.init({address!r}, log_to_driver=False); sys.exit(len(ray.nodes()) != {nodes})"
    for _attempt in range(20):
        asked = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, cwd=ROOT, env=token)
        if asked.returncode == 0:
            return
        time.sleep(1)
    raise AssertionError(f"{address} has not {nodes} nodes")


def start(token: dict[str, str], nodes: int, running: ExitStack) -> str:
    """Start one node after the other: two at once would take each other's ports."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"127.0.0.1:{port}"
    running.enter_context(node(token, "--head", f"--port={port}", "--include-dashboard=false"))
    wait_until_there(token, address, 1)
    for count in range(2, nodes + 1):
        running.enter_context(node(token, f"--address={address}"))
        wait_until_there(token, address, count)
    return address


def first_of(rows: Sequence[dict[str, str]]) -> list[str]:
    return [row["image"] for row in rows if row["face"] in ("", "1")]


def test_ray_address_joins_a_cluster_of_three_nodes_and_leaves_it_running(
    tmp_path: Path, network: Path, token: dict[str, str]
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for number, face in enumerate(FACES):
        (photos / f"{number:02d}.jpg").symlink_to(face)
    alone = predict(network, str(photos), str(tmp_path / "alone"))
    assert alone.returncode == 0, alone.stderr
    with ExitStack() as running:
        address = start(token, 3, running)  # of one core each, so that two actors are on two nodes
        joined = predict(network, str(photos), str(tmp_path / "joined"), **token, RAY_ADDRESS=address)
        assert joined.returncode == 0, joined.stderr
        wait_until_there(token, address, 3)
        stranger = predict(network, str(photos), str(tmp_path / "no"), RAY_ADDRESS=address, RAY_AUTH_MODE="disabled")
    assert (stranger.returncode, stranger.stderr.count("\n")) == (1, 1)
    assert "RAY_AUTH_TOKEN_PATH" in stranger.stderr
    rows = rows_of(tmp_path / "joined")
    assert rows == rows_of(tmp_path / "alone")
    assert first_of(rows) == sorted(str(photo) for photo in photos.iterdir())


def test_a_cluster_that_is_not_there_is_named_in_one_line(tmp_path: Path, network: Path) -> None:
    nobody = predict(network, str(FACES[0]), str(tmp_path / "nobody"), RAY_ADDRESS="127.0.0.1:1")
    assert (nobody.returncode, nobody.stderr.count("\n")) == (1, 1)
    assert "cannot join the Ray cluster at 127.0.0.1:1" in nobody.stderr
