"""How many images are looked at before faces are framed."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch

from ampnet.dataset.preparation.chunks import choose_crop, start_preparation_threads
from ampnet.dataset.sources import open_source
from ampnet.detection.detector import FaceDetector
from ampnet.detection.face import Face
from ampnet.media.images import Image
from tests.cluster.raw_faces import link_samples


class CountingDetector(FaceDetector):
    """Counts what it searches."""

    images = 0

    def detect(self, images: Sequence[Image], *limits: Any, **named_limits: Any) -> list[list[Face]]:
        self.images += len(images)
        return super().detect(images, *limits, **named_limits)


@pytest.mark.parametrize(("count", "most"), [(130, 96), (20, 20)])
def test_a_clear_set_is_sampled_until_it_is_clear(tmp_path, count, most):
    source = open_source(link_samples(tmp_path / "raw", count))
    detector = CountingDetector()
    with start_preparation_threads(2, torch.device("cpu")) as threads:
        crop, reason = choose_crop(source, "largest", detector, threads)
    assert crop == "face"
    assert reason.startswith("faces fill ")
    assert detector.images <= most
