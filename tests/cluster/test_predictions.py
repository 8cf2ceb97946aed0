"""What is said after a run on Ray."""

import pytest

from ampnet.cluster.predictions import PartCounts
from pipelines.predict_ray import RayPredictions


@pytest.mark.parametrize(
    ("results", "unreadable", "told"),
    [
        (0, 0, ["no photo or frame was asked for; see --from and --to"]),
        (1, 0, []),
        (1, 1, ["cannot read a.jpg"]),
        (1_201, 1_201, ["cannot read a.jpg", "1,200 further inputs cannot be read; the rows say why"]),
    ],
)
def test_the_first_problems_are_told_and_the_others_are_counted(results, unreadable, told):
    counts = PartCounts(results=results, unreadable=unreadable, problems=["cannot read a.jpg"] if unreadable else [])
    assert RayPredictions("rows", counts, earlier=0, seconds=1.0).all_problems() == told
