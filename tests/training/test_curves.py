"""The curves of a run are a picture, however long it was."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ampnet.training.curves import save_curves

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("epochs", [1, 3, 100])
def test_curves_of_short_and_long_runs(tmp_path, epochs):
    epoch = np.arange(1, epochs + 1)
    history = pd.DataFrame(
        {"epoch": epoch, "train_loss": 2 / epoch, "val_loss": 2.1 / epoch, "val_accuracy": 1 - 0.8 / epoch}
    )
    save_curves(tmp_path / "curves.png", history, "run1", best_epoch=epochs)
    with Image.open(tmp_path / "curves.png") as opened:
        picture = np.asarray(opened.convert("RGB")).astype(int)
    blue = (picture[..., 2] - picture[..., 0]) > 80
    assert blue[:, : picture.shape[1] // 2].any()  # validation loss
    assert blue[:, picture.shape[1] // 2 :].any()  # validation accuracy
