"""The service as others run it: pages of other origins, proxies, logs, ids of requests."""

import io
import json
from datetime import datetime
from typing import Any, cast

import httpx
import pytest

from ampnet.errors import ConfigError
from ampnet.settings import ServeConfig
from tests.processes import ROOT
from tests.service.running import PATIENCE, running
from tests.small_checkpoint import small_checkpoint

pytest.importorskip("fastapi")
pytestmark = pytest.mark.slow

PORTRAIT = (ROOT / "tests/samples/portrait.jpg").read_bytes()
JPEG = {"Content-Type": "image/jpeg"}
ORIGIN = "https://app.example"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
TOKEN = "correct-horse-battery"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    run = small_checkpoint(tmp_path_factory.mktemp("run"))
    options = ("--checkpoint", str(run), "--runtime", "torch", "--gpus", "0", "--access-log")
    access = ("--allow-origin", ORIGIN, "--proxy", "127.0.0.0/8", "--allow-host", "faces.example")
    with running(tmp_path_factory.mktemp("folder"), *options, *access, AMPNET_TOKEN=TOKEN) as started:
        yield started


@pytest.fixture(scope="module")
def client(service):
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=service.address, timeout=PATIENCE, headers=headers) as opened:
        yield opened


def test_a_page_of_an_allowed_origin_asks_first_and_gets_its_answer(service, client):
    asked = httpx.options(f"{service.address}v1/predict", headers={"Origin": ORIGIN, **PREFLIGHT})  # without a token
    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (204, ORIGIN)
    assert "POST" in asked.headers["access-control-allow-methods"]
    assert {"Authorization", "Content-Type"} <= set(asked.headers["access-control-allow-headers"].split(", "))
    headers = {**JPEG, "Origin": ORIGIN, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
    answer = client.post("/v1/predict", content=PORTRAIT, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert "Origin" in answer.headers["vary"]


def test_an_allowed_page_can_read_why_it_is_refused(service):
    answer = httpx.get(f"{service.address}v1/model", headers={"Origin": ORIGIN})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (401, ORIGIN)


@pytest.mark.parametrize(
    "origin", ["https://app.example.evil", "http://app.example", "null", "https://app.example:8443"]
)
def test_any_other_origin_is_refused_and_the_option_named(client, origin):
    for answer in (
        client.get("/v1/model", headers={"Origin": origin}),
        client.options("/v1/predict", headers={"Origin": origin, **PREFLIGHT}),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "other_site")
        assert "--allow-origin" in answer.json()["error"]["message"]
        assert "access-control-allow-origin" not in answer.headers


def test_what_a_trusted_proxy_says_about_the_host_counts(client):
    page = {"X-Forwarded-Host": "faces.example", "X-Forwarded-Proto": "https", "Origin": "https://faces.example"}
    assert client.get("/v1/model", headers=page).json()["is_local"] is False
    assert client.get("/v1/model", headers={"X-Forwarded-Host": "evil.example"}).status_code == 421
    nearest = {"X-Forwarded-Host": "evil.example, faces.example"}
    assert client.get("/v1/model", headers=nearest).status_code == 200


@pytest.mark.parametrize("sent", ["a-1.b:2/c=", "x" * 128])
def test_the_id_of_a_request_comes_back(client, sent):
    assert client.get("/nothing", headers={"X-Request-Id": sent}).headers["x-request-id"] == sent


@pytest.mark.parametrize("sent", ["", "x" * 129, "two words", "\u00e9"])
def test_an_unusable_id_is_replaced(client, sent):
    answer = client.get("/healthz", headers={"X-Request-Id": sent.encode("latin-1")})
    assert len(answer.headers["x-request-id"]) == 32


def test_the_access_log_has_a_line_of_json_for_each_request_and_nothing_of_photos(service, client):
    client.post("/v1/predict", files=[("file", ("secret.jpg", PORTRAIT))], headers={"X-Request-Id": "last-one"})
    client.get("/secret-path", headers={"X-Request-Id": "path"})
    lines, found = [], {}
    while "path" not in found:
        lines.append(service.process.stdout.readline())
        found = {line["request_id"]: line for line in map(json.loads, lines)}
    assert "secret" not in "".join(lines)
    line = found["last-one"]
    assert line.keys() == {"time", "request_id", "method", "path", "status", "ms", "faces"}
    assert (line["method"], line["path"], line["status"], line["faces"]) == ("POST", "/v1/predict", 200, 1)
    assert line["ms"] > 0
    assert datetime.fromisoformat(line["time"]).tzinfo is not None
    assert (found["path"]["path"], found["path"]["status"], found["path"]["faces"]) == ("other", 404, None)


def test_photos_are_answered_when_the_access_log_can_no_longer_be_written(tmp_path):
    run = small_checkpoint(tmp_path / "run")
    with running(tmp_path, "--checkpoint", str(run), "--runtime", "torch", "--gpus", "0", "--access-log") as service:
        service.process.stdout.close()
        service.process.stdout = io.StringIO()  # which is read at the end
        assert [httpx.get(f"{service.address}v1/model", timeout=PATIENCE).status_code for _ in range(3)] == [200] * 3


def test_programs_learn_from_the_description_how_to_ask(client):
    document = client.get("/openapi.json").json()
    operations = {path: op for path, methods in document["paths"].items() for op in methods.values()}
    assert {op["operationId"] for op in operations.values()} == {
        "predict", "describe_model", "model_card", "is_alive", "is_ready", "metrics",
    }  # fmt: skip
    assert document["components"]["securitySchemes"] == {"token": {"type": "http", "scheme": "bearer"}}
    closed = {path for path, operation in operations.items() if operation["security"]}
    assert closed == {"/v1/predict", "/v1/model", "/v1/card", "/metrics"}
    schemas = document["components"]["schemas"]
    assert schemas["PhotoAnswer"]["properties"]["status"]["enum"] == ["ok", "no face", "unreadable"]
    assert "other_site" in schemas["ErrorText"]["properties"]["code"]["enum"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("allow_origins", "app.example"), ("allow_origins", "https://a.example/page"), ("proxies", "nginx")],
)
def test_values_that_could_never_match_are_refused(name, value):
    with pytest.raises(ConfigError, match=value):
        ServeConfig(**cast(Any, {name: (value,)}))


def test_a_proxy_by_ipv4_is_the_same_where_the_service_listens_on_ipv6():
    from ampnet.service.guard import Proxies

    for peer, host in (("127.0.0.1", b"faces.example"), ("::ffff:127.0.0.1", b"faces.example"), ("::1", b"old")):
        scope: dict[str, Any] = {
            "client": (peer, 1),
            "headers": [(b"host", b"old"), (b"x-forwarded-host", b"faces.example")],
        }
        Proxies(["127.0.0.0/8"]).apply(scope)
        assert dict(scope["headers"])[b"host"] == host
