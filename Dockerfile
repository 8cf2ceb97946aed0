# The service of `ampnet serve`, on the CPU:
#   docker build -t ampnet .
#   docker run --rm -p 127.0.0.1:8000:8000 --read-only --tmpfs /tmp --cap-drop ALL --memory 4g ampnet
FROM python:3.12-slim

# What OpenCV loads.
RUN apt-get update && apt-get install --yes --no-install-recommends libgl1 libglib2.0-0 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# The versions that this release was tested with.
COPY requirements.lock ./
# Without the libraries for GPUs, which would be ten times as large.
RUN pip install --no-cache-dir torch torchvision --constraint requirements.lock --index-url https://download.pytorch.org/whl/cpu

COPY pyproject.toml README.md LICENSE cli.py ./
COPY ampnet ampnet
COPY pipelines pipelines
RUN pip install --no-cache-dir --constraint requirements.lock ".[serve]"

RUN useradd --create-home --uid 10001 ampnet
USER ampnet
WORKDIR /home/ampnet
# The networks for ONNX Runtime, so that the service starts at once.
RUN python -c "from rich.console import Console; from ampnet.checkpoints.model_files import bundled_model; from pipelines.onnx_models import onnx_models; onnx_models(bundled_model(), Console())"

EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["ampnet", "serve", "--host", "0.0.0.0", "--checkpoint", "bundled"]
