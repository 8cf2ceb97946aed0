"""Real nginx and Caddy with the configurations of the docs, in front of a real service."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.service.running import PATIENCE, Running, running
from tests.small_checkpoint import small_checkpoint

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
PORTRAIT = (Path(__file__).parents[1] / "samples" / "portrait.jpg").read_bytes()
JPEG = {"Content-Type": "image/jpeg"}
NAME = "faces.example.org"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    run = small_checkpoint(tmp_path_factory.mktemp("run"))
    folder = tmp_path_factory.mktemp("service")
    options = "--proxy", "127.0.0.1", "--allow-host", NAME, "--checkpoint", str(run), "--runtime", "torch"
    with running(folder, *options) as started:
        yield started


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


@contextmanager
def started(command: list[str], port: int) -> Iterator[str]:
    """Run a proxy until the block ends; gives its address."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            deadline = time.monotonic() + PATIENCE
            while True:
                assert process.poll() is None, process.stdout and process.stdout.read()
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


@contextmanager
def nginx(folder: Path, service: Running) -> Iterator[str]:
    port = free_port()
    server = (EXAMPLES / "nginx.conf").read_text()
    server = server.replace("listen 443 ssl", f"listen 127.0.0.1:{port}").replace(
        "127.0.0.1:8000", f"127.0.0.1:{service.place[1]}"
    )
    server = "\n".join(line for line in server.splitlines() if "ssl_" not in line)  # a test has no certificate
    temporary = "".join(f"{name}_temp_path {folder};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;" if folder.owner() == "root" else ""
    (folder / "nginx.conf").write_text(
        f"{user} daemon off; pid {folder}/pid; error_log stderr; events {{}} "
        f"http {{ access_log off; {temporary}\n{server}\n}}"
    )
    with started(["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", "stderr"], port) as address:
        yield address


@contextmanager
def caddy(folder: Path, service: Running) -> Iterator[str]:
    port = free_port()
    site = (EXAMPLES / "Caddyfile").read_text().replace("127.0.0.1:8000", f"127.0.0.1:{service.place[1]}")
    site = site.replace(f"\n{NAME} {{", f"\nhttp://{NAME}:{port} {{")  # a test has no certificate
    (folder / "Caddyfile").write_text("{\n\tadmin off\n\tauto_https off\n}\n" + site)
    command = ["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]
    with started(command, port) as address:
        yield address


@pytest.mark.parametrize("proxy", [nginx, caddy])
def test_a_proxy_with_the_configuration_of_the_docs_serves_photos(service, tmp_path, proxy):
    if shutil.which(proxy.__name__) is None:
        pytest.skip(f"{proxy.__name__} is not installed")
    with (
        proxy(tmp_path, service) as address,
        httpx.Client(base_url=address, headers={"Host": NAME}, timeout=PATIENCE) as client,
    ):
        answer = client.post("/v1/predict", content=PORTRAIT, headers=JPEG)
        assert answer.raise_for_status().json()["photos"][0]["status"] == "ok"
        assert len(answer.headers["x-request-id"]) >= 32  # the proxy's
        page = client.get("/v1/model", headers={"Origin": f"https://{NAME}", "Sec-Fetch-Site": "same-origin"})
        assert page.status_code == 200
        assert client.get("/v1/model", headers={"Origin": "https://other.example"}).status_code == 403
        forged = client.get("/healthz", headers={"X-Forwarded-Host": "evil.example"})
        assert forged.status_code == 200  # the proxy says whom it was asked for
        assert client.post("/v1/predict", content=bytes(33_000_000), headers=JPEG).status_code == 413
