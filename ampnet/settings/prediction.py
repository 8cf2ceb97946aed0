"""Settings of the commands that classify photos: predict, serve."""

import ipaddress
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from ampnet.errors import require
from ampnet.settings.choices import FacePolicy, Runtime
from ampnet.settings.fields import Option, Settings, written
from ampnet.settings.shared import (
    RESUME_OR_FORCE,
    Actors,
    BatchSize,
    CheckpointOption,
    DetectorConfig,
    EngineOption,
    Mirror,
    OneGpu,
    PrecisionOption,
    PriorOption,
    ScoreThreshold,
)

NO_CSV = frozenset((".xlsx", ".xls", ".xlsm", ".ods", ".parquet", ".json", ".jsonl", ".tsv"))
"""Extensions that promise another format than CSV."""


@dataclass(frozen=True, kw_only=True)
class PredictConfig(Settings):
    """Settings of `ampnet predict`."""

    images: Annotated[
        tuple[Path | str, ...],  # text is an address: a path would lose one of its slashes
        Option(
            "Photos, videos, folders of photos, quoted patterns ('**/*.jpg'), http(s) addresses, or - for stdin.",
            "Input",
            positional=True,
        ),
    ] = ()
    list_file: Annotated[
        Path | None,
        Option("Also read the paths and addresses in this text file, one per line.", "Input", flag="--list"),
    ] = None
    videos: Annotated[bool, Option("Also read the videos in folders.", "Input")] = False
    camera: Annotated[
        int | None, Option("Watch this camera (0 is the first) in a window; q quits.", "Input", min=0)
    ] = None
    every: Annotated[int | None, Option("Classify every Nth frame of a video.", "Input", min=1, unset="see --rate")] = (
        None
    )
    rate: Annotated[
        float | None,
        Option(
            "Frames to classify per second of video: those nearest to evenly spaced times.",
            "Input",
            above=0,
            max=1000,
            unset="6, unless --every is given",
        ),
    ] = None
    first: Annotated[float, Option("Start at this second of each video.", "Input", flag="--from", min=0)] = 0.0
    last: Annotated[
        float | None, Option("Stop before this second of each video.", "Input", flag="--to", above=0, unset="its end")
    ] = None
    face: Annotated[FacePolicy, Option("Which faces of a photo to classify.", "Faces")] = "all"
    min_face: Annotated[
        float, Option("Minimum side of a face in pixels; smaller faces are left out.", "Faces", min=0)
    ] = DetectorConfig.min_face
    track: Annotated[
        bool, Option("Number the faces of a video; a face keeps its number from frame to frame.", "Faces")
    ] = False
    smooth: Annotated[
        float, Option("Average the probabilities of a tracked face over this many seconds.", "Faces", min=0, max=60)
    ] = 0.0
    people: Annotated[
        int | None,
        Option(
            "Maximum number of people in a video; tracks are joined across absences and cuts.",
            "Faces",
            min=1,
            max=100,
            unset="tracks are not joined",
        ),
    ] = None
    fast: Annotated[
        bool,
        Option("Detect faces in some frames of a video only, and follow them through the others.", "Faces"),
    ] = False
    detector: DetectorConfig = field(default_factory=DetectorConfig)
    checkpoint: CheckpointOption = None
    mirror: Mirror = False
    prior: PriorOption = None
    csv: Annotated[Path | None, written("file", "Also write the results to this CSV file, row by row.")] = None
    decimal: Annotated[
        Literal[".", ","], Option("Decimal mark in --csv; with a comma, cells are separated by semicolons.", "Output")
    ] = "."
    jsonl: Annotated[Path | None, written("file", "Also write the results to this file, one JSON object per line.")] = (
        None
    )
    annotate: Annotated[Path | None, written("folder", "Also write pictures with boxes and labels to this folder.")] = (
        None
    )
    hide: Annotated[
        Literal["blur", "box"] | None,
        Option("Cover faces in the copies of --annotate; every frame of a video is searched.", "Output"),
    ] = None
    out: Annotated[Path | None, Option("Folder or address for the parquet files of --engine ray.", "Output")] = None
    part_images: Annotated[
        int, Option("Photos per parquet file of --engine ray; --resume skips finished files.", "Output", min=1)
    ] = 1024
    explain: Annotated[
        bool,
        Option(
            "Add the contribution of each face region: numbers to --json and --jsonl, pictures to --annotate.",
            "Output",
        ),
    ] = False
    estimate: Annotated[bool, Option("Only estimate the running time, from a sample; write nothing.", "Output")] = False
    force: Annotated[bool, Option("Replace existing files.", "Output")] = False
    resume: Annotated[
        bool, Option("Continue the --csv, --jsonl, --annotate or --out of an interrupted run.", "Output")
    ] = False
    runtime: Annotated[
        Runtime, Option("Runtime of the networks; onnx starts faster and needs less memory.", "Machine")
    ] = "torch"
    gpus: OneGpu = None
    batch_size: BatchSize = 32
    precision: PrecisionOption = "fp32"
    engine: EngineOption = "local"
    actors: Actors = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.engine == "ray":
            others = self.csv is None and self.jsonl is None and self.annotate is None
            require(self.out is not None, "--engine ray needs --out DIR: the folder of its parquet files")
            require(others, "--engine ray writes parquet files; leave out --csv, --jsonl and --annotate")
            is_plain = self.list_file is None and Path("-") not in self.images
            require(is_plain, "--engine ray reads folders and files only; leave out --list and -")
            require(not (self.resume and self.force), RESUME_OR_FORCE)
            require(
                not (self.track or self.explain),
                "--engine ray cannot track or explain; leave out --track and --explain",
            )
        else:
            is_local = (self.out, self.actors, self.part_images) == (None, None, PredictConfig.part_images)
            require(is_local, "--out, --actors and --part-images need --engine ray")
        is_kept = self.csv or self.jsonl or self.annotate or self.engine == "ray" or not self.resume
        require(bool(is_kept), "--resume needs --csv, --jsonl or --annotate: the output to continue")
        is_apart = self.csv is None or self.jsonl not in (self.csv, Path(f"{self.csv}.json"))
        require(is_apart, "--csv and --jsonl need different files; FILE.csv.json is taken by the settings of FILE.csv")
        if self.camera is not None:
            is_alone = not (self.images or self.list_file or self.videos)
            is_plain = not (self.jsonl or self.annotate or self.explain or self.track or self.resume)
            require(is_alone, "--camera is the only input; leave out files, --list and --videos")
            require(is_plain and self.engine == "local", "--camera writes only --csv; leave out other outputs")
            sampling = (self.every, self.rate, self.first, self.last, self.fast)
            require(
                sampling == (None, None, 0.0, None, False),
                "--camera takes a frame whenever it is ready; leave out --every, --rate, --from, --to and --fast",
            )
        is_measurable = self.camera is None and self.engine == "local" and not self.resume
        require(is_measurable or not self.estimate, "--estimate does not work with --camera, --resume or --engine ray")
        require(self.every is None or self.rate is None, "--every and --rate both choose the frames; use only one")
        require(self.last is None or self.last > self.first, "--to must be later than --from")
        is_csv = self.csv is None or self.csv.suffix.lower() not in NO_CSV
        require(is_csv, f"--csv {self.csv} would be no {self.csv and self.csv.suffix} file; use the extension .csv")
        require(self.decimal == "." or self.csv is not None, "--decimal needs --csv FILE")
        require(self.smooth == 0 or self.track, "--smooth averages along tracks, so it needs --track")
        if self.hide is not None:
            finds_all = self.face == "all" and self.min_face <= DetectorConfig.min_face and not self.fast
            finds_all = finds_all and self.detector.score_threshold <= DetectorConfig.score_threshold
            require(self.annotate is not None, "--hide covers faces in copies, so it needs --annotate DIR")
            require(finds_all, "--hide covers every face; leave out --face, --min-face, --score-threshold and --fast")
            require(not self.explain, "--explain draws faces, which --hide covers; use only one")
            is_noted = bool(self.csv or self.jsonl) or not self.resume
            require(is_noted, "--resume with --hide needs --csv or --jsonl, which record that faces are covered")
        require(self.people is None or self.track, "--people joins tracks, so it needs --track")
        require(not (self.smooth and self.explain), "--explain explains single frames, not the averages of --smooth")
        if self.runtime == "onnx":
            is_plain = not self.mirror and self.prior is None and not self.gpus
            require(is_plain, "--mirror, --prior and --gpus need --runtime torch")
            require(self.precision != "bf16", "--precision bf16 needs --runtime torch")
            require(not self.explain, "--explain needs --runtime torch: an exported network gives no explanations")
            is_default = (self.detector.name, self.detector.weights) == (DetectorConfig.name, DetectorConfig.weights)
            require(is_default, "--detector and --weights need --runtime torch")


@dataclass(frozen=True, kw_only=True)
class ServeConfig(Settings):
    """Settings of `ampnet serve`."""

    host: Annotated[str, Option("Address to listen on.", "Service")] = "127.0.0.1"
    port: Annotated[int, Option("Port; 0 takes a free one.", "Service", min=0, max=65_535)] = 8000
    allow_hosts: Annotated[
        tuple[str, ...],
        Option("Also accept this name as Host header; repeatable.", "Service", flag="--allow-host"),
    ] = ()
    allow_origins: Annotated[
        tuple[str, ...],
        Option("Allow pages of this origin (CORS), or of any (*); repeatable.", "Service", flag="--allow-origin"),
    ] = ()
    proxies: Annotated[
        tuple[str, ...],
        Option("Trust the X-Forwarded headers of this address or network; repeatable.", "Service", flag="--proxy"),
    ] = ()
    access_log: Annotated[bool, Option("Print one line of JSON for each request.", "Service")] = False
    token: Annotated[
        str | None,
        Option("Require `Authorization: Bearer TOKEN` from clients.", "Service", variable="AMPNET_TOKEN"),
    ] = None
    checkpoint: CheckpointOption = None
    score_threshold: ScoreThreshold = DetectorConfig.score_threshold
    runtime: Annotated[
        Runtime | None,
        Option(
            "Runtime of the networks; onnx exports the model once.",
            "Machine",
            unset="onnx if the model is exported, else torch",
        ),
    ] = None
    gpus: OneGpu = None
    batch_size: Annotated[int, Option("Maximum number of photos in a batch.", "Machine", min=1)] = 32
    batch_wait: Annotated[float, Option("Maximum batching delay in milliseconds.", "Machine", min=0, max=1000)] = 5.0
    parallel: Annotated[
        int | None,
        Option(
            "Batches processed in parallel; they share the cores.",
            "Machine",
            min=1,
            unset="cores, at most 8; 1 on a GPU",
        ),
    ] = None
    decoders: Annotated[
        int | None, Option("Processes that decode photos.", "Machine", min=1, unset="cores, at most 4")
    ] = None
    workers: Annotated[
        int,
        Option("Server processes; they divide the cores, --queue and --max-requests.", "Machine", min=1),
    ] = 1
    queue: Annotated[int, Option("Maximum number of photos in progress or waiting; more get 503.", "Limits", min=1)] = (
        128
    )
    max_megabytes: Annotated[float, Option("Maximum size of a request in MB.", "Limits", above=0, max=450)] = 32.0
    max_megapixels: Annotated[float, Option("Maximum size of a photo in megapixels.", "Limits", above=0, max=150)] = (
        50.0
    )
    max_files: Annotated[int, Option("Maximum number of photos in a request.", "Limits", min=1)] = 32
    max_faces: Annotated[int, Option("Maximum number of faces listed per photo.", "Limits", min=1)] = 200
    max_seconds: Annotated[
        float,
        Option("Time limit in seconds for a request to arrive, and again for its answer.", "Limits", above=0),
    ] = 30.0
    max_decode_seconds: Annotated[float, Option("Time limit in seconds for decoding a photo.", "Limits", above=0)] = (
        10.0
    )
    max_requests: Annotated[int, Option("Maximum number of simultaneous requests; more get 503.", "Limits", min=1)] = (
        256
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for host in self.allow_hosts:
            is_name = re.fullmatch(r"[^/?#@\s]+", host) is not None
            require(is_name, f"--allow-host must be a host name, without http:// or /; got {host}")
        for origin in self.allow_origins:
            require(
                origin == "*" or re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/?#\s]+", origin, re.IGNORECASE) is not None,
                f"--allow-origin must be like https://example.org, without a path; got {origin}",
            )
        for address in self.proxies:
            require(_is_network(address), f"--proxy must be an address or a network like 10.0.0.0/8; got {address}")
        require(self.token is None or len(self.token) >= 16, "a token needs at least 16 characters")
        require(
            self.token is None or (self.token.isascii() and self.token.isprintable() and " " not in self.token),
            "a token may hold only printable ASCII characters, without spaces",
        )
        queue, part = -(-self.queue // self.workers), " of each worker" if self.workers > 1 else ""
        require(self.max_files <= queue, f"max_files ({self.max_files}) must fit into the queue ({queue}){part}")
        require(self.runtime != "onnx" or not self.gpus, "--gpus needs --runtime torch")

    @property
    def detector(self) -> DetectorConfig:
        """Return the settings of the face detector."""
        return DetectorConfig(score_threshold=self.score_threshold)


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True
