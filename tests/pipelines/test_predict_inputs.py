"""What `ampnet predict` does with inputs that are no pictures, and with names of all kinds."""

import csv
import json
import os
import socket
import sys
import tarfile
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from ampnet.reading.video import video_info
from cli import app
from tests.clips import write_clip
from tests.small_checkpoint import small_checkpoint

GROUP = Path(__file__).parents[1] / "samples" / "group.jpg"
STRANGE = os.fsdecode(b"caf\xe9\n\x1b[2J.png")
ESCAPED = r"caf\xe9\n\x1b[2J.png"


@pytest.fixture
def happy(tmp_path):
    return small_checkpoint(tmp_path / "run", logits=[0.0, 0.0, 0.0, 4.0, 0.0, 0.0, 1.0])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with one picture of a wall, in which the test runs."""
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path / "in")
    wall(tmp_path / "in" / "wall.png")
    return tmp_path / "in"


def wall(path):
    Image.new("RGB", (64, 48), "grey").save(path)


def predict(happy, *arguments):
    words = ["predict", *map(os.fspath, arguments), "--checkpoint", str(happy), "--gpus", "0"]
    return CliRunner().invoke(app, words)


def test_what_is_no_file_is_listed_with_its_reason_and_the_rest_is_done(happy, folder):
    os.mkfifo("pipe.jpg")
    os.mkfifo("pipe.mp4")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind("socket.jpg")
    for name, target in (("device.jpg", "/dev/zero"), ("circle.jpg", "circle.jpg"), ("broken.jpg", "gone")):
        (folder / name).symlink_to(target)
    reasons = {
        "broken.jpg": "No such file",
        "circle.jpg": "symbolic links",
        "device.jpg": "a device",
        "pipe.jpg": "a pipe",
        "pipe.mp4": "a pipe",
        "socket.jpg": "No such device",
    }
    for given in ([".", "--videos"], [*reasons, "wall.png"]):
        result = predict(happy, *given, "--json", "-q")
        assert result.exit_code == 1
        *others, last = json.loads(result.stdout)["images"]
        assert [image["image"] for image in others] == list(reasons)
        assert (last["image"], last["status"]) == ("wall.png", "no face")
        for image, line in zip(others, result.stderr.splitlines(), strict=True):
            assert line == f"ampnet: {image['problem']}"
            assert line.startswith(f"ampnet: cannot read {image['image']}: ")
            assert reasons[image["image"]] in line


def test_paths_that_lead_nowhere_are_listed_and_the_rest_is_done(happy, folder):
    result = predict(
        happy, "gone.jpg", "gone", "x" * 300, "x" * 300 + ".mp4", "wall.png/x.jpg", "wall.png", "--json", "-q"
    )
    assert result.exit_code == 1
    assert [image["status"] for image in json.loads(result.stdout)["images"]] == ["unreadable"] * 5 + ["no face"]
    lines = result.stderr.splitlines()
    assert len(lines) == 5
    for line in lines:
        assert line.startswith("ampnet: cannot read ")
        assert len(line) <= 300


def test_an_empty_folder_is_listed_and_the_rest_is_done(happy, folder):
    (folder / "empty").mkdir()
    result = predict(happy, "empty", "wall.png", "-q")
    assert result.exit_code == 1
    assert "no face found" in result.stdout
    assert result.stderr == "ampnet: empty holds no images\n"


def test_an_archive_without_photos_is_listed(happy, folder):
    with tarfile.open("empty.tar", "w"):
        pass
    result = predict(happy, "empty.tar", "-q")
    assert result.exit_code == 1
    assert result.stderr == "ampnet: empty.tar holds no images\n"


def test_hidden_files_of_an_archive_are_no_photos_as_those_of_a_folder(happy, folder):
    with tarfile.open("photos.tar", "w") as archive:
        for name in ("./wall.png", "._wall.png", ".cache/wall.png"):
            archive.add("wall.png", name)
    result = predict(happy, "photos.tar", "-q", "--json")
    assert [photo["image"] for photo in json.loads(result.stdout)["images"]] == ["photos.tar/./wall.png"]


def test_a_folder_without_rights_is_listed_and_the_rest_is_done(happy, folder):
    (folder / "private").mkdir(mode=0)
    if os.access("private", os.R_OK):
        pytest.skip("nothing is forbidden to this user")
    for given in (["."], ["private", "wall.png"]):
        result = predict(happy, *given, "-q")
        assert result.exit_code == 1
        assert "no face found" in result.stdout
        assert result.stderr == "ampnet: cannot list private: Permission denied\n"


def test_what_a_folder_holds_and_is_not_read_is_said(happy, folder):
    write_clip(folder / "a.mp4", frames=3)
    write_clip(folder / "b.avi", frames=3)
    for name in ("a.xcf", "b.XCF", "notes.txt", ".hidden"):
        (folder / name).touch()
    told = predict(happy, ".").stderr.splitlines()
    assert "not read in .: 2 videos (read them with --videos), 3 other files (2 .xcf, 1 .txt)" in told
    result = predict(happy, ".", "--videos", "--json")
    assert result.exit_code == 0
    assert "not read in .: 3 other files (2 .xcf, 1 .txt)" in result.stderr.splitlines()
    assert [image["image"] for image in json.loads(result.stdout)["images"]] == ["a.mp4", "b.avi", "wall.png"]


def test_a_folder_of_videos_alone_says_how_to_read_them(happy, folder):
    (folder / "clips").mkdir()
    write_clip(folder / "clips" / "a.mp4", frames=3)
    result = predict(happy, "clips")
    assert result.exit_code == 1
    assert result.stderr == ("ampnet: clips holds no images; not read in clips: 1 video (read them with --videos)\n")


def test_a_name_of_any_bytes_is_escaped_in_every_output(happy, folder):
    (folder / "wall.png").rename(folder / STRANGE)
    outputs = ("--csv", "faces.csv", "--jsonl", "faces.jsonl", "--annotate", "drawn")
    result = predict(happy, STRANGE, *outputs, "-q")
    assert result.exit_code == 0, result.stderr
    assert ESCAPED in result.stdout
    assert (folder / "drawn" / STRANGE).is_file()
    with (folder / "faces.csv").open(encoding="utf-8", newline="") as file:
        assert [row["image"] for row in csv.DictReader(file)] == [ESCAPED]
    (line,) = (folder / "faces.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["image"] == ESCAPED
    printed = predict(happy, STRANGE, "--json", "-q")
    assert json.loads(printed.stdout)["images"][0]["image"] == ESCAPED


def test_a_problem_with_a_strange_name_is_one_line(happy, folder):
    (folder / STRANGE).write_text("milk, eggs")
    result = predict(happy, STRANGE, "wall.png", "-q", "--csv", "faces.csv")
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"ampnet: cannot read {ESCAPED}: ")
    assert len((folder / "faces.csv").read_text(encoding="utf-8").splitlines()) == 3


def test_names_of_250_bytes_are_drawn(happy, folder):
    picture, clip = "x" * 246 + ".bmp", "y" * 246 + ".avi"
    wall(folder / picture)
    write_clip(folder / "clip.avi", frames=5).rename(folder / clip)
    result = predict(happy, picture, clip, picture, "--annotate", "drawn", "-q")
    assert result.exit_code == 0, result.stderr
    drawn = {path.name for path in (folder / "drawn").iterdir()}
    assert drawn == {"x" * 246 + ".jpg", "y" * 246 + ".mp4", "x" * 246 + "-2.jpg"}
    assert video_info(folder / "drawn" / ("y" * 246 + ".mp4")).frames == 5


def test_drawn_names_never_exceed_the_limit_of_the_file_system(happy, folder):
    picture = "é" * 125 + ".pgm"
    wall(folder / picture)
    result = predict(happy, picture, picture, "--annotate", "drawn", "-q")
    assert result.exit_code == 0, result.stderr
    names = sorted(path.name for path in (folder / "drawn").iterdir())
    assert names == ["é" * 124 + "-2.jpg", "é" * 125 + ".jpg"]


def names_in(result):
    return [image["image"] for image in json.loads(result.stdout)["images"]]


def test_a_quoted_pattern_stands_for_what_matches_it(happy, folder):
    (folder / "deep" / "er").mkdir(parents=True)
    for name in ("deep/a.png", "deep/er/b.png", "[x].png"):
        wall(folder / name)
    assert names_in(predict(happy, "**/*.png", "--json", "-q")) == [
        "[x].png",
        "deep/a.png",
        "deep/er/b.png",
        "wall.png",
    ]
    assert names_in(predict(happy, "de*", "--json", "-q")) == ["deep/a.png", "deep/er/b.png"]
    assert names_in(predict(happy, "[x].png", "--json", "-q")) == ["[x].png"]


def test_a_pattern_without_a_match_is_a_problem_and_the_rest_is_done(happy, folder):
    result = predict(happy, "*.webp", "wall.png", "--json", "-q")
    assert result.exit_code == 1
    assert names_in(result) == ["*.webp", "wall.png"]
    assert result.stderr == "ampnet: cannot read *.webp: nothing matches this pattern\n"


def test_a_list_file_names_inputs_one_a_line(happy, folder):
    wall(folder / STRANGE.replace("\n", ""))
    (folder / "list.txt").write_bytes(
        b"# mine\nwall.png\r\n\n" + os.fsencode(STRANGE.replace("\n", "")) + b"\ngone.png"
    )
    result = predict(happy, "--list", "list.txt", "--json", "-q")
    assert result.exit_code == 1
    assert names_in(result) == ["wall.png", ESCAPED.replace(r"\n", ""), "gone.png"]


def test_a_list_may_be_one_of_powershell(happy, folder):
    wall(folder / "wand \u00fc.png")
    (folder / "list.txt").write_bytes("wand \u00fc.png\r\n".encode("utf-16"))
    assert names_in(predict(happy, "--list", "list.txt", "--json", "-q")) == ["wand \u00fc.png"]


def test_a_null_byte_in_a_list_is_a_problem_of_its_line(happy, folder):
    (folder / "list.txt").write_bytes(b"a\0b.png\nwall.png\n")
    result = predict(happy, "--list", "list.txt", "--json", "-q", "--annotate", "drawn")
    assert result.exit_code == 1
    assert names_in(result) == [r"a\x00b.png", "wall.png"]
    assert result.stderr == "ampnet: cannot read a\\x00b.png: the name is not usable\n"


def test_a_list_that_is_a_pipe_or_empty_is_wrong_usage(happy, folder):
    os.mkfifo("pipe.txt")
    (folder / "empty.txt").write_text("\n# nothing\n")
    for name, reason in (
        ("pipe.txt", "it is a pipe"),
        ("empty.txt", "is empty; write one path per line"),
        ("gone.txt", "No such file"),
    ):
        result = predict(happy, "--list", name)
        assert result.exit_code == 2
        assert reason in result.stderr
    assert "--list FILE" in predict(happy).stderr


def test_heic_photos_in_a_folder_are_read_or_their_number_and_remedy_is_said(happy, folder, monkeypatch):
    pytest.importorskip("pillow_heif").register_heif_opener()
    Image.new("RGB", (64, 48), "grey").save(folder / "phone.HEIC", format="HEIF")
    assert names_in(predict(happy, ".", "--json", "-q")) == ["phone.HEIC", "wall.png"]
    monkeypatch.setitem(sys.modules, "pillow_heif", None)  # as if it were not installed
    result = predict(happy, ".", "--json")
    assert names_in(result) == ["wall.png"]
    assert "not read in .: 1 HEIC photo (read them after pip install 'ampnet[heic]')" in result.stderr.splitlines()
    alone = predict(happy, "phone.HEIC", "-q")
    assert alone.exit_code == 1
    assert (
        alone.stderr == "ampnet: cannot read phone.HEIC: it is a HEIC photo; to read it: pip install 'ampnet[heic]'\n"
    )


def test_a_picture_on_stdin_is_called_by_a_dash(happy, folder):
    words = ["predict", "-", "wall.png", "--checkpoint", str(happy), "--gpus", "0", "--json", "-q"]
    result = CliRunner().invoke(app, [*words, "--annotate", "drawn"], input=(folder / "wall.png").read_bytes())
    assert result.exit_code == 0, result.stderr
    assert [(image["image"], image["width"]) for image in json.loads(result.stdout)["images"]] == [
        ("-", 64),
        ("wall.png", 64),
    ]
    assert sorted(path.name for path in (folder / "drawn").iterdir()) == ["stdin.jpg", "wall.png"]
    for content, reason in ((b"", "the file is empty"), (b"milk", "not an image")):
        bad = CliRunner().invoke(app, words, input=content)
        assert bad.exit_code == 1
        assert names_in(bad) == ["-", "wall.png"]
        assert bad.stderr.startswith(f"ampnet: cannot read -: {reason}")


def test_one_face_of_a_group_is_classified_by_option(happy, folder):
    def faces(*options):
        return json.loads(predict(happy, GROUP, "--json", "-q", *options).stdout)["images"][0]["faces"]

    def area(face):
        x0, y0, x1, y1 = face["box"]
        return (x1 - x0) * (y1 - y0)

    every = faces()
    assert len(every) == 5
    (largest,) = faces("--face", "largest")
    assert area(largest) == max(map(area, every))
    (best,) = faces("--face", "best")
    assert best["face_score"] == max(face["face_score"] for face in every)
    with Image.open(GROUP) as picture:
        width = picture.width
    (centre,) = faces("--face", "centre")
    distances = [abs((face["box"][0] + face["box"][2]) / 2 - width / 2) for face in every]
    assert abs((centre["box"][0] + centre["box"][2]) / 2 - width / 2) == min(distances)
    sides = sorted(min(x1 - x0, y1 - y0) for x0, y0, x1, y1 in (face["box"] for face in every))
    widest = max(range(1, 5), key=lambda count: sides[count] - sides[count - 1])  # far from any face's side
    assert len(faces("--min-face", str((sides[widest - 1] + sides[widest]) / 2))) == 5 - widest
