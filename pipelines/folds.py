"""The folds of `ampnet train --folds`: who is in which."""

from dataclasses import replace
from pathlib import Path

from ampnet.dataset.index.face_index import FaceIndex
from ampnet.dataset.index.folds import Folds, make_folds
from ampnet.dataset.open_index import open_training_index
from ampnet.errors import DataError
from ampnet.settings import TrainConfig
from pipelines.read_groups import SUBJECT, read_columns
from pipelines.split_images import read_split


def choose_folds(config: TrainConfig) -> tuple[FaceIndex, Folds]:
    """Assign the faces of a data set to the folds that a config asks for; people stay together.

    Raises:
        UsageError: --subjects names no column, or an empty one.
        DataError: the data set is streamed, or has too few people or faces; or a file cannot be read.
    """
    index = open_training_index(config.data)
    if index.shards is not None and index.shards.is_streamed:
        raise DataError(f"{config.data} is streamed, and folds need the names of all faces in memory")
    if config.subjects:
        file = Path(config.subjects) if Path(config.subjects).suffix.lower() == ".csv" else None
        names = index.class_names
        split = read_split(index, None, names, config.seed)
        column = config.subjects if file is None else SUBJECT
        values = read_columns(split, [column], file, "--subjects")[column]
        index = replace(index, subjects=values[: len(index)].tolist())
    return index, make_folds(index, config.folds, config.seed)
