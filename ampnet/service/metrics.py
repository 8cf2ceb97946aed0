"""What the service counts: requests, photos, faces and durations; never what is in them."""

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """Counts and durations of one service."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.requests = Counter("ampnet_requests", "Answers by HTTP status.", ["status"], registry=registry)
        self.photos = Counter(
            "ampnet_photos", "Photos by outcome: ok, no face, unreadable.", ["outcome"], registry=registry
        )
        self.faces = Counter("ampnet_faces", "Faces classified.", registry=registry)
        self.decoder_restarts = Counter(
            "ampnet_decoder_restarts", "Decoders replaced after a crash or a limit.", registry=registry
        )
        self.waiting = Gauge(
            "ampnet_photos_in_progress",
            "Photos in progress or waiting.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.predict_seconds = Histogram(
            "ampnet_predict_seconds",
            "From the end of a request's photos to its answer.",
            registry=registry,
            buckets=SECONDS,
        )
        self.decode_seconds = Histogram(
            "ampnet_decode_seconds", "Decoding of a photo.", registry=registry, buckets=SECONDS
        )
        self.batch_seconds = Histogram(
            "ampnet_batch_seconds", "Detection and classification of a batch.", registry=registry, buckets=SECONDS
        )
        self.batch_photos = Histogram(
            "ampnet_batch_photos", "Photos in a batch.", registry=registry, buckets=(1, 2, 4, 8, 16, 32)
        )

    def render(self) -> bytes:
        """Write all of it in Prometheus's text format."""
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:  # of all workers, whichever of them is asked
            together = CollectorRegistry()
            multiprocess.MultiProcessCollector(together)  # type: ignore[no-untyped-call]
            return generate_latest(together)
        return generate_latest(self._registry)
