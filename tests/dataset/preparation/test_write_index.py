"""Counts of what became of a data set's images."""

from ampnet.dataset.preparation.write_index import IndexCounts


def test_a_class_whose_training_images_are_all_rejected_is_unusable() -> None:
    train = {"anger": {"detected": 2, "rejected": 1}, "fear": {"rejected": 3}, "surprise": {"template": 1}}
    counts = IndexCounts({"train": train, "test": {"fear": {"detected": 1}, "anger": {"rejected": 1}}}, faces=4)
    assert counts.unusable() == ["fear"]
    assert IndexCounts({"": {"fear": {"rejected": 1}}}, faces=0).unusable() == ["fear"]
