import numpy as np
import pytest
import torch

from ampnet.models.regions import (
    crop_windows,
    inside_boxes,
    quadrant_boxes,
    quadrant_origins,
    quadrant_side,
    salient_boxes,
    salient_radius,
)
from tests.reference_weights import DATA

FACE = torch.tensor([[[72.0, 80.0], [152.0, 80.0], [112.0, 128.0], [80.0, 168.0], [144.0, 168.0]]])
"""Upright: cells (9, 10), (19, 10), (14, 16), (10, 21), (18, 21) of a map of 28."""


def xyxy(rectangles: np.ndarray) -> np.ndarray:
    """Sort the published corner pairs (outer x, outer y, inner x, inner y) into x0, y0, x1, y1."""
    outer, inner = rectangles[..., :2], rectangles[..., 2:]
    return np.concatenate([np.minimum(outer, inner), np.maximum(outer, inner)], axis=-1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_regions_equal_the_reference_programs_for_4096_faces(dtype):
    reference = np.load(DATA / "regions.npz")
    landmarks = torch.from_numpy(reference["landmarks"]).to(dtype)
    quadrants = xyxy(reference["lp_rect"].reshape(-1, 4, 4))
    salient = reference["ap_rect"].reshape(-1, 5, 4)[..., [0, 2, 1, 3]]
    np.testing.assert_array_equal(quadrant_boxes(landmarks, 28), quadrants)
    np.testing.assert_array_equal(salient_boxes(landmarks, 28), salient)


def test_quadrants_of_an_upright_face_meet_at_nose_height():
    boxes = quadrant_boxes(FACE, 28)[0].tolist()
    assert boxes == [[0, 2, 14, 16], [14, 2, 28, 16], [2, 16, 14, 28], [14, 16, 26, 28]]


def test_the_square_away_from_the_near_border_grows():
    face = FACE - torch.tensor([72.0, 0.0])  # nine cells to the left: the split columns are at cell 5
    boxes = quadrant_boxes(face, 28)[0].tolist()
    assert boxes == [[0, 11, 5, 16], [5, 2, 19, 16], [0, 16, 5, 21], [5, 16, 17, 28]]


def test_a_nose_at_the_top_leaves_empty_upper_quadrants():
    face = FACE.clone()
    face[:, 2, 1] = -30
    boxes = quadrant_boxes(face, 28)[0].tolist()
    assert boxes[:2] == [[14, 0, 14, 0], [14, 0, 14, 0]]


@pytest.mark.parametrize(("grid", "side", "radius"), [(28, 14, 5), (14, 7, 2), (6, 3, 2), (12, 6, 2), (20, 10, 4)])
def test_patches_scale_with_the_map(grid, side, radius):
    assert quadrant_side(grid) == side
    assert salient_radius(grid) == radius
    landmarks = torch.rand(500, 5, 2, generator=torch.Generator().manual_seed(0)) * grid * 10 - grid
    quadrants, salient = quadrant_boxes(landmarks, grid), salient_boxes(landmarks, grid)
    sides = quadrants[..., 2:] - quadrants[..., :2]
    assert quadrants.min() >= 0
    assert quadrants.max() <= grid
    assert sides.min() >= 0
    assert sides.max() == side
    assert (sides[..., 0] == sides[..., 1]).all()
    assert salient.min() >= 0
    assert salient.max() <= grid
    assert (salient[..., 2:] - salient[..., :2] == 2 * radius).all()


def test_windows_hold_what_slicing_and_padding_would():
    rng = np.random.default_rng(3)
    features = rng.standard_normal((40, 3, 28, 28)).astype(np.float32)
    landmarks = torch.from_numpy(rng.uniform(-40, 264, (40, 5, 2)))
    boxes = quadrant_boxes(landmarks, 28)
    origins = quadrant_origins(boxes, 14)
    patches = crop_windows(torch.from_numpy(features), origins, 14) * inside_boxes(boxes, origins, 14)
    for image in range(40):
        for quadrant, (x0, y0, x1, y1) in enumerate(boxes[image].tolist()):
            side = x1 - x0
            rows = slice(14 - side, 14) if quadrant in (0, 1) else slice(0, side)
            columns = slice(14 - side, 14) if quadrant in (0, 2) else slice(0, side)
            expected = np.zeros((3, 14, 14), np.float32)
            expected[:, rows, columns] = features[image, :, y0:y1, x0:x1]
            np.testing.assert_array_equal(patches[quadrant, image], expected)


def test_a_cells_gradient_counts_the_windows_that_read_it():
    features = torch.zeros(1, 2, 6, 6, requires_grad=True)
    origins = torch.tensor([[[0, 0], [1, 1], [1, 1]]])
    crop_windows(features, origins, 2).sum().backward()
    expected = torch.zeros(6, 6)
    expected[0:2, 0:2] += 1
    expected[1:3, 1:3] += 2
    assert features.grad is not None
    torch.testing.assert_close(features.grad, expected.expand(1, 2, 6, 6))


@pytest.mark.parametrize("grid", [28, 14, 13])
def test_both_placements_agree_on_landmarks_at_whole_cells(grid):
    generator = torch.Generator().manual_seed(0)
    cells = 2 * torch.randint(-2, grid // 2 + 1, (500, 5, 2), generator=generator)  # even, so that middles are whole
    landmarks = cells * 8.0
    for boxes_of in (quadrant_boxes, salient_boxes):
        whole, anywhere = boxes_of(landmarks, grid), boxes_of(landmarks, grid, "continuous")
        assert anywhere.is_floating_point()
        assert torch.equal(whole.float(), anywhere)
    side = quadrant_side(grid)
    features = torch.rand(500, 3, grid, grid, generator=generator)
    patches = []
    for boxes in (quadrant_boxes(landmarks, grid), quadrant_boxes(landmarks, grid, "continuous")):
        origins = quadrant_origins(boxes, side)
        patches.append(crop_windows(features, origins, side) * inside_boxes(boxes, origins, side))
    assert torch.equal(*patches)


def test_continuous_regions_move_as_little_as_their_landmarks():
    generator = torch.Generator().manual_seed(1)
    landmarks = torch.rand(2000, 5, 2, generator=generator, dtype=torch.float64) * 300 - 40
    moved = landmarks + 0.02 * (torch.rand(landmarks.shape, generator=generator, dtype=torch.float64) - 0.5)
    for boxes_of in (quadrant_boxes, salient_boxes):
        before, after = boxes_of(landmarks, 28, "continuous"), boxes_of(moved, 28, "continuous")
        assert (before - after).abs().max() < 0.05  # cells, for at most 0.01 px; rounding moves some by a whole cell
        assert before.min() > -1e-9
        assert before.max() < 28 + 1e-9


def test_windows_between_cells_are_bilinear():
    ramp = torch.arange(8.0)[None, None, None, :] + 10 * torch.arange(8.0)[None, None, :, None]  # x + 10 y
    (window,) = crop_windows(ramp, torch.tensor([[[1.25, 2.5]]]), 3)
    assert window[0, 0].tolist() == [[26.25, 27.25, 28.25], [36.25, 37.25, 38.25], [46.25, 47.25, 48.25]]


def test_cells_at_the_edge_of_a_box_count_by_the_part_that_it_covers():
    box, origin = torch.tensor([[[0.25, 1.0, 2.75, 3.0]]]), torch.tensor([[[0.0, 1.0]]])
    (inside,) = inside_boxes(box, origin, 3)
    assert inside[0, 0].tolist() == [[0.75, 1.0, 0.75], [0.75, 1.0, 0.75], [0.0, 0.0, 0.0]]
