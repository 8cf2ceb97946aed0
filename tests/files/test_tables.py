"""Tables are read as people have them."""

from ampnet.files.tables import open_table


def test_a_header_may_hold_line_breaks(tmp_path):
    path = tmp_path / "faces.csv"
    path.write_text('"path\nof the image",label\na.jpg,1\n"b\nb.jpg",2\n')
    assert [cells for _number, cells in open_table(path).rows()] == [["a.jpg", "1"], ["b\nb.jpg", "2"]]
