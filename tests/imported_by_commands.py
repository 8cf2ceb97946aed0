"""What commands import: for processes that run them in forks, which then need not."""

import gc
import importlib
import pkgutil
from contextlib import suppress

import matplotlib

import pipelines

matplotlib.use("Agg")
for module in pkgutil.iter_modules(pipelines.__path__):
    importlib.import_module(f"pipelines.{module.name}")
for name in ("cli", "matplotlib.pyplot", "torch._dynamo"):  # the last is what the first optimizer imports
    importlib.import_module(name)
with suppress(ImportError):  # not prometheus_client, which several workers must import later
    importlib.import_module("fastapi")
    importlib.import_module("uvicorn")
gc.freeze()  # forks share these objects as long as no search for garbage touches them
