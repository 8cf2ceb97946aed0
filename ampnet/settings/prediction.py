"""Settings of the commands that classify photos: predict, serve."""

from dataclasses import dataclass, field
from pathlib import Path

from ampnet.errors import require
from ampnet.settings.choices import Engine, FacePolicy, Runtime, UsePrecision
from ampnet.settings.detector import DetectorConfig


@dataclass(frozen=True, kw_only=True)
class PredictConfig:
    """Settings of `ampnet predict`."""

    images: tuple[Path | str, ...]
    """Image files, videos, folders of images, patterns such as ``photos/*.jpg``, or ``-`` for a picture on stdin.

    Text is the http(s) address of a photo."""
    face: FacePolicy = "all"
    """Which faces of a photo or frame to classify."""
    min_face: float = DetectorConfig.min_face
    """Leave out faces with a side of fewer pixels of the photo or frame; photos may be reduced for the detector."""
    list_file: Path | None = None
    """Text file that names further inputs, one a line."""
    checkpoint: Path | None = None
    """As for :class:`EvalConfig`."""
    videos: bool = False
    """Read the videos in folders, too."""
    every: int = 5
    """Classify every Nth frame of a video."""
    camera: int | None = None
    """Number of the camera to watch instead of reading files, from 0."""
    track: bool = False
    """Follow the faces of a video from frame to frame, and number them."""
    smooth: float = 0.0
    """Seconds over which probabilities are averaged along a track; 0: not at all."""
    csv: Path | None = None
    """CSV file to write, one row for each face."""
    jsonl: Path | None = None
    """JSON lines file to write, one line for each photo or frame."""
    annotate: Path | None = None
    """Output folder for copies of the images with boxes, landmarks and labels drawn in."""
    explain: bool = False
    """Add what each region of a face contributed to JSON and JSON lines; with ``annotate``, draw it for photos."""
    force: bool = False
    """Replace existing output files."""
    resume: bool = False
    """Continue the CSV and JSON lines files of an interrupted run."""
    detector: DetectorConfig = field(default_factory=DetectorConfig)
    batch_size: int = 32
    gpus: int | None = None
    mirror: bool = False
    """Average the predictions for each face and its mirror image."""
    prior: str | None = None
    """Expected class frequencies: ``training``, ``balanced``, or a JSON file; None: the checkpoint's own prior."""
    precision: UsePrecision = "fp32"
    """Floating-point precision of detector and classifier; ``auto`` is ``fp32`` with the runtime ``onnx``."""
    runtime: Runtime = "torch"
    """What runs the networks; onnx starts sooner and needs less memory."""

    engine: Engine = "local"
    """``ray`` spreads the work over a Ray cluster, and writes parquet files to ``out``."""
    out: Path | None = None
    """Folder (or address) of the parquet files of ``ray``."""
    actors: int | None = None
    """Processes that work with ``ray``; None: one for each GPU, or for each core."""
    part_images: int = 1024
    """Photos in each parquet file of ``ray``; a kill loses at most this many results per actor."""

    def __post_init__(self) -> None:
        require(self.min_face >= 0, f"min_face must be at least 0, got {self.min_face}")
        require(self.part_images >= 1, f"part_images must be at least 1, got {self.part_images}")
        if self.engine == "ray":
            others = self.csv is None and self.jsonl is None and self.annotate is None
            require(self.out is not None, "--engine ray needs --out DIR: the folder of its parquet files")
            require(others, "--engine ray writes parquet files; leave out --csv, --jsonl and --annotate")
            require(self.list_file is None, "--engine ray takes folders and files, no --list")
        else:
            require(self.out is None and self.actors is None, "--out and --actors need --engine ray")
        is_kept = self.csv is not None or self.jsonl is not None or self.engine == "ray"
        require(is_kept or not self.resume, "--resume needs --csv or --jsonl: what an interrupted run left to continue")
        require(self.csv is None or self.csv != self.jsonl, "--csv and --jsonl need two files")
        if self.camera is not None:
            is_alone = not (self.images or self.list_file or self.videos)
            is_plain = not (self.jsonl or self.annotate or self.explain or self.track or self.resume)
            require(self.camera >= 0, f"camera must be at least 0, got {self.camera}")
            require(is_alone, "--camera watches a camera alone; leave out files, --list and --videos")
            require(is_plain and self.engine == "local", "--camera has a window and --csv only; leave the others out")
        require(self.smooth == 0 or self.track, "--smooth averages along tracks, so it needs --track")
        require(not (self.track and self.resume), "--track cannot be resumed: the faces before the break are unknown")
        require(not (self.smooth and self.explain), "--explain takes single frames apart, not the means of --smooth")
        if self.runtime == "onnx":
            is_plain = not self.mirror and self.prior is None and not self.gpus
            require(is_plain, "--mirror, --prior and --gpus need --runtime torch")
            require(self.precision != "bf16", "--precision bf16 needs --runtime torch")
            require(not self.explain, "--explain needs --runtime torch: an exported network gives its answers only")
            is_default = (self.detector.name, self.detector.weights) == (DetectorConfig.name, DetectorConfig.weights)
            require(is_default, "--detector and --weights need --runtime torch")


@dataclass(frozen=True, kw_only=True)
class ServeConfig:
    """Settings of `ampnet serve`."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 8000
    """Port to listen on; 0 takes a free one."""
    allow_hosts: tuple[str, ...] = ()
    """Further names by which clients may call the service, as in their Host header."""
    token: str | None = None
    """What clients must send as ``Authorization: Bearer TOKEN``; None asks for nothing."""
    checkpoint: Path | None = None
    """As for :class:`EvalConfig`."""
    runtime: Runtime | None = None
    """What runs the networks; None: onnx if the model is exported already, else torch."""
    detector: DetectorConfig = field(default_factory=DetectorConfig)
    batch_size: int = 32
    """Most photos in a batch."""
    batch_wait: float = 5.0
    """Longest time in milliseconds for which a photo waits for others to share its batch."""
    parallel: int | None = None
    """Batches at work side by side, which share the cores; None: one for each core, at most 8, and one on a GPU."""
    queue: int = 128
    """Most photos at work or waiting; requests beyond are answered with 503."""
    decoders: int | None = None
    """Processes that decode photos; None: one for each core, at most 4."""
    max_megabytes: float = 32.0
    """Most megabytes (1,000,000 bytes) in a request."""
    max_megapixels: float = 50.0
    """Most million pixels in a photo."""
    max_files: int = 32
    """Most photos in a request."""
    max_faces: int = 200
    """Most faces that are classified in a photo."""
    max_seconds: float = 30.0
    """Longest time for a request to arrive, and again for its answer."""
    max_decode_seconds: float = 10.0
    """Longest time for decoding a photo."""
    max_connections: int = 256
    """Maximum number of simultaneous connections."""
    gpus: int | None = None

    def __post_init__(self) -> None:
        require(0 <= self.port <= 65_535, f"port must be within [0, 65535], got {self.port}")
        require(self.token is None or len(self.token) >= 16, "a token needs at least 16 characters")
        require(
            self.token is None or (self.token.isascii() and self.token.isprintable() and " " not in self.token),
            "a token consists of printable ASCII characters without spaces",
        )
        for name in ("batch_size", "queue", "max_files", "max_faces", "max_connections"):
            require(getattr(self, name) >= 1, f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("max_megabytes", "max_megapixels", "max_seconds", "max_decode_seconds"):
            value = getattr(self, name)
            require(0 < value < float("inf"), f"{name} must be positive, got {value}")
        require(self.max_megapixels <= 150, f"max_megapixels must be at most 150, got {self.max_megapixels}")
        require(self.max_megabytes <= 450, f"max_megabytes must be at most 450, got {self.max_megabytes}")
        require(0 <= self.batch_wait <= 1000, f"batch_wait must be within [0, 1000] ms, got {self.batch_wait}")
        for name in ("decoders", "parallel"):
            value = getattr(self, name)
            require(value is None or value >= 1, f"{name} must be at least 1, got {value}")
        require(self.max_files <= self.queue, f"max_files ({self.max_files}) must fit into the queue ({self.queue})")
        require(self.runtime != "onnx" or not self.gpus, "--gpus needs --runtime torch")
