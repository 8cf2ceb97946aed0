"""Whether a set is the original one, told from what its images share."""

import pytest

from ampnet.dataset.quality.original_set import SetTones, pooled_levels


def test_a_trait_of_most_images_is_warned_of_and_of_half_of_them_is_not() -> None:
    tones = SetTones()
    for number in range(100):
        tones.add(f"{number}.png", ("equalised",) if number < 97 else ("few-tones",) if number == 98 else ())
    assert tones.warnings("folders") == ["97% of the images look histogram-equalised: is this the original set?"]
    counts = tones.counts()
    assert {trait: count.images for trait, count in counts.items()} == {"equalised": 97, "few-tones": 1}
    assert counts["equalised"].examples == ["0.png", "1.png", "2.png", "3.png", "4.png"]
    for number in range(94):
        tones.add(f"more {number}", ())
    assert tones.warnings("folders") == []  # 97 of 194


def test_the_spread_of_a_set_holds_that_between_its_images() -> None:
    # Pixels 0, 20 and 100, 120: mean 60, variance (60^2 + 40^2 + 40^2 + 60^2) / 4 = 2600.
    levels = pooled_levels([(10, 10), (110, 10)])
    assert levels is not None
    assert (levels.mean, levels.spread) == (60, pytest.approx(2600**0.5))


@pytest.mark.parametrize(
    ("layout", "images", "spread", "named"),
    [
        ("fer2013", 300, 74.0, True),
        ("ferplus", 300, 74.0, True),
        ("fer2013", 300, 65.0, False),
        ("fer2013", 299, 74.0, False),  # too few to tell
        ("folders", 300, 74.0, False),  # nothing is known of it
    ],
)
def test_a_known_set_with_other_grey_levels_is_named(layout: str, images: int, spread: float, named: bool) -> None:
    tones = SetTones()
    for number in range(images):
        tones.add(str(number), (), (127.6, spread))
    sentence = "the grey levels have mean 128 and spread 74, FER-2013's are 129 and 65: these images have been changed"
    assert tones.warnings(layout) == ([sentence] if named else [])
