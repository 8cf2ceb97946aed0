"""FER+'s numbers of FER-2013's images."""

from ampnet.dataset.index.face_names import row_of_number


def test_numbers_are_translated_as_in_the_lines_of_fer2013new_csv():
    lines = {0: 0, 58: 58, 59: 60, 60: 61, 28638: 28709, 32217: 32295, 32220: 32298, 32222: 32300, 35801: 35886}
    assert {number: row_of_number(number) for number in lines} == lines


def test_every_number_has_a_row_of_its_own_in_order():
    rows = [row_of_number(number) for number in range(35_802)]
    assert rows == sorted(set(rows))
