"""What `ampnet predict` makes of its arguments, and which it refuses together."""

from pathlib import Path

import pytest

from ampnet.errors import UsageError
from ampnet.settings import DetectorConfig, PredictConfig
from pipelines.commands.predict import read_request


def request(*images, as_json=False, detector=None, **options):
    return read_request(PredictConfig(images=images, detector=DetectorConfig(**detector or {}), **options), as_json)


def test_an_address_stays_text_and_a_path_becomes_one():
    assert request("https://a.org//b.jpg", "c.jpg").images == ("https://a.org//b.jpg", Path("c.jpg"))


def test_without_an_option_the_settings_are_the_defaults():
    config = request("a.jpg")
    assert config.detector == DetectorConfig()
    assert (config.min_face, config.csv, config.engine) == (DetectorConfig.min_face, None, "local")


def test_options_of_the_detector_reach_it():
    detector = request("a.jpg", detector={"name": "resnet50", "score_threshold": 0.4}).detector
    assert (detector.name, detector.score_threshold) == ("resnet50", 0.4)


@pytest.mark.parametrize("asked", [{"list_file": Path("list.txt")}, {"camera": 0}])
def test_a_list_or_a_camera_is_input_enough(asked):
    assert request(**asked).images == ()


@pytest.mark.parametrize(
    ("images", "options", "message"),
    [
        ([], {}, "missing argument 'images', --list FILE or --camera 0"),
        ([], {"camera": 0, "as_json": True}, "--camera writes only --csv; leave out --json"),
        (["a.jpg"], {"as_json": True, "resume": True, "csv": Path("a.csv")}, "use --jsonl FILE"),
        (["a.jpg"], {"explain": True}, "--explain needs an output"),
        (["a.jpg"], {"explain": True, "csv": Path("a.csv")}, "--explain needs an output"),
    ],
)
def test_what_does_not_go_together_is_refused(images, options, message):
    with pytest.raises(UsageError, match=message):
        request(*images, **options)


@pytest.mark.parametrize("place", [{"as_json": True}, {"jsonl": Path("a.jsonl")}, {"annotate": Path("drawn")}])
def test_an_explanation_goes_to_json_or_into_pictures(place):
    assert request("a.jpg", explain=True, **place).explain


def test_json_sums_up_what_ray_continues():
    assert request("photos", engine="ray", out=Path("rows"), resume=True, as_json=True).resume
