"""Settings of the commands that measure checkpoints, adapt them to few photos, or find doubtful labels."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from ampnet.errors import require
from ampnet.files.printable import printable
from ampnet.settings.choices import Protocol, Split
from ampnet.settings.fields import Option, Settings, existing, written
from ampnet.settings.shared import (
    MODELS,
    NEWEST,
    RESUME_OR_FORCE,
    BatchSize,
    CheckpointArgument,
    CheckpointOption,
    ClassesOption,
    DataFolder,
    FaceClassifier,
    Mirror,
    OneGpu,
    PrecisionOption,
    PriorOption,
    ReplaceFile,
    Resume,
)

MAX_CONTENDERS = 8
"""Maximum number of checkpoints and files of predictions in one comparison."""

MeasuredSplit = Annotated[Split, Option("Split to measure.", "Input")]


@dataclass(frozen=True, kw_only=True)
class EvalConfig(FaceClassifier):
    """Settings of `ampnet eval`."""

    checkpoint: Annotated[
        Path | None,
        Option(
            f"Model to use: {MODELS}, or a folder of `train --folds` or `--seeds`.",
            "Model",
            positional=True,
            unset=NEWEST,
        ),
    ] = None
    data: DataFolder = Path()
    split: MeasuredSplit = "test"
    predictions: Annotated[
        Path | None,
        existing(
            "file", "Score any tool's answers instead of a checkpoint: a CSV with name and predicted or p_<class>."
        ),
    ] = None
    protocol: Annotated[
        Protocol | None,
        Option(
            "Also score by a published rule: FER+'s (single votes removed, eight classes), or a data set's official "
            "test images.",
            "Input",
            unset="none",
        ),
    ] = None
    protocol_file: Annotated[
        Path | None,
        existing(
            "file",
            "Score by the rules in this file (data, split, rule, coverage, seeds) and write submission.json.",
        ),
    ] = None
    by: Annotated[
        tuple[str, ...],
        Option(
            "Also measure groups of images, by these columns of index/faces.csv or --groups, e.g. gender,age.",
            "Input",
            separated=True,
            metavar="COLUMN,...",
        ),
    ] = ()
    groups: Annotated[
        Path | None,
        existing(
            "file", "CSV with the columns of --by, and name (in the index, or the path in the raw data) or subject."
        ),
    ] = None
    mirror: Mirror = False
    prior: PriorOption = None
    out: Annotated[
        Path | None, written("folder", "Folder of the report.", unset="eval/<split> beside the checkpoint")
    ] = None
    force: Annotated[bool, Option("Replace a report on another checkpoint or data set.", "Output")] = False
    precision: PrecisionOption = "fp32"

    def __post_init__(self) -> None:
        super().__post_init__()
        of_checkpoint = self.checkpoint is not None or self.mirror or self.prior is not None or self.precision != "fp32"
        require(
            self.predictions is None or not of_checkpoint,
            "--predictions scores answers as they are; leave out the checkpoint, --mirror, --prior and --precision",
        )
        require(
            self.protocol_file is None or (self.predictions is not None and self.protocol is None),
            "--protocol-file names the rule and needs --predictions; leave out --protocol",
        )
        require(bool(self.by) or self.groups is None, "--groups needs --by COLUMN[,COLUMN], columns of that file")


@dataclass(frozen=True, kw_only=True)
class CompareConfig(FaceClassifier):
    """Settings of `ampnet compare`."""

    contenders: Annotated[
        tuple[Path, ...],
        Option(
            f"Two to eight of: {MODELS}, a folder of runs over seeds or folds, any tool's predictions (CSV).",
            "Input",
            positional=True,
            metavar="A B ...",
        ),
    ]
    data: DataFolder = Path()
    split: Annotated[Split, Option("Split to compare on.", "Input")] = "test"
    seed: Annotated[int, Option("Random seed of intervals and pictures.", "Input", min=0)] = 0
    mirror: Mirror = False
    out: Annotated[
        Path | None, written("folder", "Folder of the results.", unset="compare/A-B-<split> in the data folder")
    ] = None
    force: Annotated[bool, Option("Replace another comparison.", "Output")] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        count = len(self.contenders)
        require(count >= 2, f"give at least two checkpoints or files of predictions to compare, got {count}")
        require(count <= MAX_CONTENDERS, f"at most {MAX_CONTENDERS} can be compared at once, got {count}")
        twice = [path for number, path in enumerate(self.contenders) if path in self.contenders[:number]]
        require(not twice, f"{printable(twice[0]) if twice else ''} is given twice; compare different ones")


@dataclass(frozen=True, kw_only=True)
class RobustnessConfig(Settings):
    """Settings of `ampnet robustness`."""

    checkpoint: CheckpointArgument = None
    data: DataFolder = Path()
    split: MeasuredSplit = "test"
    images: Annotated[
        int | None, Option("Corrupt a random sample of this many faces.", "Input", min=1, unset="all")
    ] = None
    photos: Annotated[
        Path | None, existing("folder", "Instead, measure how steady the answers are for the photos in this folder.")
    ] = None
    subsets: Annotated[
        tuple[Path, ...],
        Option("Also measure the faces named in this list; repeatable.", "Input", flag="--subset"),
    ] = ()
    corruptions: Annotated[
        str,
        Option("Corruptions or groups: occlusion, blur, noise, light, quality, framing; `none` for none.", "Input"),
    ] = "all"
    seed: Annotated[int, Option("Random seed of the corruptions.", "Input", min=0)] = 0
    baseline: Annotated[
        Path | None,
        Option("Divide the errors by those of this checkpoint, for the mean corruption error (mCE).", "Model"),
    ] = None
    mirror: Mirror = False
    prior: PriorOption = None
    out: Annotated[
        Path | None, written("folder", "Folder of the results.", unset="robustness/<split> beside the checkpoint")
    ] = None
    resume: Resume = False
    force: Annotated[bool, Option("Replace other results, or an interrupted run.", "Output")] = False
    gpus: OneGpu = None
    batch_size: BatchSize = 128
    workers: Annotated[
        int | None, Option("Processes that corrupt and classify.", "Machine", min=0, unset="one per core")
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require(not (self.resume and self.force), RESUME_OR_FORCE)
        of_faces = {
            "--data": self.data != RobustnessConfig.data,
            "--split": self.split != RobustnessConfig.split,
            "--subset": self.subsets,
            "--corruptions": self.corruptions != RobustnessConfig.corruptions,
            "--baseline": self.baseline,
            "--out": self.out,
            "--resume": self.resume,
            "--force": self.force,
        }
        ignored = ", ".join(flag for flag, given in of_faces.items() if given)
        require(self.photos is None or not ignored, f"--photos prints one table of the photos; leave out {ignored}")


@dataclass(frozen=True, kw_only=True)
class CalibrateConfig(FaceClassifier):
    """Settings of `ampnet calibrate`."""

    checkpoint: CheckpointArgument = None
    data: DataFolder = Path()
    coverage: Annotated[
        float | None,
        Option("Share of the faces to answer, the most probable answers first.", "Model", above=0, max=1, unset="all"),
    ] = None
    precision: Annotated[
        float | None,
        Option("Answer as many faces as possible while this share of the answers is right.", "Model", above=0, max=1),
    ] = None
    out: Annotated[Path | None, written("file", "Checkpoint to write.", unset="the checkpoint itself")] = None
    force: Annotated[bool, Option("Replace an existing file, such as the checkpoint.", "Output")] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.coverage is None or self.precision is None,
            "--coverage and --precision each set the threshold; use only one",
        )


@dataclass(frozen=True, kw_only=True)
class AdaptConfig(Settings):
    """Settings of `ampnet adapt`: new classes for a trained network, from a few photos."""

    photos: Annotated[
        Path,
        Option(
            "A folder of photos for each class, or a CSV that lists them.", "Input", positional=True, must_exist=True
        ),
    ]
    classes: ClassesOption = ""
    checkpoint: CheckpointOption = None
    out: Annotated[Path, written("file", "Checkpoint to write.")] = Path("adapted.pt")
    force: ReplaceFile = False
    gpus: OneGpu = None


@dataclass(frozen=True, kw_only=True)
class AuditConfig(FaceClassifier):
    """Settings of `ampnet audit`: which labels are probably wrong, or which photos to label next."""

    checkpoint: Annotated[
        Path | None,
        Option(
            f"Model to use: {MODELS}, or a folder of `train --folds`, whose runs judge the faces that "
            "they have not seen.",
            "Model",
            positional=True,
            unset=NEWEST,
        ),
    ] = None
    data: DataFolder = Path()
    splits: Annotated[
        tuple[Split, ...],
        Option(
            "Splits to audit with a single checkpoint, which was not trained on them.",
            "Input",
            flag="--split",
            separated=True,
        ),
    ] = ("val", "test")
    predictions: Annotated[
        Path | None, existing("file", "Any tool's probabilities instead of a checkpoint, as for eval.")
    ] = None
    unlabelled: Annotated[
        Path | None, existing("folder", "Instead, rank the photos in this folder by which to label next.")
    ] = None
    out: Annotated[Path, written("folder", "Folder of the lists.")] = Path("audit")
    force: ReplaceFile = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.predictions is None or (self.checkpoint is None and self.unlabelled is None),
            "--predictions judges by the probabilities in the file; leave out the checkpoint and --unlabelled",
        )
        require(
            self.predictions is None or self.splits == AuditConfig.splits,
            "--predictions judges every image in the file, of any split; leave out --split",
        )
        is_folder_alone = self.data == Path() and self.splits == AuditConfig.splits
        require(self.unlabelled is None or is_folder_alone, "--unlabelled ranks photos; leave out --data and --split")
