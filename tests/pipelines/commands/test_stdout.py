"""What the commands print on stdout."""

import json

from pipelines.commands.stdout import print_json, tell


def test_json_may_name_a_path_that_is_not_utf_8(capsys):
    print_json({"image": "gr\udcfc\udcdf.jpg"})
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert json.loads(printed) == {"image": "gr\udcfc\udcdf.jpg"}


def test_a_line_for_people_stays_one_line(capsys):
    tell("results: a\nampnet: all is well", "next")
    assert capsys.readouterr().out == "results: a\\nampnet: all is well\nnext\n"
