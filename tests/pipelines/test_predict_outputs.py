"""What `ampnet predict` has found is never lost: not by Ctrl-C, a kill or a full disk."""

import io
import json
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from ampnet.errors import UsageError
from ampnet.results.columns import table_columns
from ampnet.results.row_files import RowFile
from ampnet.results.rows import CsvRows
from ampnet.settings import PredictConfig
from ampnet.summary.faces_file import RunSettings, settings_path
from cli import app
from pipelines.predict import run
from pipelines.predictors import finish_files
from tests.clips import frames_of, write_face_then_wall
from tests.limits import file_size_limit
from tests.processes import Command
from tests.small_checkpoint import small_checkpoint

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "tests" / "samples"
PHOTOS = 18
CHUNK = 8
PATIENCE = 600


@pytest.fixture
def happy(tmp_path):
    return small_checkpoint(tmp_path / "run", logits=[0.0, 0.0, 0.0, 4.0, 0.0, 0.0, 1.0])


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    for module in ("ampnet.reading.reader", "pipelines.predict"):
        monkeypatch.setattr(f"{module}.CHUNK_IMAGES", CHUNK)
    monkeypatch.setattr("ampnet.detection.retries.RETRY_TURNS", ())  # walls show no face, however they are turned


def write_photos(folder, count, faces=(3, 12)):
    """Some faces, walls, and last a file that is no picture."""
    folder.mkdir()
    for number in range(count):
        Image.new("RGB", (48, 48), (number, 90, 90)).save(folder / f"{number:02}.png")
    with Image.open(SAMPLES / "portrait.jpg") as portrait:
        for number in faces:
            portrait.resize((160, 160)).save(folder / f"{number:02}.png")
    (folder / f"{count - 1:02}.png").write_text("milk, eggs")
    return folder


@pytest.fixture
def photos(tmp_path):
    """More than two chunks."""
    return write_photos(tmp_path / "photos", PHOTOS)


@pytest.fixture
def clip(tmp_path):
    """Sixty frames at 10 a second: a face in the first thirty."""
    return write_face_then_wall(tmp_path / "clip.mp4", frames=30, side=160)


class Stop:
    """Ends a run after some results, as Ctrl-C or a crash would."""

    def __init__(self, after, error):
        self.left = after
        self.error = error

    def add(self, result):
        self.left -= 1
        if self.left == 0:
            raise self.error


def predict(happy, *images, stop=None, **options):
    config = PredictConfig(images=images, checkpoint=happy, gpus=0, **{"every": 5, **options})
    return run(config, quiet=True, sinks=[stop] if stop else [])


def outputs(folder, **more):
    return {"csv": folder / "faces.csv", "jsonl": folder / "faces.jsonl", **more}


def command(happy, *arguments):
    words = ["predict", *map(str, arguments), "--checkpoint", str(happy), "--gpus", "0", "-q"]
    return CliRunner().invoke(app, words)


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_interrupted_run_is_resumed_to_the_same_files(happy, photos, clip, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    predict(happy, photos, clip, **outputs(whole))
    expected = contents(whole)
    assert len(expected["faces.jsonl"].splitlines()) == PHOTOS + 12

    result = predict(happy, photos, clip, **outputs(broken), stop=Stop(6, KeyboardInterrupt()))  # in the first chunk
    assert result.is_interrupted
    for after in (12, 20):  # in the second chunk; in the fourth, in the video
        stop = Stop(after, RuntimeError("a crash"))
        with pytest.raises(RuntimeError):
            predict(happy, photos, clip, **outputs(broken), resume=True, stop=stop)
        assert set(expected) & set(contents(broken)) == set()
    result = predict(happy, photos, clip, **outputs(broken), resume=True)
    assert contents(broken) == expected
    assert result.earlier == 3 * CHUNK - 1  # and one file that is no picture
    assert result.problems == ["1 input could not be read before the interruption; the rows say why"]
    with pytest.raises(
        UsageError, match=r"nothing to resume: .*faces.csv .* is complete; write files that came later to another table"
    ):
        predict(happy, photos, clip, **outputs(broken), resume=True)


def test_results_are_in_the_files_while_the_run_goes_on(happy, photos, tmp_path):
    class Look:
        def __init__(self):
            self.seen = []

        def add(self, result):
            (partial,) = (tmp_path / "out").glob("faces.csv.*.partial")
            self.seen.append(len(partial.read_text().splitlines()))

    look = Look()
    predict(happy, photos, csv=tmp_path / "out" / "faces.csv", stop=look)
    assert look.seen == list(range(2, PHOTOS + 2))  # the header, and a row for each photo


def test_what_only_a_drawing_misses_is_drawn_and_not_written_again(happy, photos, clip, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    predict(happy, photos, clip, **outputs(whole, annotate=whole / "drawn"))
    stop = Stop(PHOTOS + 5, RuntimeError("a crash"))
    with pytest.raises(RuntimeError):
        predict(happy, photos, clip, **outputs(broken, annotate=broken / "drawn"), stop=stop)
    assert not (broken / "drawn" / "clip.mp4").exists()
    (broken / "drawn" / "03.png").unlink()
    predict(happy, photos, clip, **outputs(broken, annotate=broken / "drawn"), resume=True)
    assert set(contents(broken)) == set(contents(whole))
    for name in ("faces.csv", "faces.jsonl", "drawn/03.png"):
        assert (broken / name).read_bytes() == (whole / name).read_bytes()
    drawn = [frame.image for frame in frames_of(broken / "drawn" / "clip.mp4")]
    assert len(drawn) == 60
    for before, after in zip(frames_of(whole / "drawn" / "clip.mp4"), drawn, strict=True):
        # other batches may round a box by a pixel, which lossy encoding spreads; a missing box would be far more
        assert np.abs(before.image.astype(int) - after).mean() < 0.5


@pytest.mark.parametrize("below", ["", "**/*.png"], ids=["folder", "pattern"])
def test_copies_below_the_photos_are_no_photos_when_the_command_is_repeated(happy, photos, tmp_path, below):
    inputs, out = photos / below, tmp_path / "out"
    there = {"csv": out / "faces.csv", "annotate": photos / "drawn"}
    predict(happy, inputs, **there, stop=Stop(12, KeyboardInterrupt()))
    assert len(list((photos / "drawn").iterdir())) == 11
    predict(happy, inputs, **there, resume=True)
    assert len(there["csv"].read_text().splitlines()) == 1 + len([path for path in photos.iterdir() if path.is_file()])
    again = command(happy, inputs, "--csv", out / "again.csv", "--annotate", photos / "drawn", "--force")
    assert "drawn" not in (out / "again.csv").read_text(), again.output


def test_copies_of_an_interrupted_run_are_not_offered_for_replacement(happy, photos, tmp_path):
    out = tmp_path / "out"
    words = [photos, "--csv", out / "faces.csv", "--annotate", out / "drawn"]
    predict(happy, photos, csv=out / "faces.csv", annotate=out / "drawn", stop=Stop(12, KeyboardInterrupt()))
    assert len(list((out / "drawn").iterdir())) == 11
    again = command(happy, *words)
    assert again.exit_code == 2
    (line,) = again.stderr.splitlines()
    assert line.startswith(f"ampnet: {out / 'faces.csv'}.")
    assert ".partial holds the results of an interrupted run; continue it with --resume, or start over" in line


def test_resuming_replaces_no_drawing_of_another_run(happy, photos, tmp_path):
    out = tmp_path / "out"
    predict(happy, photos, **outputs(out), stop=Stop(12, KeyboardInterrupt()))
    (out / "drawn").mkdir()
    (out / "drawn" / "16.png").write_text("mine")
    with pytest.raises(UsageError, match=r"16\.png exists"):
        predict(happy, photos, **outputs(out, annotate=out / "drawn"), resume=True)
    assert (out / "drawn" / "16.png").read_text() == "mine"


def test_another_model_or_other_options_do_not_continue_a_run(happy, photos, tmp_path):
    out = tmp_path / "out"
    predict(happy, photos, **outputs(out), stop=Stop(12, KeyboardInterrupt()))
    before = contents(out)
    other = small_checkpoint(tmp_path / "other", logits=[4.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0])
    for checkpoint, options in ((other, {}), (happy, {"mirror": True}), (happy, {"every": 1})):
        with pytest.raises(UsageError, match="was started with other"):
            predict(checkpoint, photos, **outputs(out), resume=True, **options)
    with pytest.raises(UsageError, match="--resume"):
        predict(happy, photos, **outputs(out))
    assert contents(out) == before


def test_a_run_that_hides_faces_is_not_resumed_with_copies_that_show_them(happy, photos, tmp_path):
    out = outputs(tmp_path / "out", annotate=tmp_path / "drawn")
    predict(happy, photos, **out, hide="box", stop=Stop(12, KeyboardInterrupt()))
    before = contents(tmp_path / "drawn")
    with pytest.raises(UsageError, match="was started with other"):
        predict(happy, photos, **out, resume=True)
    assert contents(tmp_path / "drawn") == before


def test_a_partial_file_of_an_earlier_version_is_refused_in_one_line(happy, photos, tmp_path, monkeypatch):
    csv = tmp_path / "faces.csv"
    with monkeypatch.context() as earlier:  # whose rows had other columns
        earlier.setattr("pipelines.predict.table_columns", lambda names: table_columns(names)[:-1])
        predict(happy, photos, csv=csv, stop=Stop(12, KeyboardInterrupt()))
    before = contents(tmp_path)
    result = command(happy, photos, "--every", "5", "--csv", csv, "--resume")
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert "faces.csv." in line
    assert "another version of ampnet; resume with the same, or start over with --force" in line
    assert contents(tmp_path) == before


def test_a_full_disk_at_csv_still_prints_the_table_then_one_line(happy, photos, tmp_path):
    out = tmp_path / "out"
    with file_size_limit(1_000):
        result = command(happy, photos / "03.png", photos, "--csv", out / "faces.csv")
    assert result.exit_code == 1
    assert "happiness" in result.stdout
    assert "16.png" in result.stdout.replace("\n", "")  # wherever a long path wraps
    unreadable, line = result.stderr.splitlines()
    assert "17.png" in unreadable
    assert line.startswith("ampnet: cannot write ")
    assert "File too large; free some space; the results so far are in faces.csv." in line
    result = command(happy, photos / "03.png", photos, "--csv", out / "faces.csv", "--resume")
    assert result.exit_code == 1  # for 17.png
    assert len((out / "faces.csv").read_text().splitlines()) == PHOTOS + 2


def test_a_run_whose_results_would_go_nowhere_stops(happy, photos, tmp_path, monkeypatch):
    monkeypatch.setattr("ampnet.results.results.MAX_LISTED", 5)
    with file_size_limit(100):
        result = predict(happy, photos, csv=tmp_path / "faces.csv")
    assert result.files == CHUNK  # the end of the chunk in which the table was full
    assert result.problems[0] == "stopped: further results could not be written"


def test_a_full_disk_at_annotate_leaves_the_results_and_no_half_picture(happy, photos, clip, tmp_path):
    drawn = tmp_path / "drawn"
    with file_size_limit(4_000):
        result = command(happy, photos / "03.png", photos / "04.png", clip, photos / "12.png", "--annotate", drawn)
    assert result.exit_code == 1
    assert result.stdout.count("happiness") >= 3
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"ampnet: cannot write {drawn}")
    assert line.endswith("(and 2 more)")
    assert set(contents(drawn)) == {"04.png"}


def test_json_is_one_object_whose_images_are_lines(happy, photos, tmp_path):
    result = command(happy, photos, "--json", "--jsonl", tmp_path / "faces.jsonl")
    first, *images, last = result.stdout.splitlines()
    assert list(json.loads(result.stdout)) == ["checkpoint", "model", "class_names", "images"]
    assert first.endswith('"images": [')
    assert last == "]}"
    assert [image.rstrip(",") for image in images] == (tmp_path / "faces.jsonl").read_text().splitlines()


def test_json_of_an_interrupted_run_is_json(happy, photos):
    out = io.StringIO()
    config = PredictConfig(images=(photos,), checkpoint=happy, gpus=0)
    assert run(config, True, out, [Stop(5, KeyboardInterrupt())]).is_interrupted
    assert len(json.loads(out.getvalue())["images"]) == 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--resume"], "--resume needs --csv, --jsonl or --annotate"),
        (["--resume", "--json", "--csv", "a.csv"], "use --jsonl"),
        (["--csv", "a", "--jsonl", "a"], "need different files"),
        (["--csv", "photos/03.png", "--force"], "itself one of the inputs"),
        (["--list", "list.txt", "--csv", "list.txt", "--force"], "itself one of the inputs"),
        (["--csv", "a.csv", "--jsonl", "photos/../a.csv"], "photos/../a.csv is itself another output"),
        (["--jsonl", "drawn/01.png", "--annotate", "drawn"], "drawn/01.png is itself another output"),
        (["--csv", "/dev/null", "--force"], "a device"),
    ],
)
def test_outputs_that_cannot_be_are_refused_before_any_work(happy, photos, monkeypatch, options, message):
    monkeypatch.chdir(photos.parent)
    Path("list.txt").write_text("photos/00.png")
    result = command(happy, "photos", *options)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert message in line


def test_ctrl_c_and_kills_leave_what_is_done(happy, tmp_path, monkeypatch):
    monkeypatch.undo()  # as in the processes, which do three chunks; they would look at each wall from all sides
    photos, whole, out = write_photos(tmp_path / "photos", 70, range(70)), tmp_path / "whole", tmp_path / "out"
    out.mkdir()
    predict(happy, photos, csv=whole / "faces.csv")
    words = ["predict", str(photos), "--checkpoint", str(happy), "--gpus", "0", "--csv", str(out / "faces.csv")]
    words += ["--every", "5"]  # as predict() has it
    for number in (signal.SIGINT, signal.SIGKILL):
        resume = ["--resume"] if contents(out) else []
        process = Command(*words, *resume)
        wait_for_rows(out, process)
        process.send_signal(number)
        told = process.communicate(timeout=PATIENCE)[1].splitlines()
        if process.returncode != 1:  # it may have been at its end
            assert process.returncode == (130 if number == signal.SIGINT else -number)
            assert {path.suffix for path in out.iterdir()} == {".partial"}
            assert number != signal.SIGINT or "to resume, run the same command with --resume" in told[-1]
    if not (out / "faces.csv").exists():
        predict(happy, photos, csv=out / "faces.csv", resume=True)
    assert contents(out) == contents(whole)


def wait_for_rows(folder, process):
    """Wait until a process has written rows."""
    deadline, before = time.monotonic() + PATIENCE, count_rows(folder)
    while process.poll() is None and time.monotonic() < deadline and count_rows(folder) <= max(before, 1):
        time.sleep(0.01)


def count_rows(folder):
    return max((len(path.read_bytes().splitlines()) for path in folder.glob("*.partial")), default=0)


def test_a_table_that_could_not_be_replaced_gets_no_settings_of_another_run(tmp_path, monkeypatch):
    table, settings = tmp_path / "faces.csv", RunSettings(ampnet="1.0", model="another", sha256="ab")
    for file in (table, settings_path(table)):
        file.write_text("of an earlier run")
    monkeypatch.setattr(RowFile, "finish", lambda file: setattr(file, "failure", "No space left on device"))
    rows = RowFile(table, CsvRows(("anger", "happiness")), {})
    finish_files([rows], table, settings)
    assert table.read_text() == "of an earlier run"
    assert not settings_path(table).exists()
