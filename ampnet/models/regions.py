"""From landmarks to boxes on the feature map, and the patches that local and attentional perception crop there.

The integer geometry is the reference program's, in tensor operations over whole batches. A cell of the feature map is
8 x 8 pixels of the image; boxes are half-open ``(x0, y0, x1, y1)`` in cells.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

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


def landmark_cells(landmarks: Tensor, grid: int) -> Tensor:
    """Convert landmarks to feature-map cells.

    Args:
        landmarks: ``(B, 5, 2)`` float ``(x, y)`` in pixels of the image; points outside are clipped to its border.
        grid: side of the feature map in cells.

    Returns:
        ``(B, 5, 2)`` int64 within ``[0, grid]`` (``grid`` is one past the last cell), rounded half to even.
    """
    return (landmarks.clamp(0, grid * STRIDE) / STRIDE).round().long()


def quadrant_boxes(landmarks: Tensor, grid: int) -> Tensor:
    """Compute the four square boxes of local perception.

    The upper pair meets between the eyes, the lower pair between the mouth corners, both at nose height, so a covered
    mouth does not affect the eye patches. A pair has the largest common side that fits on both sides of its meeting
    point; if that is less than a third of the map, the square with more room may be larger.

    Args:
        landmarks: ``(B, 5, 2)`` float ``(x, y)`` in pixels of the image: left eye, right eye, nose tip, left
            mouth corner, right mouth corner; left is the image's left.
        grid: side of the feature map in cells.

    Returns:
        ``(B, 4, 4)`` int64 boxes within ``[0, grid]``: top left, top right, bottom left, bottom right. Sides are
        at most ``grid // 2`` and may be 0.
    """
    cells = landmark_cells(landmarks, grid)
    row = cells[:, 2, 1]
    eyes, mouth = (cells[:, 0, 0] + cells[:, 1, 0]) // 2, (cells[:, 3, 0] + cells[:, 4, 0]) // 2
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
    right = grid - left
    common = torch.minimum(depth, torch.minimum(left, right))
    # If rooms are equal, the limiting one is chosen in the order depth, left, right.
    is_shared = (3 * common >= grid) | (depth == common)
    left_limits = ~is_shared & (left == common)
    right_limits = ~is_shared & ~left_limits
    limit = quadrant_side(grid)
    left_side = torch.where(right_limits, torch.minimum(depth, left).clamp(max=limit), common)
    right_side = torch.where(left_limits, torch.minimum(depth, right).clamp(max=limit), common)
    return left_side, right_side


def quadrant_origins(boxes: Tensor, side: int) -> Tensor:
    """Place full-size windows over quadrant boxes, each with its corner at the meeting point.

    Args:
        boxes: ``(B, 4, 4)`` from :func:`quadrant_boxes`.
        side: side of the windows in cells.

    Returns:
        ``(B, 4, 2)`` int64 ``(x0, y0)`` of the windows, which may extend beyond the map.
    """
    x0, y0, x1, y1 = boxes.unbind(2)  # each (B, 4)
    left = torch.stack([x1[:, 0] - side, x0[:, 1], x1[:, 2] - side, x0[:, 3]], dim=1)
    top = torch.stack([y1[:, 0] - side, y1[:, 1] - side, y0[:, 2], y0[:, 3]], dim=1)
    return torch.stack([left, top], dim=2)


def salient_boxes(landmarks: Tensor, grid: int) -> Tensor:
    """Compute the five boxes of attentional perception.

    Args:
        landmarks: as for :func:`quadrant_boxes`.
        grid: side of the feature map in cells.

    Returns:
        ``(B, 5, 4)`` int64 boxes of side ``2 * salient_radius(grid)``, shifted to lie within the map: left eye, right
        eye, midpoint of the eyes, left mouth corner, right mouth corner.
    """
    cells = landmark_cells(landmarks, grid)
    radius = salient_radius(grid)
    between = (cells[:, 0] + cells[:, 1]) // 2
    centres = torch.stack([cells[:, 0], cells[:, 1], between, cells[:, 3], cells[:, 4]], dim=1)  # (B, 5, 2)
    centres = centres.clamp(radius, grid - radius)
    return torch.cat([centres - radius, centres + radius], dim=2)


def crop_windows(features: Tensor, origins: Tensor, side: int) -> Tensor:
    """Crop square windows from a batch of feature maps in one gather operation.

    Args:
        features: ``(B, C, G, G)``, fastest in channels-last memory.
        origins: ``(B, N, 2)`` int64 ``(x0, y0)`` of each window in cells; cells outside the map repeat the border.
        side: side of the windows in cells.

    Returns:
        ``(N, B, C, side, side)``; each of the N slices is contiguous in channels-last memory.
    """
    batch, channels, grid, _ = features.shape
    columns, rows = _window_cells(origins, side)  # (N, B, side) each
    images = torch.arange(batch, device=features.device)[:, None, None] * (grid * grid)
    columns, rows = columns.clamp(0, grid - 1), rows.clamp(0, grid - 1)
    index = images + rows[..., :, None] * grid + columns[..., None, :]  # (N, B, side, side)
    cells = features.permute(0, 2, 3, 1).reshape(batch * grid * grid, channels)
    # An embedding look-up: the same values as slicing, and of all gathers the one with the fastest gradient on CPUs.
    return F.embedding(index, cells).permute(0, 1, 4, 2, 3)


def inside_boxes(boxes: Tensor, origins: Tensor, side: int) -> Tensor:
    """Mask the cells of windows that lie inside their boxes.

    Args:
        boxes: ``(B, N, 4)`` int64 boxes in cells.
        origins: ``(B, N, 2)`` int64 ``(x0, y0)`` of the windows.
        side: side of the windows in cells.

    Returns:
        ``(N, B, 1, side, side)`` bool, the shape of :func:`crop_windows` with one channel.
    """
    columns, rows = _window_cells(origins, side)  # (N, B, side) each
    x0, y0, x1, y1 = boxes.transpose(0, 1)[..., None].unbind(2)  # (N, B, 1) each
    in_columns = (columns >= x0) & (columns < x1)
    in_rows = (rows >= y0) & (rows < y1)
    return (in_rows[..., :, None] & in_columns[..., None, :])[:, :, None]


def _window_cells(origins: Tensor, side: int) -> tuple[Tensor, Tensor]:
    steps = torch.arange(side, device=origins.device)
    return origins[..., 0].T[..., None] + steps, origins[..., 1].T[..., None] + steps
