"""What commands import, and libraries load at first use: for processes that run them in forks, which then need not."""

import gc
import importlib
import io
import pkgutil
from contextlib import suppress
from pathlib import Path

import matplotlib.figure
import numpy as np
from PIL import Image

import ampnet
import pipelines

matplotlib.use("Agg")
for module in pkgutil.iter_modules(pipelines.__path__):
    importlib.import_module(f"pipelines.{module.name}")
for name in ("cli", "matplotlib.pyplot", "torch._dynamo"):  # the last is what the first optimizer imports
    importlib.import_module(name)
with suppress(ImportError):  # not prometheus_client, which several workers must import later
    importlib.import_module("fastapi")
    importlib.import_module("uvicorn")
with Image.open(Path(__file__).parent / "samples" / "portrait.jpg") as portrait:
    assert len(ampnet.Predictor().predict(np.asarray(portrait))) == 1
figure = matplotlib.figure.Figure()
figure.subplots()
figure.savefig(io.BytesIO())
gc.freeze()  # forks share these objects as long as no search for garbage touches them
