"""What `import ampnet` offers."""

import pytest

import ampnet


@pytest.mark.parametrize("name", ampnet.__all__)
def test_every_public_name_loads(name):
    assert getattr(ampnet, name) is not None


def test_the_earlier_name_of_load_reference_still_works():
    assert ampnet.load_published is ampnet.load_reference


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'load_everything'"):
        _ = ampnet.load_everything
