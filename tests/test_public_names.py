"""What `import ampnet` offers."""

import pytest

import ampnet
from tests.some_results import some_face


@pytest.mark.parametrize("name", ampnet.__all__)
def test_every_public_name_loads(name):
    assert getattr(ampnet, name) is not None


def test_the_earlier_name_of_load_reference_still_works_and_warns():
    with pytest.warns(DeprecationWarning, match="deprecated since ampnet 1.0: use ampnet.load_reference"):
        assert ampnet.load_published is ampnet.load_reference


def test_the_earlier_name_of_a_faces_detection_still_works_and_warns():
    face = some_face()
    with pytest.warns(DeprecationWarning, match="deprecated since ampnet 1.0: use face.box"):
        assert face.face is face.detection


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'load_everything'"):
        _ = ampnet.load_everything
