"""Settings of predict and serve: options that do not go together are refused on construction, by name."""

from pathlib import Path

import pytest

from ampnet.errors import ConfigError
from ampnet.settings import PredictConfig, ServeConfig

OUT = Path("rows")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "ray"}, "--engine ray needs --out DIR"),
        ({"engine": "ray", "out": OUT, "csv": Path("a.csv")}, "leave out --csv, --jsonl and --annotate"),
        ({"engine": "ray", "out": OUT, "track": True}, "leave out --track and --explain"),
        ({"engine": "ray", "out": OUT, "list_file": Path("a.txt")}, "leave out --list and -"),
        ({"engine": "ray", "out": OUT, "resume": True, "force": True}, "--force discards it; use only one"),
        ({"out": OUT}, "--out, --actors and --part-images need --engine ray"),
        ({"actors": 2}, "--out, --actors and --part-images need --engine ray"),
        ({"part_images": 100}, "--out, --actors and --part-images need --engine ray"),
        ({"images": (Path("-"),), "engine": "ray", "out": OUT}, "leave out --list and -"),
        ({"resume": True}, "--resume needs --csv, --jsonl or --annotate"),
        ({"csv": Path("a"), "jsonl": Path("a")}, "--csv and --jsonl need different files"),
        ({"csv": Path("b/a.csv"), "jsonl": Path("b/a.csv.json")}, "--csv and --jsonl need different files"),
        ({"estimate": True, "engine": "ray", "out": OUT}, "--estimate does not work with"),
        ({"estimate": True, "csv": OUT, "resume": True}, "--camera, --resume or --engine ray"),
        ({"smooth": 1.0}, "--smooth averages along tracks, so it needs --track"),
        ({"runtime": "onnx", "mirror": True}, "--mirror, --prior and --gpus need --runtime torch"),
        ({"runtime": "onnx", "explain": True}, "--explain needs --runtime torch"),
    ],
)
def test_options_of_predict_that_do_not_go_together_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        PredictConfig(**{"images": (Path("a.jpg"),), **options})


@pytest.mark.parametrize(
    "options", [{"csv": Path("a.csv")}, {"jsonl": Path("a")}, {"annotate": Path("a")}, {"engine": "ray", "out": OUT}]
)
def test_a_run_that_keeps_its_rows_or_pictures_can_be_resumed(options):
    PredictConfig(images=(Path("a.jpg"),), resume=True, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"token": "x" * 15}, "a token needs at least 16 characters"),
        ({"token": "x" * 15 + " y"}, "printable ASCII characters, without spaces"),
        ({"token": "ü" * 16}, "printable ASCII characters, without spaces"),
        ({"allow_hosts": ("http://faces.example/",)}, "--allow-host must be a host name, without http:// or /"),
        ({"queue": 4}, r"max_files \(32\) must fit into the queue \(4\)"),
        ({"runtime": "onnx", "gpus": 1}, "--gpus needs --runtime torch"),
    ],
)
def test_options_of_serve_that_do_not_go_together_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        ServeConfig(**options)


def test_the_service_finds_faces_from_its_own_score_on():
    assert ServeConfig(score_threshold=0.4).detector.score_threshold == 0.4
