"""From landmarks to boxes on the feature map, and the patches that local and attentional perception crop there.

The integer geometry is the reference program's, in tensor operations over whole batches. A cell of the feature map is
8 x 8 pixels of the image; boxes are half-open ``(x0, y0, x1, y1)`` in cells.

With continuous placement the same formulas hold for fractions of a cell: windows are sampled between cells, and the
cells at a box's edge count by the part of them that it covers. A slight movement of a landmark then changes the patches
slightly, where rounding moves a patch by a whole cell. On landmarks at whole cells both placements agree.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from ampnet.settings import Placement

STRIDE = 8
"""Pixels of the image per cell of the feature map."""

QUADRANTS = ("top left quarter", "top right quarter", "bottom left quarter", "bottom right quarter")
SALIENT = ("left eye", "right eye", "between the eyes", "left mouth corner", "right mouth corner")
"""Names of the regions in the network's order; left is the image's left."""
REGION_NAMES = QUADRANTS + SALIENT

NUM_QUADRANTS, NUM_SALIENT = len(QUADRANTS), len(SALIENT)


def quadrant_side(grid: int) -> int:
    """Return the side of a local patch on a map of ``grid`` x ``grid`` cells; 14 at the paper's 28."""
    return grid // 2


def salient_radius(grid: int) -> int:
    """Return half the side of a salient region on a map of ``grid`` x ``grid`` cells; 5 at the paper's 28."""
    return max(2, round(grid * 5 / 28))


def landmark_cells(landmarks: Tensor, grid: int, placement: Placement = "cells") -> Tensor:
    """Convert landmarks to feature-map cells.

    Args:
        landmarks: ``(B, 5, 2)`` float ``(x, y)`` in pixels of the image; points outside are clipped to its border.
        grid: side of the feature map in cells.
        placement: whether to round to whole cells.

    Returns:
        ``(B, 5, 2)`` within ``[0, grid]`` (``grid`` is one past the last cell): int64, rounded half to even, or float.
    """
    cells = landmarks.clamp(0, grid * STRIDE) / STRIDE
    return cells.round().long() if placement == "cells" else cells


def _middle(one: Tensor, other: Tensor) -> Tensor:
    """Return the middle of two points; of whole cells, the whole cell at or before it."""
    total = one + other
    return total / 2 if total.is_floating_point() else total // 2


def quadrant_boxes(landmarks: Tensor, grid: int, placement: Placement = "cells") -> Tensor:
    """Compute the four square boxes of local perception.

    The upper pair meets between the eyes, the lower pair between the mouth corners, both at nose height, so a covered
    mouth does not affect the eye patches. A pair has the largest common side that fits on both sides of its meeting
    point; if that is less than a third of the map, the square with more room may be larger.

    Args:
        landmarks: ``(B, 5, 2)`` float ``(x, y)`` in pixels of the image: left eye, right eye, nose tip, left
            mouth corner, right mouth corner; left is the image's left.
        grid: side of the feature map in cells.
        placement: whether boxes lie on whole cells.

    Returns:
        ``(B, 4, 4)`` int64 or float boxes within ``[0, grid]``: top left, top right, bottom left, bottom right. Sides
        are at most ``grid // 2`` and may be 0.
    """
    cells = landmark_cells(landmarks, grid, placement)
    row = cells[:, 2, 1]
    eyes, mouth = _middle(cells[:, 0, 0], cells[:, 1, 0]), _middle(cells[:, 3, 0], cells[:, 4, 0])
    upper_left, upper_right = _pair_sides(row, eyes, grid)
    lower_left, lower_right = _pair_sides(grid - row, mouth, grid)
    boxes = (
        (eyes - upper_left, row - upper_left, eyes, row),
        (eyes, row - upper_right, eyes + upper_right, row),
        (mouth - lower_left, row, mouth, row + lower_left),
        (mouth, row, mouth + lower_right, row + lower_right),
    )
    return torch.stack([torch.stack(box, dim=1) for box in boxes], dim=1)  # (B, 4, 4)


def _pair_sides(depth: Tensor, left: Tensor, grid: int) -> tuple[Tensor, Tensor]:
    """Choose the sides of a left and a right square with ``depth``, ``left`` and ``grid - left`` cells of room."""
    limit = quadrant_side(grid)
    own_left, own_right = (torch.minimum(depth, room).clamp(max=limit) for room in (left, grid - left))
    common = torch.minimum(own_left, own_right)
    # From a third of the map on, both have the common side; a whole cell below, each has its own.
    apart = (-(-grid // 3) - common).clamp(0, 1)
    return common + apart * (own_left - common), common + apart * (own_right - common)


def quadrant_origins(boxes: Tensor, side: int) -> Tensor:
    """Place full-size windows over quadrant boxes, each with its corner at the meeting point.

    Args:
        boxes: ``(B, 4, 4)`` from :func:`quadrant_boxes`.
        side: side of the windows in cells.

    Returns:
        ``(B, 4, 2)`` ``(x0, y0)`` of the windows, which may extend beyond the map.
    """
    x0, y0, x1, y1 = boxes.unbind(2)  # each (B, 4)
    left = torch.stack([x1[:, 0] - side, x0[:, 1], x1[:, 2] - side, x0[:, 3]], dim=1)
    top = torch.stack([y1[:, 0] - side, y1[:, 1] - side, y0[:, 2], y0[:, 3]], dim=1)
    return torch.stack([left, top], dim=2)


def salient_boxes(landmarks: Tensor, grid: int, placement: Placement = "cells") -> Tensor:
    """Compute the five boxes of attentional perception.

    Args:
        landmarks: as for :func:`quadrant_boxes`.
        grid: side of the feature map in cells.
        placement: whether boxes lie on whole cells.

    Returns:
        ``(B, 5, 4)`` int64 or float boxes of side ``2 * salient_radius(grid)``, shifted to lie within the map: left
        eye, right eye, midpoint of the eyes, left mouth corner, right mouth corner.
    """
    cells = landmark_cells(landmarks, grid, placement)
    radius = salient_radius(grid)
    between = _middle(cells[:, 0], cells[:, 1])
    centres = torch.stack([cells[:, 0], cells[:, 1], between, cells[:, 3], cells[:, 4]], dim=1)  # (B, 5, 2)
    centres = centres.clamp(radius, grid - radius)
    return torch.cat([centres - radius, centres + radius], dim=2)


def crop_windows(features: Tensor, origins: Tensor, side: int) -> Tensor:
    """Crop square windows from a batch of feature maps in one gather operation.

    Args:
        features: ``(B, C, G, G)``, fastest in channels-last memory.
        origins: ``(B, N, 2)`` ``(x0, y0)`` of each window in cells, int64, or float to sample between cells (bilinear);
            cells outside the map repeat the border.
        side: side of the windows in cells.

    Returns:
        ``(N, B, C, side, side)``; each of the N slices is contiguous in channels-last memory.
    """
    if origins.is_floating_point():
        first = origins.floor()
        wide = crop_windows(features, first.long(), side + 1)  # (N, B, C, side + 1, side + 1)
        right, down = (origins - first).to(features.dtype).permute(2, 1, 0)[..., None, None, None]  # (N, B, 1, 1, 1)
        rows = torch.lerp(wide[..., :-1, :], wide[..., 1:, :], down)
        return torch.lerp(rows[..., :-1], rows[..., 1:], right)
    batch, channels, grid, _ = features.shape
    columns, rows = _window_cells(origins, side)  # (N, B, side) each
    images = torch.arange(batch, device=features.device)[:, None, None] * (grid * grid)
    columns, rows = columns.clamp(0, grid - 1), rows.clamp(0, grid - 1)
    index = images + rows[..., :, None] * grid + columns[..., None, :]  # (N, B, side, side)
    cells = features.permute(0, 2, 3, 1).reshape(batch * grid * grid, channels)
    # An embedding look-up: the same values as slicing, and of all gathers the one with the fastest gradient on CPUs.
    return F.embedding(index, cells).permute(0, 1, 4, 2, 3)


def inside_boxes(boxes: Tensor, origins: Tensor, side: int) -> Tensor:
    """Compute how much of each cell of windows lies inside their boxes.

    Args:
        boxes: ``(B, N, 4)`` boxes in cells.
        origins: ``(B, N, 2)`` ``(x0, y0)`` of the windows.
        side: side of the windows in cells.

    Returns:
        ``(N, B, 1, side, side)`` in [0, 1], of the boxes' type, the shape of :func:`crop_windows` with one channel.
    """
    columns, rows = _window_cells(origins, side)  # (N, B, side) each
    x0, y0, x1, y1 = boxes.transpose(0, 1)[..., None].unbind(2)  # (N, B, 1) each
    in_columns = (torch.minimum(columns + 1, x1) - torch.maximum(columns, x0)).clamp(0, 1)
    in_rows = (torch.minimum(rows + 1, y1) - torch.maximum(rows, y0)).clamp(0, 1)
    return (in_rows[..., :, None] * in_columns[..., None, :])[:, :, None]


def _window_cells(origins: Tensor, side: int) -> tuple[Tensor, Tensor]:
    steps = torch.arange(side, device=origins.device)
    return origins[..., 0].T[..., None] + steps, origins[..., 1].T[..., None] + steps
