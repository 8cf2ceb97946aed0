"""Settings of `ampnet audit`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from ampnet.errors import require
from ampnet.settings.choices import Split
from ampnet.settings.fields import Option
from ampnet.settings.shared import A_MODEL, DataFolder, FaceClassifier, ReplaceFile


@dataclass(frozen=True, kw_only=True)
class AuditConfig(FaceClassifier):
    """Settings of `ampnet audit`: which labels are probably wrong, or which photos to label next."""

    checkpoint: Annotated[
        Path | None,
        Option(
            f"A folder of `train --folds`, whose every face is judged by a run that has not seen it. Or: {A_MODEL}",
            "Model",
            positional=True,
            unset="the newest run in ./checkpoint, else the bundled model",
        ),
    ] = None
    data: DataFolder = Path()
    splits: Annotated[
        tuple[Split, ...],
        Option("Splits that a single checkpoint has not been trained on.", "Input", flag="--split", separated=True),
    ] = ("val", "test")
    predictions: Annotated[
        Path | None,
        Option("Any tool's probabilities instead of a checkpoint, as for eval.", "Input", path="file", must_exist=True),
    ] = None
    unlabelled: Annotated[
        Path | None,
        Option(
            "Rank the photos in this folder instead: which of them to label next.",
            "Input",
            path="folder",
            must_exist=True,
        ),
    ] = None
    out: Annotated[Path, Option("Folder of the lists.", "Output", path="folder")] = Path("audit")
    force: ReplaceFile = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.predictions is None or (self.checkpoint is None and self.unlabelled is None),
            "--predictions takes no checkpoint and no --unlabelled: the probabilities in the file are final",
        )
