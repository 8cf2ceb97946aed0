"""`ampnet predict --hide` covers every face in the copies."""

import csv
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from ampnet.errors import ConfigError
from ampnet.results.hiding import FRAMES_AROUND, HiddenFrames, covered
from ampnet.settings import DetectorConfig, PredictConfig
from cli import app
from tests.clips import PORTRAIT, frames_of, write_frames, write_timed
from tests.people_clips import SCENES
from tests.small_checkpoint import small_checkpoint

SAMPLES = Path(__file__).parents[1] / "samples"
GREY = np.full((100, 100, 3), 200, np.uint8)


def predict(folder, *words):
    model = small_checkpoint(folder / "run", logits=[0.0, 0.0, 0.0, 4.0, 0.0, 0.0, 1.0])
    done = CliRunner().invoke(app, [str(w) for w in ["predict", *words, "--checkpoint", model, "--gpus", "0", "-q"]])
    assert done.exit_code == 0, done.output


def faces_found(images):
    from ampnet.detection.detector import FaceDetector

    return sum(len(faces) for faces in FaceDetector().detect(images))


def test_a_cover_is_wider_than_the_box_and_ends_at_the_picture():
    random = np.random.default_rng(0).integers(0, 256, (100, 100, 3)).astype(np.uint8)
    boxed = covered(random, [np.array([0.0, 40, 20, 60])], "box")
    assert (boxed[32:68, :28] == boxed[50, 10]).all()
    assert np.array_equal(boxed[:31], random[:31])
    assert np.array_equal(boxed[:, 29:], random[:, 29:])
    blurred = covered(random, [np.array([40.0, 40, 60, 60])], "blur")[32:68, 32:68]
    assert len(np.unique(blurred.reshape(-1, 3), axis=0)) <= 9


def test_a_face_is_covered_in_the_frames_around_those_in_which_it_was_found():
    hidden: HiddenFrames[int] = HiddenFrames("box")
    box = np.array([40.0, 40, 60, 60])
    written: list[tuple[np.ndarray, int]] = []
    for number in range(40):
        written += hidden.add(GREY, [box] if number == 20 else [], number)
    written += hidden.rest()
    assert [number for _, number in written] == list(range(40))
    is_covered = [bool((image[50, 50] != 200).any()) for image, _ in written]
    assert is_covered == [abs(number - 20) <= FRAMES_AROUND for number in range(40)]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["blur", pytest.param("box", marks=pytest.mark.soak)])
def test_the_detector_finds_at_most_one_in_a_hundred_faces_again(tmp_path, how):
    moments = [*SCENES["they cross"](), *SCENES["cuts to one, and back"]()][::12]
    images = [moment.image for moment in moments]
    clip = write_timed(tmp_path / "clip.mp4", [number / 12 for number in range(len(images))], images)
    with av.open(str(clip)) as source, av.open(str(tmp_path / "named.mp4"), "w") as named:
        named.metadata["title"] = "Ada, at home"
        copy = named.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = copy
                named.mux(packet)
    predict(tmp_path, tmp_path / "named.mp4", SAMPLES / "group.jpg", "--annotate", tmp_path / "drawn", "--hide", how)
    hidden = [frame.image for frame in frames_of(tmp_path / "drawn" / "named.mp4")]
    assert len(hidden) == len(images)
    before, again = faces_found(images), faces_found(hidden)
    assert before > len(images)
    assert again <= 0.01 * before
    with Image.open(tmp_path / "drawn" / "group.jpg") as picture:
        assert faces_found([np.asarray(picture)]) == 0
        assert not picture.getexif()
    with av.open(str(tmp_path / "drawn" / "named.mp4")) as drawn:
        assert "Ada" not in str(dict(drawn.metadata))


def test_the_rows_are_those_without_hide_and_faces_between_them_are_covered(tmp_path):
    with Image.open(PORTRAIT) as portrait:
        face = np.asarray(portrait.convert("RGB").resize((160, 160)))
    wall = np.full_like(face, 90)
    seen_between = [20, 21, 22, 23]  # more than eight frames from those that --every 16 asks for: 0, 16, 32
    images = [face if number in (0, 1, *seen_between, 32) else wall for number in range(33)]
    clip = write_frames(tmp_path / "clip.mp4", images)
    for name, hides in (("plain", []), ("hidden", ["--hide", "box"])):
        words = [clip, "--every", "16", "--track", "--smooth", "2", "--annotate", tmp_path / name, *hides]
        predict(tmp_path, *words, "--csv", tmp_path / f"{name}.csv", "--jsonl", tmp_path / f"{name}.jsonl")
    assert [row["frame"] for row in csv.DictReader((tmp_path / "hidden.csv").read_text().splitlines())] == [
        "0",
        "16",
        "32",
    ]
    for end in (".csv", ".csv.json", ".jsonl"):
        assert (tmp_path / f"hidden{end}").read_bytes() == (tmp_path / f"plain{end}").read_bytes()
    plain, hidden = ([frame.image for frame in frames_of(tmp_path / name / "clip.mp4")] for name in ("plain", "hidden"))
    assert len(hidden) == len(images)
    assert faces_found([plain[number] for number in seen_between]) == 4
    assert faces_found(hidden) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "--hide covers faces in copies, so it needs --annotate"),
        ({"annotate": Path("drawn"), "face": "largest"}, "--hide covers every face"),
        ({"annotate": Path("drawn"), "explain": True}, "--explain draws faces"),
        ({"annotate": Path("drawn"), "fast": True}, "--hide covers every face"),
        ({"annotate": Path("drawn"), "detector": DetectorConfig(score_threshold=0.9)}, "--hide covers every face"),
        ({"annotate": Path("drawn"), "resume": True}, "--resume with --hide needs --csv or --jsonl"),
    ],
)
def test_what_would_leave_faces_uncovered_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        PredictConfig(images=(SAMPLES,), hide="blur", **options)
