"""`index/preview.png` shows the classes apart."""

import json

import numpy as np
from PIL import Image

from ampnet.dataset.open_index import read_index
from ampnet.media.drawing import color_of
from ampnet.reports.preview import write_preview
from ampnet.settings.labels import EXPRESSIONS
from tests.prepared_faces import write_prepared_faces


def test_two_classes_of_ones_own_have_two_colours(tmp_path):
    data = write_prepared_faces(tmp_path / "data", train=1, val=0, test=0)
    names = ["joy", "other", *EXPRESSIONS[2:]]  # joy and other have one colour by their names alone
    (data / "index" / "classes.json").write_text(json.dumps(names))
    write_preview(tmp_path / "preview.png", read_index(data))
    with Image.open(tmp_path / "preview.png") as picture:
        seen = {tuple(pixel) for pixel in np.asarray(picture.convert("RGB")).reshape(-1, 3).tolist()}
    colours = [color_of(name, names) for name in ("joy", "other")]
    assert len(set(colours)) == 2
    assert {tuple(bytes.fromhex(colour[1:])) for colour in colours} <= seen
