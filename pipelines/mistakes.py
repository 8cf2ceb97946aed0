"""The confident mistakes of an evaluation, as pictures for its report."""

import numpy as np
import torch

from ampnet.dataset.index.face_index import FaceIndex
from ampnet.dataset.loading.dataset import pictures
from ampnet.evaluation.predictions import PredictionTable
from ampnet.media.images import encode_jpeg
from ampnet.models.regions import REGION_NAMES, STRIDE, quadrant_boxes, salient_boxes
from ampnet.reports.report_page import FRAME, Mistake

SHOWN = 12


def confident_mistakes(table: PredictionTable, faces: FaceIndex) -> list[Mistake]:
    """Pick at most :data:`SHOWN` wrong answers with the highest probabilities, most confident first.

    Args:
        table: the predictions; its first rows are the faces.
        faces: the usable faces of the split, as prepared.
    """
    if table.probabilities is None:
        return []
    count = len(faces)
    wrong = np.flatnonzero((table.answers[:count] >= 0) & (table.answers[:count] != table.labels[:count]))
    confidence = table.probabilities[wrong, table.answers[wrong]]
    found, grid = [], FRAME // STRIDE
    for row, picture in pictures(faces, wrong[np.argsort(-confidence, kind="stable")][:SHOWN]):
        points = torch.from_numpy(faces.landmarks[row : row + 1].clip(0, FRAME))
        boxes = torch.cat([quadrant_boxes(points, grid), salient_boxes(points, grid)], dim=1)[0]
        found.append(
            Mistake(
                name=table.images.names[row],
                picture=encode_jpeg(picture, quality=95),
                true=table.class_names[table.labels[row]],
                predicted=table.class_names[table.answers[row]],
                probability=float(table.probabilities[row, table.answers[row]]),
                boxes=(boxes * STRIDE).numpy(),
                region_names=REGION_NAMES,
            )
        )
    return found
