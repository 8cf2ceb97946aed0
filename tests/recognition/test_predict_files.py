"""`Predictor.predict` takes folders, patterns and videos, alone and among photos, as a list or as a stream."""

import gc
import io
import tarfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ampnet.detection.detector import FaceDetector
from ampnet.errors import ConfigError, DataError, ImageError, RangeError
from ampnet.recognition.predictor import Predictor
from ampnet.results.photo_result import PhotoResult
from ampnet.runtime.threads import MAX_READERS
from tests.clips import write_clip, write_frames
from tests.small_checkpoint import ALL, small_checkpoint

SAMPLES = Path(__file__).parents[1] / "samples"


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    return Predictor(small_checkpoint(tmp_path_factory.mktemp("model")), FaceDetector())


@pytest.fixture(scope="module")
def face():
    with Image.open(SAMPLES / "portrait.jpg") as portrait:
        return np.asarray(portrait.convert("RGB").resize((96, 96)))


@pytest.fixture
def folder(tmp_path, face):
    """Two photos around one that is none, and a third one deeper."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for name in ("1.png", "3.png", "more/4.png"):
        Image.fromarray(face).save(folder / name)
    (folder / "2.png").write_text("milk, eggs")
    return folder


@pytest.fixture
def clip(tmp_path, face):
    """Eight frames, at ten a second, with one face each."""
    return write_frames(tmp_path / "clip.mp4", [face] * 8)


def names(results):
    return [Path(one.name).name for one in results]


@pytest.mark.parametrize("stream", [False, True])
def test_a_broken_photo_in_a_folder_is_a_result_with_its_problem(predictor, folder, stream):
    found = predictor.predict(folder, stream=stream)
    assert isinstance(found, list) is not stream
    found = list(found)
    assert names(found) == ["1.png", "2.png", "3.png", "4.png"]
    assert [len(one) for one in found] == [1, 0, 1, 1]
    assert "2.png: not an image" in found[1].problem
    assert all(isinstance(one, PhotoResult) and one.plot().shape == (96, 96, 3) for one in found if one)


def test_a_pattern_is_what_matches_it_and_a_name_that_looks_like_one_is_itself(predictor, folder, face):
    assert names(predictor.predict(str(folder / "**" / "[34].png"))) == ["3.png", "4.png"]
    Image.fromarray(face).save(folder / "[5].png")
    assert isinstance(predictor.predict(folder / "[5].png"), PhotoResult)
    with pytest.raises(ImageError, match=r"cannot read .*\[67\]\.png: nothing matches this pattern"):
        predictor.predict(folder / "[67].png")


@pytest.mark.parametrize("stream", [False, True])
def test_frames_of_a_video_know_their_number_and_time(predictor, clip, stream):
    found = list(predictor.predict(clip, stream=stream, every=3))
    assert [(one.frame, one.seconds) for one in found] == [(0, 0.0), (3, 0.3), (6, 0.6)]
    assert str(found[1]).startswith(f"{clip}, frame 3 (0.30 s): 1 face: ")
    assert found[1].to_df()[["frame", "seconds"]].values.tolist() == [[3, 0.3]]
    assert found[2].to_dict()["frame"] == 6
    assert found[2].plot().shape == (96, 96, 3)


def test_a_frame_is_drawn_from_its_own_picture(predictor, tmp_path):
    write_clip(tmp_path / "lighter.avi", 21, noise=0)
    frames = predictor.predict([tmp_path / "lighter.avi"], every=20)
    streamed = predictor.predict(tmp_path / "lighter.avi", stream=True, every=20)
    for whole, part, light in zip(frames, streamed, (0, 40), strict=True):
        assert whole.plot().mean() == pytest.approx(light, abs=3)  # MJPEG
        assert np.array_equal(whole.plot(), part.plot())


def test_a_frame_whose_video_is_gone_cannot_be_drawn(predictor, clip):
    found = predictor.predict(clip, every=8)
    clip.unlink()
    with pytest.raises(ImageError, match=r"^cannot read .*clip\.mp4: No such file or directory$"):
        found[0].plot()


@pytest.mark.parametrize("stream", [False, True])
def test_a_video_that_breaks_off_ends_with_its_problem(predictor, tmp_path, stream):
    whole = write_clip(tmp_path / "whole.avi", 20)
    (tmp_path / "cut.avi").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    *frames, last = predictor.predict(tmp_path / "cut.avi", stream=stream, every=2)
    assert len(frames) > 2
    assert all(one.problem is None for one in frames)
    assert last.frame is None
    assert "cut.avi" in last.problem


def test_folders_videos_patterns_and_photos_are_mixed_in_order(predictor, folder, clip, face):
    given = [face, folder, clip, str(folder / "[3].png"), folder / "1.png", "nowhere.mp4", 7]
    expected = ["photo 1", *("1.png", "2.png", "3.png", "4.png"), *["clip.mp4"] * 2]
    expected += ["3.png", "1.png", "nowhere.mp4", "photo 7"]
    for found in (predictor.predict(given, every=4), predictor.predict(iter(given), stream=True, every=4)):
        results = list(found)
        assert names(results) == expected
        assert [one.problem is not None for one in results] == [
            name in ("2.png", "nowhere.mp4", "photo 7") for name in expected
        ]


def test_what_a_folder_holds_and_is_not_read_is_the_text_of_a_warning(predictor, folder, clip):
    clip.rename(folder / "clip.mp4")
    with pytest.warns(UserWarning, match=r"not read in .*: 1 video \(read them with videos=True\)"):
        assert len(predictor.predict(folder)) == 4
    found = predictor.predict(folder, videos=True, every=4)
    assert names(found) == ["1.png", "2.png", "3.png", "clip.mp4", "clip.mp4", "4.png"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_folder_without_photos_is_an_error_alone_and_a_problem_among_others(predictor, tmp_path, face, stream):
    with pytest.raises(DataError, match="holds no images"):
        predictor.predict(tmp_path, stream=stream)
    nothing, photo = predictor.predict([tmp_path, face], stream=stream)
    assert "holds no images" in nothing.problem
    assert len(photo) == 1


def test_an_empty_name_is_not_the_current_folder(predictor, folder, monkeypatch):
    monkeypatch.chdir(folder)
    with pytest.raises(ImageError, match=r"^cannot read a photo whose name is empty$"):
        predictor.predict("")
    assert [one.problem for one in predictor.predict_many([""])] == ["cannot read a photo whose name is empty"]


def test_what_follows_tracks_needs_them(predictor, clip):
    with pytest.raises(ValueError, match="smooth and people follow tracks"):
        predictor.predict_many(clip, smooth=1)
    with pytest.raises(ValueError, match="smooth and people follow tracks"):
        predictor.predict_many(clip, people=2)
    for wrong in ({"people": 0}, {"people": 1.5}, {"smooth": -1}, {"smooth": float("nan")}):
        with pytest.raises(RangeError, match=f"^{next(iter(wrong))} must be "):
            predictor.predict_many(clip, track=True, **wrong)


def test_frames_are_counted_from_one(predictor, clip):
    with pytest.raises(ValueError, match="every must be at least 1, got 0"):
        predictor.predict(clip, every=0)
    with pytest.raises(ValueError, match="rate must be above 0, got '6'"):
        predictor.predict(clip, rate="6")
    with pytest.raises(ValueError, match="every or rate, not both"):
        predictor.predict(clip, every=2, rate=2.0)


def test_frames_are_those_nearest_to_the_ticks_of_a_rate(predictor, clip):
    found = predictor.predict(clip, rate=3)  # ten frames a second: ticks at 0, 0.333, 0.667
    assert [one.seconds for one in found] == pytest.approx([0, 0.3, 0.7], abs=0.001)


def test_a_list_gives_what_its_photos_give_one_by_one(predictor):
    photos = [*sorted((SAMPLES / "faces").rglob("*.jpg"))[::40], SAMPLES / "group.jpg"]
    for one, alone in zip(predictor.predict(photos), map(predictor.predict, photos), strict=True):
        assert (one.name, one.size_hw, len(one)) == (alone.name, alone.size_hw, len(alone))
        for face, same in zip(one, alone, strict=True):
            assert face.box == pytest.approx(same.box, abs=0.01)
            assert list(face.scores.values()) == pytest.approx(list(same.scores.values()), abs=1e-5)


def test_one_object_may_be_in_a_list_more_than_once(predictor, face):
    file = io.BytesIO()
    Image.fromarray(face).save(file, "PNG")
    with Image.open(file) as picture:
        assert [len(one) for one in predictor.predict([picture] * 12)] == [1] * 12


def test_a_stream_of_a_list_reads_a_few_chunks_ahead(predictor, face, monkeypatch):
    monkeypatch.setattr("ampnet.reading.reader.CHUNK_IMAGES", 2)
    file = io.BytesIO()
    Image.fromarray(face).save(file, "PNG")
    taken = []

    class Counted(io.BytesIO):
        def read(self, *most):
            taken.append(1)
            return super().read(*most)

    found = predictor.predict([Counted(file.getvalue()) for _ in range(100)], stream=True)
    assert not taken
    assert len(next(found)) == 1
    assert len(taken) <= MAX_READERS + 2 + 3 * 2
    found.close()


@pytest.mark.slow
def test_a_stream_of_a_video_takes_no_more_memory_for_more_frames(predictor, tmp_path, monkeypatch):
    monkeypatch.setattr("ampnet.reading.reader.CHUNK_IMAGES", 4)
    monkeypatch.setattr("ampnet.detection.retries.RETRY_TURNS", ())  # noise shows no face, however it is turned
    peaks = []
    for count in (20, 60):
        path = write_clip(tmp_path / f"{count}.avi", count, (160, 120))
        gc.collect()
        tracemalloc.start()
        assert sum(1 for _ in predictor.predict(path, stream=True, every=1)) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    a_few_frames = 5 * 160 * 120 * 3
    assert peaks[1] < peaks[0] + a_few_frames  # the clip has 40 frames more


def test_photos_of_a_stream_that_are_kept_take_no_memory_for_pixels(predictor):
    photos = [SAMPLES / "portrait.jpg"] * 3
    had_pixels = [result.photo._reduced is not None for result in predictor.predict(photos, stream=True)]
    kept = list(predictor.predict(photos, stream=True))
    assert had_pixels == [True, True, True]
    assert [result.photo._reduced is not None for result in kept] == [False, False, False]
    assert kept[0].plot().shape == (512, 512, 3)  # decoded again


@pytest.mark.parametrize("ask", [lambda tar: tar, lambda tar: [str(tar)], lambda tar: iter([tar])])
def test_the_photos_of_an_archive_are_read_however_it_is_named(predictor, tmp_path, ask):
    tar = tmp_path / "photos.tar"
    with tarfile.open(tar, "w") as archive:
        for name in ("a.jpg", "b.jpg"):
            archive.add(SAMPLES / "portrait.jpg", name)
    for results in (predictor.predict_many(ask(tar)), list(predictor.predict_many(ask(tar), stream=True))):
        assert [(one.name, len(one)) for one in results] == [(f"{tar}/a.jpg", 1), (f"{tar}/b.jpg", 1)]


def test_averages_over_frames_are_not_explained_by_the_last_one(tmp_path, clip):
    predictor = Predictor(small_checkpoint(tmp_path / "run", modules=ALL))
    averaged = predictor.predict_many(clip, every=4, track=True, smooth=1.0)
    with pytest.raises(ConfigError, match="cannot explain averages over frames; leave out smooth"):
        averaged[1].explain()
    plain = predictor.predict_many(clip, every=4, track=True)[1]
    logits = sum(plain.explain().summands(0).values())
    shares = np.exp(logits) / np.exp(logits).sum()
    assert shares == pytest.approx(list(plain[0].scores.values()), abs=1e-4)
