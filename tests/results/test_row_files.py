"""Files of results grow by whole rows, outlive a kill, and get their names when they are whole."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ampnet.errors import DataError, LockedError, UsageError
from ampnet.reading.reader import NOTHING, WHOLE
from ampnet.results.row_files import RowFile, open_row_files
from ampnet.results.rows import CsvRows, JsonLines
from ampnet.settings.labels import EXPRESSIONS
from tests.limits import file_size_limit
from tests.some_results import frame, photo

SETTINGS = {"model": "abc", "every": 5}
PHOTOS = [photo(f"{number}.jpg", faces=number % 3) for number in range(10)]


def make_files(folder, settings=SETTINGS):
    return [
        RowFile(folder / "faces.csv", CsvRows(EXPRESSIONS), settings),
        RowFile(folder / "faces.jsonl", JsonLines(), settings),
    ]


def write(files, results, finish=True, resume=False, force=False, chunk=1):
    """Write results as predict does, without those that are recorded; return what was."""
    with open_row_files(files, resume, force, chunk) as recorded:
        for result in results:
            last = recorded.take(result.name) if result.frame is None else NOTHING
            for file in files if last == NOTHING else []:
                file.add(result)
        for file in files if finish else []:
            file.finish()
    return recorded


@pytest.fixture
def whole(tmp_path):
    """The two files of a run without interruption."""
    (tmp_path / "whole").mkdir()
    files = make_files(tmp_path / "whole")
    write(files, PHOTOS)
    return [file.path.read_bytes() for file in files]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_file_appears_when_it_is_whole(tmp_path, whole):
    files = make_files(tmp_path)
    with open_row_files(files, resume=False, force=False):
        for file in files:
            file.add(PHOTOS[1])
        assert not any(file.path.exists() for file in files)
        assert [file.partial.read_bytes() for file in files] != [b"", b""]  # there already, for whoever looks
        for file in files:
            file.finish()
    assert set(contents(tmp_path)) == {"faces.csv", "faces.jsonl"}
    header, row = (tmp_path / "faces.csv").read_text().splitlines()
    assert header.startswith("image,video,frame,")
    assert row.startswith("1.jpg,,")


@pytest.mark.parametrize("done", [0, 1, 2, 5, 9, 10])
def test_an_interrupted_run_is_resumed_to_the_same_files(tmp_path, whole, done):
    write(make_files(tmp_path), PHOTOS[:done], finish=False)
    recorded = write(make_files(tmp_path), PHOTOS, resume=True)
    assert recorded.results == max(done - 1, 0)  # the last one's rows could be incomplete
    assert contents(tmp_path) == dict(zip(("faces.csv", "faces.jsonl"), whole, strict=True))


def test_only_whole_chunks_are_kept(tmp_path, whole):
    write(make_files(tmp_path), PHOTOS[:8], finish=False)
    recorded = write(make_files(tmp_path), PHOTOS, resume=True, chunk=3)
    assert recorded.results == 6
    assert contents(tmp_path) == dict(zip(("faces.csv", "faces.jsonl"), whole, strict=True))


@pytest.mark.parametrize("which", [0, 1])
def test_files_may_be_torn_at_any_byte(tmp_path, whole, which):
    write(make_files(tmp_path), PHOTOS[:5], finish=False)
    files = make_files(tmp_path)
    before = [file.partial.read_bytes() for file in files]
    for size in range(0, len(before[which]), 31):
        for file, content in zip(files, before, strict=True):
            file.path.unlink(missing_ok=True)
            file.partial.write_bytes(content)
        os.truncate(files[which].partial, size)
        write(files, PHOTOS, resume=True)
        assert [file.path.read_bytes() for file in files] == whole, size


def test_a_video_is_continued_after_its_last_frame(tmp_path):
    frames = [frame("clip.mp4", number) for number in range(0, 50, 5)]
    write(make_files(tmp_path), [photo("a.jpg"), *frames], finish=False)
    recorded = write(make_files(tmp_path), [], resume=True, finish=False)
    assert recorded.take("a.jpg") == WHOLE
    assert recorded.take("clip.mp4") == 40
    assert recorded.take("clip.mp4") == NOTHING


def test_a_video_with_something_behind_it_is_done(tmp_path):
    once = [frame("clip.mp4", 0), frame("clip.mp4", 5)]
    cut = [frame("cut.mp4", 0), photo("cut.mp4", 0, "cannot read all of cut.mp4")]
    write(make_files(tmp_path), [*once, *once, *cut, photo("a.jpg")], finish=False)
    recorded = write(make_files(tmp_path), [], resume=True, finish=False)
    assert [recorded.take("clip.mp4") for _ in range(3)] == [WHOLE, WHOLE, NOTHING]
    assert recorded.take("cut.mp4") == WHOLE
    assert recorded.take("a.jpg") == NOTHING
    assert (recorded.results, recorded.problems) == (5, 1)


def test_a_photo_given_twice_is_recorded_twice(tmp_path):
    write(make_files(tmp_path), [photo("a.jpg", faces=2)] * 2 + [photo("b.jpg")], finish=False)
    recorded = write(make_files(tmp_path), [], resume=True, finish=False)
    assert [recorded.take("a.jpg") for _ in range(3)] == [WHOLE, WHOLE, NOTHING]


def test_what_was_found_is_neither_replaced_nor_mixed_unasked(tmp_path):
    write(make_files(tmp_path), PHOTOS[:5], finish=False)
    before = contents(tmp_path)
    with pytest.raises(UsageError, match=r"faces\.csv\..*\.partial holds the results .* or start over with --force"):
        write(make_files(tmp_path), PHOTOS)
    other = {**SETTINGS, "every": 1}
    with pytest.raises(UsageError, match="start over with --force"):
        write(make_files(tmp_path, other), PHOTOS)
    with pytest.raises(UsageError, match="was started with other"):
        write(make_files(tmp_path, other), PHOTOS, resume=True)
    assert contents(tmp_path) == before


def test_force_discards_what_an_interrupted_run_has_found(tmp_path, whole):
    write(make_files(tmp_path), PHOTOS[:5], finish=False)
    write(make_files(tmp_path, {"every": 1}), PHOTOS, force=True)
    assert contents(tmp_path) == dict(zip(("faces.csv", "faces.jsonl"), whole, strict=True))


def test_a_run_that_found_nothing_leaves_nothing(tmp_path):
    write(make_files(tmp_path), [], finish=False)
    assert contents(tmp_path) == {}


def test_a_file_that_is_not_ours_is_not_continued(tmp_path):
    files = make_files(tmp_path)
    write(files, PHOTOS[:5], finish=False)
    files[0].partial.write_text(CsvRows(EXPRESSIONS).header + "milk,eggs\n" * 3)
    with pytest.raises(DataError, match=r"cannot resume from .*--force"):
        write(make_files(tmp_path), PHOTOS, resume=True)


def test_a_second_command_is_refused_while_the_first_lives_and_not_after(tmp_path):
    code = (
        "import sys; from pathlib import Path\n"
        "from tests.results.test_row_files import *\n"
        "with open_row_files(make_files(Path(sys.argv[1])), False, False):\n"
        "    print('open', flush=True); sys.stdin.read()"
    )
    first = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert first.stdout.readline() == "open\n"
    for resume, force in ((False, False), (True, False), (False, True)):
        for settings in (SETTINGS, {"every": 1}):
            with pytest.raises(LockedError, match="another command is writing"):
                write(make_files(tmp_path, settings), PHOTOS, resume=resume, force=force)
    first.kill()
    first.communicate()
    write(make_files(tmp_path), PHOTOS)
    assert set(contents(tmp_path)) == {"faces.csv", "faces.jsonl"}


def test_a_full_disk_keeps_the_rows_that_were_written(tmp_path, whole):
    files = make_files(tmp_path)
    with file_size_limit(1_000):
        write(files, PHOTOS)
    for file, content in zip(files, whole, strict=True):
        written = file.partial.read_bytes()
        assert content.startswith(written)
        assert written.endswith(b"\n")
        assert file.problem == (
            f"cannot write {file.path}: File too large; free some space; the results so far are in "
            f"{file.partial.name}: continue with --resume"
        )
    write(make_files(tmp_path), PHOTOS, resume=True)
    assert contents(tmp_path) == dict(zip(("faces.csv", "faces.jsonl"), whole, strict=True))


def test_a_disk_without_any_space_is_told_and_leaves_nothing(tmp_path):
    files = make_files(tmp_path)
    with file_size_limit(0):
        write(files, PHOTOS)
    assert [file.problem for file in files] == [
        f"cannot write {file.path}: File too large; free some space" for file in files
    ]
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("name", ["x" * 251 + ".csv", "é" * 125 + ".csv", os.fsdecode(b"\xff" * 251 + b".csv")])
def test_the_longest_names_work(tmp_path, name):
    files = [RowFile(tmp_path / name, CsvRows(EXPRESSIONS), SETTINGS)]
    write(files, PHOTOS[:3], finish=False)
    assert len(os.fsencode(files[0].partial.name)) <= 255
    write(files, PHOTOS, resume=True)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_place_that_cannot_be_written_to_is_an_error(tmp_path):
    with pytest.raises(DataError, match="cannot write"):
        write(make_files(tmp_path / "nowhere"), PHOTOS)
    link = make_files(tmp_path)[0].partial
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="cannot write"):
        write(make_files(tmp_path), PHOTOS)
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_takes_no_file_is_told_by_the_name_that_was_given():
    file = RowFile(Path("/proc/faces.csv"), CsvRows(EXPRESSIONS), SETTINGS)
    with (
        pytest.raises(
            DataError, match=r"^cannot write /proc/faces\.csv: No such file or directory; choose another place$"
        ),
        open_row_files([file], resume=False, force=False),
    ):
        pass
