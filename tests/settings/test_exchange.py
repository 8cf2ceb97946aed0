"""Settings of import and export: class names that no checkpoint could hold, and options that do not go together."""

from pathlib import Path

import pytest

from ampnet.errors import ConfigError
from ampnet.settings import ExportConfig, ImportConfig
from ampnet.settings.labels import MAX_CLASSES


@pytest.mark.parametrize("names", [("a",), ("a", "a"), ("a", " "), ("a", "\x1b[2J"), ("a", "b" * 101)])
def test_class_names_that_no_checkpoint_could_hold_are_refused(tmp_path, names):
    with pytest.raises(ConfigError, match="class name"):
        ImportConfig(source=tmp_path / "a.pth", class_names=names)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "torchscript", "pixels": "rgba"}, "--pixels is for a whole ONNX file"),
        ({"part": "classifier", "pixels": "nchw"}, "--pixels is for a whole ONNX file"),
        ({"format": "safetensors", "part": "classifier"}, "--part is for --format onnx"),
        ({"data": Path("fer")}, "--data checks a classifier: add --part classifier"),
        ({"data": Path("fer"), "format": "web"}, "--data checks a classifier"),
        ({"format": "safetensors", "licence": "mine"}, "--licence is for the metadata of ONNX and TorchScript"),
    ],
)
def test_options_that_a_format_does_not_have_are_refused(tmp_path, options, message):
    with pytest.raises(ConfigError, match=message):
        ExportConfig(model=tmp_path, **options)


def test_as_many_class_names_as_a_checkpoint_holds_are_taken(tmp_path):
    names = tuple(f"c{i}" for i in range(MAX_CLASSES + 1))
    assert ImportConfig(source=tmp_path, class_names=names[:-1]).class_names == names[:-1]
    with pytest.raises(ConfigError, match="there are 101 class names, expected 2 to 100"):
        ImportConfig(source=tmp_path, class_names=names)
