"""Tables are read as people have them."""

import pytest

from ampnet.errors import DataError
from ampnet.files.tables import open_table


def test_a_header_may_hold_line_breaks(tmp_path):
    path = tmp_path / "faces.csv"
    path.write_text('"path\nof the image",label\na.jpg,1\n"b\nb.jpg",2\n')
    assert [cells for _number, cells in open_table(path).rows()] == [["a.jpg", "1"], ["b\nb.jpg", "2"]]


@pytest.mark.parametrize("text", ['[{"image": "a.jpg", "label": 1}]', '\n{"image": "a.jpg"}\n{"image": "b.jpg"}\n'])
def test_json_is_called_so(tmp_path, text):
    path = tmp_path / "faces.csv"
    path.write_text(text)
    with pytest.raises(DataError, match="is JSON, not a table; give a CSV"):
        open_table(path, "give a CSV")
