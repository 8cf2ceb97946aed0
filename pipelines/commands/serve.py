"""The command line of `ampnet serve`."""

import signal
from typing import Annotated

import typer

from ampnet.errors import INTERRUPTED
from ampnet.settings import DetectorConfig, Runtime, ServeConfig
from pipelines.commands.one_line_errors import user_errors
from pipelines.commands.options import (
    CheckpointOption,
    Debug,
    OneGpu,
    Quiet,
    ScoreThreshold,
    limit_option,
    machine_option,
    pick,
    service_option,
)
from pipelines.commands.stdout import tell


def serve(
    host: Annotated[str, service_option(help="Address to listen on.")] = ServeConfig.host,
    port: Annotated[int, service_option(min=0, max=65_535, help="Port; 0 takes a free one.")] = ServeConfig.port,
    allow_host: Annotated[
        list[str] | None, service_option(help="Also answer to this name (Host header); repeat for several.")
    ] = None,
    token: Annotated[
        str | None,
        service_option(envvar="AMPNET_TOKEN", help="Require `Authorization: Bearer TOKEN` from clients."),
    ] = None,
    checkpoint: CheckpointOption = None,
    score_threshold: ScoreThreshold = DetectorConfig.score_threshold,
    runtime: Annotated[
        Runtime | None,
        machine_option(
            help="What runs the networks; onnx exports the model once.",
            show_default="onnx if it is exported, else torch",
        ),
    ] = None,
    gpus: OneGpu = ServeConfig.gpus,
    batch_size: Annotated[
        int, machine_option(min=1, help="Maximum number of photos in a batch.")
    ] = ServeConfig.batch_size,
    batch_wait: Annotated[
        float, machine_option(min=0, max=1000, help="Milliseconds that a photo waits for others to share its batch.")
    ] = ServeConfig.batch_wait,
    parallel: Annotated[
        int | None,
        machine_option(
            min=1,
            help="Batches processed in parallel; they share the cores.",
            show_default="cores, at most 8; 1 on a GPU",
        ),
    ] = ServeConfig.parallel,
    decoders: Annotated[
        int | None, machine_option(min=1, help="Processes that decode photos.", show_default="cores, at most 4")
    ] = ServeConfig.decoders,
    queue: Annotated[
        int, limit_option(min=1, help="Maximum number of photos in progress or waiting; more get 503.")
    ] = ServeConfig.queue,
    max_megabytes: Annotated[float, limit_option(help="Maximum size of a request in MB.")] = ServeConfig.max_megabytes,
    max_megapixels: Annotated[
        float, limit_option(help="Maximum size of a photo in megapixels.")
    ] = ServeConfig.max_megapixels,
    max_files: Annotated[
        int, limit_option(min=1, help="Maximum number of photos in a request.")
    ] = ServeConfig.max_files,
    max_faces: Annotated[
        int, limit_option(min=1, help="Maximum number of faces listed per photo.")
    ] = ServeConfig.max_faces,
    max_seconds: Annotated[
        float, limit_option(help="Time limit in seconds for a request to arrive, and again for its answer.")
    ] = ServeConfig.max_seconds,
    max_decode_seconds: Annotated[
        float, limit_option(help="Time limit in seconds for decoding a photo.")
    ] = ServeConfig.max_decode_seconds,
    max_connections: Annotated[
        int, limit_option(min=1, help="Maximum number of simultaneous connections.")
    ] = ServeConfig.max_connections,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Serve a web page and an HTTP API that classify photos, on this machine unless --host is given.

    \bExamples:
      $ ampnet serve                    # the page: http://127.0.0.1:8000/
      $ curl -F file=@photo.jpg http://127.0.0.1:8000/v1/predict
      $ AMPNET_TOKEN=... ampnet serve --host 0.0.0.0 --allow-host faces.example.org
    """
    with user_errors(debug):
        from pipelines.serve import run

        finder = DetectorConfig(score_threshold=score_threshold)
        chosen = pick(ServeConfig, locals()) | {"allow_hosts": tuple(allow_host or ()), "detector": finder}
        ended_by = run(ServeConfig(**chosen), lambda address: tell(f"ampnet serves {address}"), quiet, debug)
        if ended_by == signal.SIGINT:
            raise typer.Exit(INTERRUPTED)
