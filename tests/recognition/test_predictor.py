"""Every face of a photo is found, framed as in training and classified; photos do not influence each other."""

import pickle
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import ampnet
from ampnet.checkpoints.checkpoint import load_checkpoint
from ampnet.checkpoints.model_files import bundled_model
from ampnet.detection.detector import FaceDetector
from ampnet.errors import ArgumentError, ConfigError, DataError, RangeError
from ampnet.faces.alignment import CANONICAL_LANDMARKS, AlignedFace, align_face
from ampnet.faces.framing import frame_face
from ampnet.faces.geometry import mirror_landmarks
from ampnet.reading.image_files import read_image
from ampnet.reading.photo import Photo
from ampnet.recognition.predictor import Predictor
from ampnet.settings import DetectorConfig
from tests.small_checkpoint import ALL, small_checkpoint

SAMPLES = Path(__file__).parents[1] / "samples"
LOGITS = [0.0, 1.0, 2.0, 3.0, 0.0, 0.0, 0.0]
"""Of e^k shares; happiness is the largest."""


@pytest.fixture(scope="module")
def group():
    return np.ascontiguousarray(read_image(SAMPLES / "group.jpg")[::2, ::2])


@pytest.fixture(scope="module")
def detector():
    return FaceDetector()


def test_every_face_of_the_group_is_found_where_it_is(tmp_path, group, detector):
    faces = Predictor(small_checkpoint(tmp_path), detector).predict([group])[0]
    truth = pd.read_csv(SAMPLES / "group.csv")
    assert len(faces) == len(truth) == 5
    noses = truth[["nose_x", "nose_y"]].to_numpy() / 2
    for face in faces:
        assert np.linalg.norm(noses - face.landmarks[2], axis=1).min() < 6  # of 60-px faces


@pytest.mark.parametrize("wrong", [{"face": "center"}, {"face": None}, {"min_face": None}, {"min_face": -1}])
def test_a_choice_of_faces_that_there_is_not_is_refused(detector, wrong):
    with pytest.raises(RangeError, match="must be"):
        Predictor("bundled", detector, **wrong)
    predictor = Predictor("bundled", detector)
    predictor.face = "center"  # type: ignore[assignment]
    with pytest.raises(RangeError, match="face must be one of largest, centre, best, all, got 'center'"):
        predictor.predict(np.zeros((64, 64, 3), dtype=np.uint8))


@pytest.mark.parametrize("name", [{"detector": "resnet50"}, {"dtype": "bfloat16"}])
def test_names_in_the_place_of_a_detector_or_a_type_are_refused(name: dict[str, Any]):
    with pytest.raises(ArgumentError, match="not a name"):
        Predictor(**name)


def test_small_faces_are_found_whether_they_are_asked_for_at_first_or_later(tmp_path):
    with Image.open(SAMPLES / "portrait.jpg") as portrait:  # the face is 164 of 512 px wide, so 9 of 28
        small = np.asarray(portrait.convert("RGB").resize((28, 28)))
    predictor = Predictor(small_checkpoint(tmp_path))
    assert predictor.predict(small) == []
    predictor.min_face = 5
    assert len(predictor.predict(small)) == 1 == len(Predictor(small_checkpoint(tmp_path), min_face=5).predict(small))
    assert len(pickle.loads(pickle.dumps(predictor)).predict(small)) == 1
    predictor.min_face = 12
    assert predictor.predict(small) == []


def test_the_default_model_is_the_bundled_one_whatever_lies_in_the_current_folder(detector, tmp_path, monkeypatch):
    (tmp_path / "bundled").mkdir()
    monkeypatch.chdir(tmp_path)
    assert Predictor(detector=detector).checkpoint.file == bundled_model()


@pytest.mark.slow
def test_probabilities_are_the_softmax_of_the_logits(tmp_path, group, detector):
    face = Predictor(small_checkpoint(tmp_path, logits=LOGITS), detector).predict([group])[0][0]
    total = 4 + np.e + np.e**2 + np.e**3
    assert face.label == "happiness"
    assert face.probability == pytest.approx(np.e**3 / total, abs=1e-5)
    assert face.scores["disgust"] == pytest.approx(np.e**2 / total, abs=1e-5)
    assert sum(face.scores.values()) == pytest.approx(1, abs=1e-5)


def test_temperature_softens_the_probabilities_and_not_the_decision(tmp_path, group, detector):
    face = Predictor(small_checkpoint(tmp_path, logits=LOGITS, temperature=2.0), detector).predict([group])[0][0]
    total = 4 + np.e**0.5 + np.e + np.e**1.5
    assert face.label == "happiness"
    assert face.probability == pytest.approx(np.e**1.5 / total, abs=1e-5)


def test_a_face_below_the_rejection_threshold_is_not_sure(tmp_path, group, detector):
    checkpoint = small_checkpoint(tmp_path, logits=LOGITS, rejection_threshold=0.9)
    face = Predictor(checkpoint, detector).predict([group])[0][0]
    assert face.probability < 0.9
    assert (face.label, face.answer, face.is_sure) == ("happiness", "not sure", False)


def test_averaging_with_the_mirror_image_makes_both_sides_count_alike(tmp_path, group, detector):
    def both_ways(mirror):
        predictor = Predictor(small_checkpoint(tmp_path), detector, mirror=mirror)
        face = predictor.predict([group])[0][0]
        framed = frame_face(group, face.landmarks, predictor.checkpoint.framing)
        flipped = AlignedFace(framed.image[:, ::-1], mirror_landmarks(framed.landmarks, 224), framed.matrix)
        return predictor.classify([framed, flipped])

    alone, averaged = both_ways(mirror=False), both_ways(mirror=True)
    assert np.abs(alone[0] - alone[1]).max() > 1e-3
    assert averaged[0] == pytest.approx(averaged[1], abs=1e-5)


@pytest.mark.slow
def test_a_photo_is_judged_alike_alone_and_among_others(tmp_path, group, detector):
    predictor = Predictor(small_checkpoint(tmp_path), detector, batch_size=2)
    portrait, nothing = read_image(SAMPLES / "portrait.jpg"), np.full((120, 90, 3), 80, np.uint8)
    together = predictor.predict([nothing, group, portrait])
    assert [len(faces) for faces in together] == [0, 5, 1]
    for faces, photo in zip(together[1:], (group, portrait), strict=True):
        alone = Predictor(small_checkpoint(tmp_path), detector, batch_size=32).predict([photo])[0]
        for one, other in zip(faces, alone, strict=True):
            assert one.label == other.label
            assert list(one.scores.values()) == pytest.approx(list(other.scores.values()), abs=1e-5)


def test_no_photos_give_no_predictions(tmp_path, detector):
    assert Predictor(small_checkpoint(tmp_path), detector).predict([]) == []


def test_the_network_gets_pixels_in_0_to_1_and_landmarks_in_its_own_frame(tmp_path, detector):
    """The 224-px frame becomes the network's 64 px: landmarks shrink by 3.5."""
    predictor = Predictor(small_checkpoint(tmp_path), detector)
    seen = []
    predictor.classifier.network.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs))
    face = align_face(np.full((300, 300, 3), (255, 102, 0), np.uint8), CANONICAL_LANDMARKS + 20)
    predictor.classify([face])
    images, landmarks = seen[0]
    assert images.shape == (1, 3, 64, 64)
    assert images[0, :, 30, 30].tolist() == pytest.approx([1.0, 0.4, 0.0])
    assert landmarks[0].numpy() == pytest.approx(CANONICAL_LANDMARKS / 3.5, abs=1e-4)


def test_probabilities_equal_those_of_the_network_before_it_was_optimised(tmp_path, detector):
    predictor = Predictor(small_checkpoint(tmp_path), detector)
    rng = np.random.default_rng(0)
    faces = [
        AlignedFace(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8), CANONICAL_LANDMARKS.copy(), np.eye(2, 3))
        for _ in range(3)
    ]
    images = torch.from_numpy(np.stack([face.image for face in faces])).permute(0, 3, 1, 2) / 255
    landmarks = torch.from_numpy(CANONICAL_LANDMARKS / 3.5).float().expand(3, 5, 2)
    with torch.inference_mode():
        local, global_ = predictor.checkpoint.model(images, landmarks)
    expected = ((local + global_) / 2).softmax(dim=1).numpy()
    assert predictor.classify(faces) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("mirror", [False, True])
def test_an_explanation_adds_up_to_the_answers(tmp_path, group, detector, mirror):
    network = small_checkpoint(tmp_path, temperature=1.5, modules=ALL)
    predictor = Predictor(network, detector, batch_size=2, mirror=mirror)
    result = predictor.predict(group)
    found = result.explain()
    assert found.regions.shape == (5, 9, 7)
    assert found.regions.sum(axis=1) + found.bias == pytest.approx(found.local, abs=1e-4)
    heads = torch.from_numpy(found.local), torch.from_numpy(found.global_)
    answers = np.array([list(face.scores.values()) for face in result])
    assert predictor.classifier.probabilities(*heads) == pytest.approx(answers, abs=1e-4)


def test_the_explanation_of_a_sorted_result_shows_each_face_by_itself(tmp_path, group, detector):
    result = Predictor(small_checkpoint(tmp_path, modules=ALL), detector).predict(group)
    before = result.explain()
    result.reverse()
    after = result.explain()
    for one, other in zip(before.frames, reversed(after.frames), strict=True):
        assert np.array_equal(one, other)
    assert after.local[::-1] == pytest.approx(before.local, abs=1e-4)


def test_an_explanation_shows_itself_in_a_notebook(tmp_path, detector):
    why = Predictor(small_checkpoint(tmp_path, modules=ALL), detector).predict(SAMPLES / "portrait.jpg").explain()
    with Image.open(BytesIO(why._repr_png_())) as shown:
        assert np.array_equal(np.asarray(shown), why.plot())


def test_what_cannot_be_explained_says_why(tmp_path, group, detector):
    predictor = Predictor(small_checkpoint(tmp_path, modules=ALL), detector)
    with pytest.raises(DataError, match="no face in photo"):
        predictor.predict(np.full((40, 40, 3), 80, np.uint8)).explain()
    (portrait,) = predictor.predict([SAMPLES / "portrait.jpg"])
    with pytest.raises(ConfigError, match="pickled result lacks its network"):
        pickle.loads(pickle.dumps(portrait)).explain()


def test_the_example_of_the_readme_finds_the_faces_of_a_photo(tmp_path, monkeypatch, capsys):
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    example = readme.split("```python\n")[1].split("```")[0]
    (tmp_path / "photo.jpg").write_bytes((SAMPLES / "portrait.jpg").read_bytes())
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "README.md", "exec"), {})  # our own text
    (line,) = capsys.readouterr().out.splitlines()
    assert line.split()[0] in load_checkpoint(bundled_model()).class_names


class FramesKept(Predictor):
    """Keeps the faces that the network sees."""

    def classify(self, faces):
        self.framed = list(faces)
        return super().classify(faces)


@pytest.mark.parametrize(("side", "is_small"), [(110, True), (900, False)])
def test_a_face_that_a_reduced_photo_shows_too_small_is_framed_from_the_whole(
    tmp_path, detector, monkeypatch, side, is_small
):
    monkeypatch.setattr("ampnet.reading.photo.ENOUGH_SIDE", 700)
    predictor = FramesKept(small_checkpoint(tmp_path), detector)
    whole = np.full((1000, 1400, 3), 90, np.uint8)
    with Image.open(SAMPLES / "portrait.jpg") as portrait:
        whole[40 : 40 + side, 40 : 40 + side] = np.asarray(portrait.convert("RGB").resize((side, side)))
    result = predictor.predict(whole)
    (face,), (framed,) = result, predictor.framed
    source = whole if is_small else result.photo.reduced
    assert result.photo.reduced.shape == (500, 700, 3)
    expected = frame_face(source, face.landmarks * (source.shape[0] / 1000), predictor.framing)
    assert np.abs(framed.image.astype(int) - expected.image).max() <= 1


def test_a_reduced_photo_that_is_gone_is_framed_from_what_there_is(tmp_path, detector, monkeypatch):
    monkeypatch.setattr("ampnet.reading.photo.ENOUGH_SIDE", 300)
    predictor = Predictor(small_checkpoint(tmp_path), detector)
    copy = tmp_path / "copy.jpg"
    copy.write_bytes((SAMPLES / "group.jpg").read_bytes())
    there, gone = Photo.of_file(SAMPLES / "group.jpg"), Photo.of_file(copy)
    assert there.is_reduced
    assert gone.is_reduced
    copy.unlink()
    expected, found = predictor.answer([there, gone])
    assert len(found) == len(expected) > 0


def test_faces_of_a_dark_photo_are_called_dark_and_those_of_a_12_bit_one_are_not(tmp_path, group, detector):
    predictor = Predictor(small_checkpoint(tmp_path, logits=LOGITS), detector)
    grey = group[..., 1]
    twelve_bits = BytesIO()
    Image.fromarray(grey.astype(np.uint16) * 16).save(twelve_bits, "PNG")
    dark, stretched = predictor.predict([grey // 5, twelve_bits.getvalue()])
    assert [face.warnings for face in dark] == [["dark"]] * 5
    assert [face.warnings for face in stretched] == [[]] * 5


def test_the_threshold_of_the_detector_can_be_changed_later(tmp_path):
    predictor = Predictor(small_checkpoint(tmp_path, logits=[0.0] * 7))
    predictor.score_threshold = 0.9999  # none of the five faces is found that surely
    assert len(predictor.predict(SAMPLES / "group.jpg")) == 0
    with pytest.raises(RangeError, match=r"score_threshold must be within \(0, 1\), got 2"):
        predictor.score_threshold = 2


def test_a_predictor_leaves_the_random_state_alone(tmp_path):
    checkpoint = small_checkpoint(tmp_path, logits=[0.0] * 7)
    torch.manual_seed(1)
    Predictor(checkpoint, detector=FaceDetector(DetectorConfig(score_threshold=0.5)), batch_size=3)
    drawn = torch.rand(1)
    torch.manual_seed(1)
    assert drawn == torch.rand(1)


def test_every_failure_that_a_program_may_expect_is_one_of_ampnet(tmp_path, detector):
    predictor = Predictor(small_checkpoint(tmp_path, logits=[0.0] * 7), detector)
    for ask in (
        lambda: predictor.predict("no.jpg"),
        lambda: predictor.predict_many(tmp_path / "nothing", rate=0),
        lambda: Predictor(batch_size=0),
        lambda: Predictor(prior="prior.json"),  # type: ignore[arg-type]
        lambda: Predictor("no.pt"),
        lambda: predictor.find(["no.jpg"]),
    ):
        with pytest.raises(ampnet.AmpnetError):
            ask()
    assert issubclass(ampnet.ImageError, ampnet.DataError)


def test_faces_are_found_without_being_classified_in_whatever_form_a_photo_comes(tmp_path, group, detector):
    predictor = Predictor(small_checkpoint(tmp_path, logits=[0.0] * 7), detector)
    of_path, of_pixels = predictor.find([SAMPLES / "group.jpg", group])
    assert len(of_path) == len(of_pixels) == 5
    forms: list[Any] = [group, str(SAMPLES / "group.jpg"), (SAMPLES / "group.jpg").read_bytes()]
    assert [[len(faces) for faces in predictor.find(alone)] for alone in forms] == [[5], [5], [5]]
