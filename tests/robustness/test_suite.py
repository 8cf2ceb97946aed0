"""What the suite does to a face."""

import cv2
import numpy as np
import pytest

from ampnet.faces.alignment import CANONICAL_LANDMARKS
from ampnet.robustness import degradations, occluders
from ampnet.robustness.occluders import FACE_BOX, TEXTURES
from ampnet.robustness.suite import CORRUPTIONS, SEVERITIES, SUITE, corrupt, texture_of

LEFT_EYE, RIGHT_EYE, NOSE, LEFT_MOUTH, RIGHT_MOUTH = range(5)
WITHOUT_CHANCE = ("gaussian-blur", "darkness", "over-exposure", "low-contrast", "jpeg", "low-resolution", "mask")


@pytest.fixture(scope="module")
def face():
    """A smooth random picture in place of a face; only its landmarks matter to the suite."""
    noise = np.random.default_rng(0).integers(0, 256, (14, 14, 3), dtype=np.uint8)
    return cv2.resize(noise, (224, 224), interpolation=cv2.INTER_CUBIC)


def covered(corruption, severity, name="a", landmarks=CANONICAL_LANDMARKS, side=224):
    """Return the pixels of a white frame that a black occluder covers."""
    black = next(key for key in (f"{name}{n}" for n in range(50)) if texture_of(corruption, 0, key) == "black")
    blank = np.full((side, side, 3), 255, dtype=np.uint8)
    return corrupt(blank, landmarks, corruption, severity, 0, black)[..., 0] < 128


def hidden(corruption, severity, name="a"):
    """Name the landmarks under an occluder."""
    mask = covered(corruption, severity, name)
    return {number for number, (x, y) in enumerate(CANONICAL_LANDMARKS.astype(int)) if mask[y, x]}


def test_the_suite_has_the_listed_corruptions_in_groups_with_five_levels_that_grow_or_fall():
    assert list(SUITE) == [name for names in CORRUPTIONS.values() for name in names]
    for name, corruption in SUITE.items():
        assert name in CORRUPTIONS[corruption.group]
        steps = np.diff(corruption.levels)
        assert (steps > 0).all() or (steps < 0).all()


@pytest.mark.parametrize("name", SUITE)
def test_every_severity_changes_the_face_and_keeps_its_shape_in_colour_and_grey(name, face):
    for image in (face, np.ascontiguousarray(face[..., 0])):
        before = image.copy()
        for severity in SEVERITIES:
            result = corrupt(image, CANONICAL_LANDMARKS, name, severity, 0, "a")
            assert result.shape == image.shape
            assert result.dtype == np.uint8
            assert (result != image).any()
        assert np.array_equal(image, before)


@pytest.mark.parametrize("name", SUITE)
def test_a_result_depends_on_name_and_seed_alone(name, face):
    first = corrupt(face, CANONICAL_LANDMARKS, name, 4, 1, "a")
    corrupt(face, CANONICAL_LANDMARKS, name, 2, 1, "b")
    assert np.array_equal(corrupt(face, CANONICAL_LANDMARKS, name, 4, 1, "a"), first)
    others = [corrupt(face, CANONICAL_LANDMARKS, name, 4, 2, "a")]
    others += [corrupt(face, CANONICAL_LANDMARKS, name, 4, 1, f"{number}") for number in range(4)]
    if name not in WITHOUT_CHANCE:
        assert any((other != first).any() for other in others)


@pytest.mark.parametrize("name", CORRUPTIONS["occlusion"])
def test_an_occluder_grows_with_severity(name):
    areas = [covered(name, severity).sum() for severity in SEVERITIES]
    assert areas == sorted(areas)
    assert areas[0] < 0.6 * areas[-1]


@pytest.mark.parametrize("severity", SEVERITIES)
def test_a_block_covers_ten_to_fifty_percent_of_the_face(severity):
    left, top, right, bottom = FACE_BOX
    for name in "abcd":
        share = covered("block", severity, name).sum() / ((right - left) * (bottom - top))
        assert share == pytest.approx(severity / 10, abs=0.01)


def test_occluders_cover_what_they_are_named_after():
    for severity in SEVERITIES:
        assert hidden("sunglasses", severity) == {LEFT_EYE, RIGHT_EYE}
        assert {LEFT_MOUTH, RIGHT_MOUTH} <= hidden("mask", severity) <= {NOSE, LEFT_MOUTH, RIGHT_MOUTH}
        assert {hidden("eye", severity, name) == {LEFT_EYE} for name in "abcdefgh"} == {True, False}
        assert all(hidden("eye", severity, name) in ({LEFT_EYE}, {RIGHT_EYE}) for name in "abcdefgh")
        assert hidden("nose", severity) == {NOSE}


def test_a_face_half_as_large_gets_glasses_half_as_large():
    full, half = (covered("sunglasses", 3, landmarks=CANONICAL_LANDMARKS * size).sum() for size in (1.0, 0.5))
    assert half == pytest.approx(full / 4, rel=0.05)


def test_landmarks_that_coincide_still_get_an_occluder():
    mask = covered("mask", 3, landmarks=np.full((5, 2), 112.0))
    assert np.array_equal(mask, covered("mask", 3))


def test_every_texture_is_drawn_about_as_often():
    drawn = [texture_of("block", 0, str(number)) for number in range(1000)]
    assert all(drawn.count(name) == pytest.approx(200, abs=60) for name in TEXTURES)


def test_skin_is_taken_from_the_cheeks():
    image = np.full((224, 224, 3), 250, dtype=np.uint8)
    image[100:150] = (60, 90, 120)
    name = next(str(number) for number in range(50) if texture_of("nose", 0, str(number)) == "skin")
    result = corrupt(image, CANONICAL_LANDMARKS, "nose", 5, 0, name)
    inside = result[160:170, 108:116].reshape(-1, 3).mean(axis=0)  # below the cheeks' stripe, within the disc
    assert inside / inside.sum() == pytest.approx(np.array([60, 90, 120]) / 270, abs=0.01)


def test_a_stop_halves_or_doubles_the_light():
    image = np.full((224, 224), 100, dtype=np.uint8)
    assert degradations.darkness(image, 1)[0, 0] == round(100 * 0.5 ** (1 / 2.2))
    assert degradations.over_exposure(image, 1)[0, 0] == round(100 * 2 ** (1 / 2.2))
    assert degradations.over_exposure(image, 5)[0, 0] == 255


def test_noise_has_the_strength_of_its_level():
    image = np.full((224, 224), 128, dtype=np.uint8)
    noisy = corrupt(image, CANONICAL_LANDMARKS, "gaussian-noise", 1, 0, "a").astype(float)
    assert noisy.std() == pytest.approx(0.08 * 255, rel=0.03)
    spots = corrupt(image, CANONICAL_LANDMARKS, "salt-pepper", 5, 0, "a")
    assert (spots != 128).mean() == pytest.approx(0.27, abs=0.01)
    assert (spots == 255).mean() == pytest.approx(0.135, abs=0.01)


def test_low_contrast_keeps_the_mean_and_that_share_of_the_spread(face):
    faded = degradations.low_contrast(face, 0.4).astype(float)
    assert faded.mean() == pytest.approx(face.mean(), abs=0.5)
    assert faded[..., 1].std() == pytest.approx(0.4 * face[..., 1].std(), rel=0.02)


def test_blur_and_low_resolution_remove_detail_more_and_more(face):
    for name in (*CORRUPTIONS["blur"], "low-resolution"):
        detail = [
            np.abs(np.diff(corrupt(face, CANONICAL_LANDMARKS, name, severity, 0, "a").astype(float), axis=1)).mean()
            for severity in SEVERITIES
        ]
        assert detail == sorted(detail, reverse=True)


def centre_of(image):
    rows, columns = np.indices(image.shape)
    return np.array([(image * columns).sum(), (image * rows).sum()]) / image.sum()


def dot(x, y):
    image = np.zeros((224, 224), dtype=np.uint8)
    return cv2.circle(image, (x, y), 5, 255, -1)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_framing_errors_move_the_face_by_their_level(severity):
    def moved(name, x, y):
        return centre_of(corrupt(dot(x, y), CANONICAL_LANDMARKS, name, severity, 0, "a").astype(float))

    levels = {name: SUITE[name].levels[severity - 1] for name in CORRUPTIONS["framing"]}
    assert np.linalg.norm(moved("shift", 112, 112) - 112) == pytest.approx(levels["shift"], abs=0.3)
    apart = moved("scale", 132, 112) - moved("scale", 92, 112)
    change = max(apart[0] / 40, 40 / apart[0]) - 1
    assert change == pytest.approx(levels["scale"], abs=0.02)
    turned = moved("rotation", 162, 112) - moved("rotation", 62, 112)
    assert abs(np.degrees(np.arctan2(turned[1], turned[0]))) == pytest.approx(levels["rotation"], abs=0.3)


def test_a_grey_face_gets_the_same_places_as_a_coloured_one(face):
    grey = cv2.cvtColor(face, cv2.COLOR_BGR2GRAY)
    for name in ("hand", "block", "eye"):
        key = next(str(n) for n in range(50) if texture_of(name, 0, str(n)) == "black")
        both = [corrupt(image, CANONICAL_LANDMARKS, name, 3, 0, key) == occluders.BLACK for image in (face, grey)]
        assert (both[0].all(axis=2) == both[1]).mean() > 0.99
