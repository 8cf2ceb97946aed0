"""Limits, the token and the end of the service: a real process, clients of all kinds."""

import io
import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from PIL import Image

from tests.processes import ROOT
from tests.service.running import PATIENCE, answered, running, wait_for
from tests.small_checkpoint import small_checkpoint

pytest.importorskip("fastapi")
pytestmark = pytest.mark.slow

PORTRAIT = (ROOT / "tests/samples/portrait.jpg").read_bytes()
GROUP = (ROOT / "tests/samples/group.jpg").read_bytes()
JPEG = {"Content-Type": "image/jpeg"}
TOKEN = "correct-horse-battery"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    run = small_checkpoint(tmp_path_factory.mktemp("run"))
    return ("--checkpoint", str(run), "--runtime", "torch", "--gpus", "0", "--max-decode-seconds", "100")


@pytest.fixture(scope="module")
def small(model, tmp_path_factory):
    """A service with little patience and a token, open to a network."""
    options = ("--host", "0.0.0.0", "--allow-host", "faces.example", "--max-megabytes", "0.1", "--max-seconds", "3")
    with running(tmp_path_factory.mktemp("small"), *model, *options, AMPNET_TOKEN=TOKEN) as started:
        yield started


@pytest.fixture(scope="module")
def narrow(model, tmp_path_factory):
    """A service with room for two photos at a time."""
    options = ("--queue", "2", "--max-files", "2", "--max-requests", "4", "--max-seconds", "100")
    limits = ("--max-megapixels", "1", "--max-faces", "1")
    with running(tmp_path_factory.mktemp("narrow"), *model, *options, *limits) as started:
        yield started


@pytest.fixture(scope="module")
def patient(small):
    """A client that owns the token."""
    with httpx.Client(base_url=small.address, timeout=PATIENCE, headers={"Authorization": f"Bearer {TOKEN}"}) as opened:
        yield opened


def predict(service, content=PORTRAIT, headers=None):
    """Ask on a connection of its own."""
    return httpx.post(
        f"{service.address}v1/predict", content=content, headers={**JPEG, **(headers or {})}, timeout=PATIENCE
    )


def test_without_the_token_nothing_is_answered_but_that_the_service_lives(small):
    assert httpx.get(f"{small.address}healthz").status_code == 200
    for path in ("v1/model", "metrics", "openapi.json"):
        answer = httpx.get(small.address + path)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert predict(small, headers={"Authorization": f"Bearer {TOKEN}x"}).status_code == 401
    for scheme, status in (("bearer", 200), ("Basic", 401)):  # RFC 9110: in any case
        headers = {"Authorization": f"{scheme} {TOKEN}"}
        assert httpx.get(f"{small.address}v1/model", headers=headers).status_code == status


def test_a_service_for_a_network_answers_to_addresses_and_to_the_names_it_was_given(patient):
    for host, status in (("faces.example", 200), ("10.1.2.3:8000", 200), ("evil.example", 421)):
        assert patient.get("/v1/model", headers={"Host": host}).status_code == status


def test_too_many_bytes_are_refused_whether_announced_or_not(patient):
    announced = patient.post("/v1/predict", content=bytes(200_000), headers=JPEG)
    in_chunks = patient.post("/v1/predict", content=iter([bytes(60_000)] * 3), headers=JPEG)
    for answer in (announced, in_chunks):
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
        assert "100,000 bytes" in answer.json()["error"]["message"]


def test_too_many_pixels_are_refused_before_they_are_decoded(narrow):
    picture = io.BytesIO()
    Image.new("1", (2000, 1000)).save(picture, "PNG")
    answer = predict(narrow, picture.getvalue())
    assert answer.status_code == 422
    assert "2000 x 1000 pixels are more than 1,000,000" in answer.json()["error"]["message"]


def test_of_too_many_faces_the_highest_scoring_are_listed_with_a_warning(narrow):
    (photo,) = predict(narrow, GROUP).raise_for_status().json()["photos"]
    assert len(photo["faces"]) == 1
    assert photo["warnings"] == ["only the 1 highest-scoring face is listed"]


def test_a_request_that_does_not_arrive_in_time_is_given_up(small):
    head = f"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nAuthorization: Bearer {TOKEN}\r\n"
    answer = answered(small.place, head.replace("x", "127.0.0.1", 1).encode() + b"Content-Length: 1000\r\n\r\nabc")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"too_slow"' in answer


def test_a_full_queue_answers_503_and_what_waits_is_answered(narrow):
    with ThreadPoolExecutor(2) as pool:
        with narrow.stopped_decoders():
            waiting = [pool.submit(predict, narrow) for _ in range(2)]
            narrow.wait_until_counted("ampnet_photos_in_progress", 2)
            refused = predict(narrow)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "busy")
        assert refused.headers["retry-after"] == "1"
        assert [answer.result().status_code for answer in waiting] == [200, 200]
    assert predict(narrow).status_code == 200


def test_one_request_too_many_gets_503_while_the_service_says_that_it_lives(narrow):
    def status(path: str) -> int:
        return httpx.get(f"{narrow.address}{path}", timeout=PATIENCE).status_code

    head = b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\nContent-Length: 9\r\n\r\n"
    arriving = [socket.create_connection(narrow.place) for _ in range(4)]
    for connection in arriving:
        connection.sendall(head)
    wait_for(lambda: status("v1/model") == 503)
    assert [status(path) for path in ("healthz", "readyz")] == [200, 200]
    for connection in arriving:
        connection.close()
    wait_for(lambda: status("v1/model") == 200)


def test_photos_whose_clients_have_gone_are_not_worked_on(narrow):
    worked = narrow.counted("ampnet_batch_photos_sum")
    with narrow.stopped_decoders():
        with socket.create_connection(narrow.place) as leaving:
            head = "POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n"
            leaving.sendall(head.encode() + f"Content-Length: {len(PORTRAIT)}\r\n\r\n".encode() + PORTRAIT)
            narrow.wait_until_counted("ampnet_photos_in_progress", 1)
        narrow.wait_until_counted("ampnet_photos_in_progress", 0)
    assert predict(narrow).status_code == 200
    assert narrow.counted("ampnet_batch_photos_sum") == worked + 1


def test_decoders_that_the_system_has_killed_are_replaced(narrow):
    killed = narrow.decoders()
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not set(killed) & set(narrow.decoders()))
    assert predict(narrow).status_code == 200


def test_term_finishes_what_has_come_refuses_what_comes_and_exits_with_0(narrow):
    with ThreadPoolExecutor(2) as pool:  # the last test of this service
        with narrow.stopped_decoders():
            waiting = [pool.submit(predict, narrow) for _ in range(2)]
            narrow.wait_until_counted("ampnet_photos_in_progress", 2)
            narrow.process.terminate()

            def is_refused() -> bool:
                try:
                    socket.create_connection(narrow.place).close()
                except ConnectionRefusedError:
                    return True
                return False

            wait_for(is_refused)
            assert narrow.process.poll() is None
        assert [answer.result().json()["photos"][0]["status"] for answer in waiting] == ["ok"] * 2
        assert narrow.process.wait(PATIENCE) == 0
        said = narrow.process.stderr.read()
        assert "Traceback" not in said
        assert "portrait" not in said


def test_ctrl_c_ends_the_service_with_130(model, tmp_path):
    with running(tmp_path, *model) as service:
        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(PATIENCE) == 130
        assert service.process.stderr.read() == "open this address in a browser; Ctrl-C ends the service\n"


def test_wrong_requests_of_its_owner_are_one_line(tmp_path):
    from typer.testing import CliRunner

    from cli import app

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for options, expected in (
            (("--port", port), f"cannot listen on 127.0.0.1 port {port}: the port is in use; choose another"),
            (("--host", "192.0.2.1"), "cannot listen on 192.0.2.1"),
            (("--token", "short"), "a token needs at least 16 characters"),
            (("--queue", "4"), "max_files (32) must fit into the queue (4)"),
            (("--max-megapixels", "1000"), "--max-megapixels must be within (0, 150], got 1000"),
        ):
            result = CliRunner().invoke(app, ["serve", *options])
            assert result.exit_code == 2
            assert expected in result.stderr


def test_a_service_for_a_network_warns(small):
    small.process.terminate()  # the last test of this service
    small.process.wait(PATIENCE)
    assert (
        "warning: anyone who can reach 0.0.0.0 can use this service; a token is required" in small.process.stderr.read()
    )
