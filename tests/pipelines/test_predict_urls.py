"""`ampnet predict` and `Predictor.predict` with addresses of photos."""

import csv
import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from ampnet import Predictor
from ampnet.errors import ImageError
from ampnet.files import download
from ampnet.reading.sources import plan
from ampnet.results.row_files import Recorded
from ampnet.results.rows import RowKey
from ampnet.settings import PredictConfig
from cli import app
from pipelines.predict import _open_tasks
from tests.small_checkpoint import small_checkpoint
from tests.web import LOCAL, content, redirect, server

SAMPLES = Path(__file__).parents[1] / "samples"
PORTRAIT = SAMPLES / "portrait.jpg"


@pytest.fixture(scope="module")
def happy(tmp_path_factory):
    return small_checkpoint(tmp_path_factory.mktemp("run"), logits=[0.0, 0.0, 0.0, 4.0, 0.0, 0.0, 1.0])


@pytest.fixture
def web(monkeypatch):
    """A server of this machine that may be asked, as a public one."""
    monkeypatch.setattr(download, "POLICY", LOCAL)
    picture = content(PORTRAIT.read_bytes(), Content_Type="image/jpeg")
    pages = {"/a%20b.jpg": picture, "/x//photo?of=//me&size=*": picture, "/broken.jpg": content(b"no picture")}
    with server(pages | {"/inward": redirect("http://10.0.0.1/a.jpg")}) as address:
        yield address


def predict(happy, *arguments):
    return CliRunner().invoke(app, ["predict", *map(str, arguments), "--checkpoint", str(happy), "--gpus", "0"])


def test_photos_of_the_web_are_named_by_their_address_and_bad_ones_stop_no_other(happy, web, tmp_path):
    photos = [f"{web}/x//photo?of=//me&size=*", f"{web}/a%20b.jpg"]
    bad = [f"{web}/gone.jpg", f"{web}/broken.jpg", f"{web}/inward"]
    rows, drawn = tmp_path / "faces.csv", tmp_path / "drawn"
    result = predict(happy, photos[0], *bad, PORTRAIT, photos[1], "--csv", rows, "--annotate", drawn)
    assert result.exit_code == 1
    with rows.open() as file:
        found = {row["image"]: row for row in csv.DictReader(file)}
    assert list(found) == [photos[0], *bad, str(PORTRAIT), photos[1]]
    assert {found[name]["label"] for name in (*photos, str(PORTRAIT))} == {"happiness"}
    assert len({found[name]["x0"] for name in (*photos, str(PORTRAIT))}) == 1
    assert [found[name]["status"] for name in bad] == ["unreadable"] * 3
    errors = result.stderr.splitlines()
    assert f"ampnet: cannot read {bad[0]}: the server answers 404 Not Found" in errors
    assert any(line.startswith(f"ampnet: cannot read {bad[1]}: ") and "not an image" in line for line in errors)
    assert any(line.startswith(f"ampnet: cannot read {bad[2]}: 10.0.0.1 is not a public host") for line in errors)
    assert {path.name for path in drawn.iterdir()} == {"photo.jpg", "a b.jpg", "portrait.jpg"}


def test_a_large_photo_of_the_web_gives_what_its_file_gives(happy, monkeypatch, tmp_path):
    monkeypatch.setattr(download, "POLICY", LOCAL)
    with Image.open(PORTRAIT) as portrait:
        canvas = Image.new("RGB", (4000, 3000), "grey")
        canvas.paste(portrait.resize((300, 300)), (1500, 1200))  # so small that the face is framed from the whole photo
        canvas.save(tmp_path / "large.jpg")
    with server({"/large.jpg": content((tmp_path / "large.jpg").read_bytes())}) as web:
        result = predict(happy, f"{web}/large.jpg", tmp_path / "large.jpg", "--json", "--annotate", tmp_path / "drawn")
    assert result.exit_code == 0, result.stderr
    of_web, of_file = json.loads(result.stdout)["images"]
    assert of_web["faces"]
    assert of_web | {"image": ""} == of_file | {"image": ""}
    drawn, other = sorted((tmp_path / "drawn").iterdir())
    assert drawn.read_bytes() == other.read_bytes()


def test_a_list_may_name_addresses(happy, web, tmp_path):
    (tmp_path / "list.txt").write_text(f"{web}/a%20b.jpg\n{PORTRAIT}\n")
    result = predict(happy, "--list", tmp_path / "list.txt", "--json")
    assert result.exit_code == 0, result.stderr
    assert [image["image"] for image in json.loads(result.stdout)["images"]] == [f"{web}/a%20b.jpg", str(PORTRAIT)]


def test_a_recorded_address_is_not_fetched_again():
    urls = ["https://a.test//1.jpg", "https://a.test//2.jpg"]
    recorded = Recorded()
    recorded.add(RowKey(urls[0], None, is_problem=False))
    config = PredictConfig(images=tuple(urls), csv=Path("faces.csv"), resume=True)
    tasks = _open_tasks(plan(urls, None).sources, recorded, config, {})
    assert [source.name for source, _ in tasks] == urls[1:]


def test_without_leave_this_machine_is_not_asked(happy):
    with server({}) as address:
        result = predict(happy, f"{address}/a.jpg")
    assert result.exit_code == 1
    assert "127.0.0.1 is not a public host" in result.stderr


def test_a_program_gives_an_address_like_a_path(happy, web):
    predictor = Predictor(happy, device="cpu")
    url = f"{web}/a%20b.jpg"
    one = predictor.predict(url)
    assert one.name == url
    assert one.to_dict()["faces"] == predictor.predict(PORTRAIT).to_dict()["faces"]
    assert one.to_dict()["image"] == url
    assert one.plot().shape[:2] == one.size_hw
    _, bad = predictor.predict([url, f"{web}/gone.jpg"])
    assert bad.name == f"{web}/gone.jpg"
    assert "404" in bad.problem
    with pytest.raises(ImageError, match="404"):
        predictor.predict(f"{web}/gone.jpg")
