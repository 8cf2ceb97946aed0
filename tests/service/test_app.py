"""What the service answers, asked over HTTP as a client would."""

import base64
import io
import json
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import jsonschema
import pytest
from PIL import Image

from tests.hostile import picture_files
from tests.hostile.mutations import MUTATIONS
from tests.processes import ROOT
from tests.service.running import PATIENCE, running
from tests.small_checkpoint import ALL, small_checkpoint

pytest.importorskip("fastapi")
pytestmark = pytest.mark.slow

PORTRAIT = (ROOT / "tests/samples/portrait.jpg").read_bytes()
GROUP = (ROOT / "tests/samples/group.jpg").read_bytes()
JPEG = {"Content-Type": "image/jpeg"}
FORM = {"Content-Type": "multipart/form-data; boundary=b"}
PART = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\nx\r\n'


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return small_checkpoint(tmp_path_factory.mktemp("run"), rejection_threshold=0.9, modules=ALL)


@pytest.fixture(scope="module")
def service(model, tmp_path_factory):
    nowhere = str(tmp_path_factory.mktemp("gone") / "no such folder")  # for temporary files
    options = (
        "--checkpoint",
        str(model),
        "--runtime",
        "torch",
        "--gpus",
        "0",
        "--max-decode-seconds",
        "100",
        "--parallel",
        "1",
    )
    with running(tmp_path_factory.mktemp("folder"), *options, TMPDIR=nowhere) as started:
        yield started


@pytest.fixture(scope="module")
def client(service):
    with httpx.Client(base_url=service.address, timeout=PATIENCE) as opened:
        yield opened


def test_a_raw_photo_gets_what_predict_says_about_it(client, model):
    from ampnet import Predictor

    (photo,) = client.post("/v1/predict", content=PORTRAIT, headers=JPEG).raise_for_status().json()["photos"]
    expected = Predictor(model).predict(PORTRAIT).to_dict()
    assert list(photo) == list(expected)
    assert {name: photo[name] for name in ("status", "problem", "width", "height", "model")} == {
        name: expected[name] for name in ("status", "problem", "width", "height", "model")
    }
    (face,), (by_predict,) = photo["faces"], expected["faces"]
    assert face.keys() == by_predict.keys()
    assert face["scores"] == pytest.approx(by_predict["scores"], abs=1e-4)
    assert face["box"] == pytest.approx(by_predict["box"], abs=0.2)
    assert face["answer"] == "not sure"  # of seven classes, the seeded network prefers none by so much


def test_faces_get_the_warnings_of_predict(client, model):
    from ampnet import Predictor

    small = io.BytesIO()
    with Image.open(io.BytesIO(PORTRAIT)) as portrait:
        portrait.resize((48, 48), Image.Resampling.BOX).save(small, "PNG")
    photo = client.post("/v1/predict", content=small.getvalue(), headers={"Content-Type": "image/png"}).json()
    (face,) = photo["photos"][0]["faces"]
    assert face["warnings"][0].startswith("small: ")
    assert face["warnings"] == Predictor(model).predict(small.getvalue()).faces[0].warnings


@pytest.mark.parametrize("start", ["data:image/jpeg;base64,", "data:image/jpeg;charset=utf-8;base64,", ""])
@pytest.mark.parametrize("field", ["img", "image", "img_path"])
def test_a_photo_as_base64_in_json_gets_the_same_answer(client, start, field):
    raw = client.post("/v1/predict", content=PORTRAIT, headers=JPEG).json()
    photo = start + base64.b64encode(PORTRAIT).decode()
    given = client.post("/v1/predict", json={field: photo, "actions": ["emotion"]}).raise_for_status().json()
    assert given == raw


def test_of_several_photos_in_json_a_broken_one_harms_itself_alone(client):
    photos = [base64.b64encode(content).decode() for content in (PORTRAIT, b"milk, eggs", PORTRAIT)]
    answered = client.post("/v1/predict", json={"img": photos}).raise_for_status().json()["photos"]
    assert [photo["status"] for photo in answered] == ["ok", "unreadable", "ok"]
    assert [photo["image"] for photo in answered] == ["photo 1", "photo 2", "photo 3"]


def test_several_files_are_answered_in_their_order_and_a_broken_one_harms_itself_alone(client):
    files = [("file", ("group.jpg", GROUP)), ("file", ("notes.txt", b"no image")), ("file", ("p.jpg", PORTRAIT))]
    photos = client.post("/v1/predict", files=files).raise_for_status().json()["photos"]
    assert [(photo["image"], photo["status"], len(photo["faces"])) for photo in photos] == [
        ("group.jpg", "ok", 5),
        ("notes.txt", "unreadable", 0),
        ("p.jpg", "ok", 1),
    ]
    assert photos[1]["problem"] == "cannot read notes.txt: not an image, or a damaged one"


def test_an_explanation_is_that_of_predict(client, model):
    from ampnet import Predictor

    answer = client.post("/v1/predict?explain=1", content=PORTRAIT, headers=JPEG).raise_for_status().json()
    (face,) = answer["photos"][0]["faces"]
    result = Predictor(model).predict(PORTRAIT)
    (expected,) = (one.to_dict() for one in result.explain().given_to(result))
    assert face.keys() == expected.keys()
    given, by_predict = face["explanation"], expected["explanation"]
    assert given["added"] == pytest.approx(by_predict["added"], abs=1e-3)
    assert given["summands"].keys() == by_predict["summands"].keys()
    assert list(given["regions"]) == list(by_predict["regions"])
    x0, y0, x1, y1 = face["box"]
    centre = [sum(corner[axis] for corner in given["regions"]["left eye"]) / 4 for axis in (0, 1)]
    assert x0 < centre[0] < (x0 + x1) / 2
    assert y0 < centre[1] < (y0 + y1) / 2


def test_annotate_gives_the_drawn_photo(client):
    answer = client.post("/v1/predict?annotate=1", content=GROUP, headers=JPEG).raise_for_status()
    assert answer.headers["content-type"] == "image/jpeg"
    with Image.open(io.BytesIO(GROUP)) as photo, Image.open(io.BytesIO(answer.content)) as drawn:
        assert drawn.size == photo.size
        assert sum(a != b for a, b in zip(photo.tobytes(), drawn.tobytes(), strict=True)) > 10_000


def test_every_photo_is_counted_however_it_is_answered(service, client):
    outcomes = [f'ampnet_photos_total{{outcome="{outcome}"}}' for outcome in ("ok", "unreadable")]
    lines = (f"{name} 0.0" for name in outcomes)
    before = [*lines, *client.get("/metrics").text.splitlines()]
    client.post("/v1/predict?annotate=1", content=PORTRAIT, headers=JPEG).raise_for_status()
    assert client.post("/v1/predict", content=b"no photo", headers=JPEG).status_code == 422
    after = client.get("/metrics").text.splitlines()
    for name in outcomes:
        counts = [float(line.rpartition(" ")[2]) for line in (*before, *after) if line.startswith(f"{name} ")]
        assert counts[-1] == counts[-2] + 1


def test_photos_that_are_sent_together_share_batches(service, client):
    with ThreadPoolExecutor(1) as pool, service.stopped_decoders():
        asked = pool.submit(client.post, "/v1/predict", files=[("file", ("p.jpg", PORTRAIT))] * 8)
        service.wait_until_counted("ampnet_photos_in_progress", 8)
        before = service.counted("ampnet_batch_photos_count"), service.counted("ampnet_batch_photos_sum")
    photos = asked.result().raise_for_status().json()["photos"]
    assert len({json.dumps(photo["faces"][0]["label"]) for photo in photos}) == 1
    batches = service.counted("ampnet_batch_photos_count") - before[0]
    assert service.counted("ampnet_batch_photos_sum") - before[1] == 8
    assert batches < 8


def test_hostile_files_in_a_row_are_refused_one_by_one_and_the_next_photo_is_answered(client):
    rng = random.Random(0)
    for _suffix, encode in list(picture_files.ENCODINGS.values())[:12]:
        damaged = MUTATIONS[rng.choice(list(MUTATIONS))](encode(picture_files.scene(rng)), rng)
        status = client.post("/v1/predict", content=damaged, headers=JPEG).status_code
        assert status in (200, 422)  # some damage leaves a picture
    for encode in list(picture_files.FOREIGN.values())[:6]:
        assert client.post("/v1/predict", content=encode(picture_files.scene(rng)), headers=JPEG).status_code == 422
    assert client.post("/v1/predict", content=PORTRAIT, headers=JPEG).json()["photos"][0]["status"] == "ok"


def test_answers_hold_what_the_description_says_and_nothing_else(client):
    from ampnet.service.schema import Answer

    files = [("file", ("portrait.jpg", PORTRAIT)), ("file", ("notes.txt", b"no image"))]
    given = client.post("/v1/predict?explain=1", files=files).raise_for_status().json()
    assert Answer.model_validate(given).model_dump(by_alias=True, exclude_unset=True) == given


def test_the_model_tells_its_classes_its_hash_and_the_limits(client, model):
    from ampnet.files.writing import sha256_of
    from ampnet.settings.labels import EXPRESSIONS

    about = client.get("/v1/model").raise_for_status().json()
    assert about["class_names"] == list(EXPRESSIONS)
    assert about["sha256"] == sha256_of(model / "best.pt")
    assert about["limits"]["max_files"] == 32
    assert about["is_local"] is True
    assert about["card"] is None
    assert client.get("/v1/card").json()["error"]["code"] == "no_card"


def test_the_description_has_an_example_of_each_answer(client):
    paths = client.get("/openapi.json").raise_for_status().json()["paths"]
    described = paths["/v1/predict"]["post"]["responses"]
    assert {"200", "400", "401", "403", "408", "413", "415", "421", "422", "501", "503"} <= described.keys()
    document = client.get("/openapi.json").json()
    for path in ("/v1/predict", "/v1/model"):
        for operation in paths[path].values():
            assert "400" in operation["responses"]
            assert operation["summary"].endswith(".")  # a sentence, not a name out of the code
            for answer in operation["responses"].values():
                content = answer["content"]["application/json"]
                jsonschema.validate(content["example"], {**content["schema"], "components": document["components"]})
    body = paths["/v1/predict"]["post"]["requestBody"]["content"]["application/json"]
    jsonschema.validate(body["example"], body["schema"])
    about = paths["/v1/model"]["get"]["responses"]["200"]["content"]["application/json"]["example"]
    answered = client.get("/v1/model").json()
    assert about.keys() == answered.keys()
    assert about["limits"].keys() == answered["limits"].keys()


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/v1/model"])
def test_head_is_answered_as_get_is(client, path):
    asked, got = client.head(path), client.get(path)
    assert asked.status_code == got.status_code == 200
    assert asked.headers["Content-Length"] == got.headers["Content-Length"]


@pytest.mark.parametrize(
    ("method", "path", "given", "status", "code"),
    [
        ("GET", "/nothing", {}, 404, "not_found"),
        ("POST", "/predict", {}, 404, "not_found"),
        ("POST", "/v1/predict/", {}, 404, "not_found"),
        ("GET", "/..%2f..%2fcli.py", {}, 404, "not_found"),
        ("GET", "/v1/predict", {}, 405, "wrong_method"),
        ("POST", "/v1/predict", {"content": b"x", "headers": {"Content-Type": "text/plain"}}, 415, "wrong_type"),
        ("POST", "/v1/predict", {"content": b"x", "headers": JPEG}, 422, "unreadable"),
        ("POST", "/v1/predict", {"content": b"", "headers": JPEG}, 422, "unreadable"),
        ("POST", "/v1/predict?explain=perhaps", {"content": PORTRAIT, "headers": JPEG}, 400, "wrong_parameter"),
        ("POST", "/v1/predict?explan=1", {"content": PORTRAIT, "headers": JPEG}, 400, "wrong_parameter"),
        ("POST", "/v1/predict?explain=1&explain=0", {"content": PORTRAIT, "headers": JPEG}, 400, "wrong_parameter"),
        (
            "POST",
            "/v1/predict",
            {"content": b'{"img": "AAAA", "img": "BBBB"}', "headers": {"Content-Type": "application/json"}},
            400,
            "malformed",
        ),
        ("GET", "/v1/model?explain=1", {}, 400, "wrong_parameter"),
        ("GET", "/v1/card?a", {}, 400, "wrong_parameter"),
        ("GET", "/healthz?a=1", {}, 400, "wrong_parameter"),
        ("GET", "/readyz?a=1", {}, 400, "wrong_parameter"),
        ("GET", "/metrics?a=1", {}, 400, "wrong_parameter"),
        ("POST", "/v1/predict", {"files": [("picture", b"x")]}, 400, "malformed"),
        ("POST", "/v1/predict?annotate=1&explain=1", {"files": [("file", b"x")]}, 400, "wrong_parameter"),
        (
            "POST",
            "/v1/predict",
            {"content": b"x", "headers": {"Content-Type": "image/jpeg", "Content-Encoding": "gzip"}},
            415,
            "wrong_type",
        ),
        ("GET", "//v1/model", {}, 404, "not_found"),
        ("POST", "/v1/predict", {"files": [("file", b"x")], "data": {"a": "b"}}, 400, "malformed"),
        ("POST", "/v1/predict", {"files": [("file", b"x")] * 33}, 413, "too_many_files"),
        ("POST", "/v1/predict", {"json": {"img": "https://example.org/a.jpg"}}, 400, "malformed"),
        ("POST", "/v1/predict", {"json": {"img": "/etc/passwd"}}, 400, "malformed"),
        ("POST", "/v1/predict", {"json": {"img": [1]}}, 400, "malformed"),
        ("POST", "/v1/predict", {"json": {"img": []}}, 400, "no_photo"),
        ("POST", "/v1/predict", {"json": ["img"]}, 400, "no_photo"),
        ("POST", "/v1/predict", {"json": {"img": "AAAA", "explain": True}}, 400, "malformed"),
        ("POST", "/v1/predict", {"json": {"img": "AAAA", "image": "AAAA"}}, 400, "malformed"),
        ("POST", "/v1/predict", {"json": {"img": ["AAAA"] * 33}}, 413, "too_many_files"),
        ("POST", "/v1/predict", {"json": {"img": "AAAA"}}, 422, "unreadable"),
        ("POST", "/v1/predict", {"content": b"{", "headers": {"Content-Type": "application/json"}}, 400, "malformed"),
        (
            "POST",
            "/v1/predict",
            {"content": b"[" * 99_999, "headers": {"Content-Type": "application/json"}},
            400,
            "malformed",
        ),
        ("POST", "/v1/predict?annotate=1", {"files": [("file", b"x")] * 2}, 400, "one_photo"),
        ("POST", "/v1/predict", {"content": 2 * PART, "headers": FORM}, 400, "malformed"),  # without a last boundary
        ("POST", "/v1/predict", {"content": b"", "headers": FORM}, 400, "malformed"),
    ],
)
def test_every_error_has_one_shape(client, method, path, given, status, code):
    answer = client.request(method, path, **given)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.json().keys() == {"error"}
    assert answer.json()["error"].keys() == {"code", "message"}


def test_a_misspelt_parameter_or_field_is_named_beside_those_there_are(client):
    answer = client.post("/v1/predict?annotat%0A=1", content=PORTRAIT, headers=JPEG)
    assert answer.json()["error"]["message"] == "unknown parameter 'annotat\\n'; known: explain, annotate"
    answer = client.get("/v1/model?explain=1")
    assert answer.json()["error"]["message"] == "unknown parameter 'explain'; this address takes none"
    answer = client.post("/v1/predict", json={"photo": "AAAA"})
    assert answer.json()["error"]["message"] == "unknown field 'photo'; known: img, image, img_path"
    answer = client.post("/v1/predict?explain=1&explain=0", content=PORTRAIT, headers=JPEG)
    assert answer.json()["error"]["message"] == "explain is given 2 times; give it once"
    assert client.get("/?from=mail").status_code == 200  # links to the page may carry anything


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", "", "localhost.evil.example"])
def test_other_names_are_refused_so_that_no_name_can_be_made_to_mean_this_machine(client, host):
    assert client.get("/healthz", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8000", "[::1]:8000"])
def test_names_of_this_machine_are_answered(client, host):
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_pages_of_other_sites_cannot_send_photos(client, headers):
    answer = client.post("/v1/predict", content=PORTRAIT, headers={**JPEG, **headers})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "other_site")


def test_links_of_other_sites_to_the_page_work(client):
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert client.get("/healthz", headers=headers).status_code == 200


def test_the_page_of_the_service_can(client, service):
    headers = {**JPEG, "Origin": service.address.rstrip("/"), "Sec-Fetch-Site": "same-origin"}
    assert client.post("/v1/predict", content=PORTRAIT, headers=headers).status_code == 200


def test_every_answer_has_the_usual_headers(client):
    for path in ("/", "/healthz", "/nothing"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers


def test_nothing_is_stored(service, client):
    bitmap = io.BytesIO()
    Image.new("RGB", (900, 900)).save(bitmap, "BMP")  # larger than what forms usually keep in memory
    assert client.post("/v1/predict", files=[("file", ("large.bmp", bitmap.getvalue()))]).status_code == 200
    assert list(service.folder.iterdir()) == []
    opened = [entry.resolve() for entry in Path(f"/proc/{service.process.pid}/fd").iterdir()]
    assert not [path for path in opened if str(path).startswith(("/tmp", str(service.folder)))]
