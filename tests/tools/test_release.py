"""What a release adds to the wheel that setuptools built."""

import base64
import hashlib
import json
import zipfile

import pytest

pytest.importorskip("cyclonedx", reason="pip install 'ampnet[release]'")

from tools.release import ROOT, _add_bill_of_materials, _bundle_problems
from tools.sbom import BUNDLED

NAME = "ampnet-1.0.dist-info/sboms/ampnet.cdx.json"


@pytest.fixture
def wheel(tmp_path):
    path = tmp_path / "ampnet-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ampnet/new.png", b"a picture")
        archive.writestr("ampnet-1.0.dist-info/RECORD", "ampnet/new.png,,\nampnet-1.0.dist-info/RECORD,,\n")
    return path


def test_the_wheel_lists_its_contents_with_hashes_and_the_list_is_in_its_record(wheel):
    _add_bill_of_materials(wheel)
    with zipfile.ZipFile(wheel) as archive:
        listed, record = archive.read(NAME), archive.read("ampnet-1.0.dist-info/RECORD").decode().splitlines()
    digest = base64.urlsafe_b64encode(hashlib.sha256(listed).digest()).decode().rstrip("=")
    assert record[0] == f"{NAME},sha256={digest},{len(listed)}"
    parts = {part["name"]: part for part in json.loads(listed)["components"]}
    assert {"torch", "opencv-python", *BUNDLED} <= parts.keys()
    for name in BUNDLED:
        assert parts[name]["hashes"][0]["content"] == hashlib.sha256((ROOT / name).read_bytes()).hexdigest()


def test_two_wheels_of_the_same_files_stay_equal(wheel, tmp_path):
    again = tmp_path / "again" / wheel.name
    again.parent.mkdir()
    again.write_bytes(wheel.read_bytes())
    _add_bill_of_materials(wheel)
    _add_bill_of_materials(again)
    assert wheel.read_bytes() == again.read_bytes()


def test_a_picture_without_a_known_licence_is_named(wheel):
    assert _bundle_problems([wheel]) == ["ampnet/new.png: tools/sbom.py does not know its licence"]
