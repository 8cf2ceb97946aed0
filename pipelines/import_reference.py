"""`ampnet import` and `ampnet export-reference`: checkpoints of the reference program into ours, and back."""

from dataclasses import dataclass
from pathlib import Path

from ampnet.checkpoints.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from ampnet.checkpoints.model_files import named_model
from ampnet.checkpoints.reference.reference_files import (
    build_reference,
    read_reference,
    reference_class_names,
    write_reference,
)
from ampnet.errors import CheckpointError
from ampnet.faces.framing import Framing
from ampnet.files.printable import printable
from ampnet.files.writing import make_folder, refuse_overwrite
from ampnet.settings import ExportReferenceConfig, ImportConfig, config_to_dict
from ampnet.settings.labels import EXPRESSIONS

BRANCH_WEIGHT = 0.5
"""Of the local head in the reference program (its beta), which has no option for it."""


@dataclass(frozen=True)
class ImportResult:
    """What was read, and the checkpoint it became."""

    checkpoint: Path
    class_names: tuple[str, ...]
    known_classes: int
    """Classes of the file's own heads."""

    @property
    def has_new_heads(self) -> bool:
        """Whether both heads are untrained, because the file's know other classes."""
        return self.known_classes != len(self.class_names)

    def lines(self) -> list[str]:
        """Describe it in a few lines."""
        lines = [f"checkpoint: {self.checkpoint}", f"classes: {', '.join(self.class_names)}"]
        if self.has_new_heads:
            lines.append(
                f"the file's heads have {self.known_classes} classes, so both heads are new and untrained; "
                f"next: ampnet train --pretrained {self.checkpoint}"
            )
        else:
            lines.append(f"next: ampnet eval {self.checkpoint}")
        return lines


@dataclass(frozen=True)
class ReferenceExport:
    """What was written."""

    file: Path
    class_names: tuple[str, ...]

    def lines(self) -> list[str]:
        """Describe it in a few lines."""
        return [f"file: {self.file}", f"labels from 0: {', '.join(self.class_names)}"]


def import_reference(config: ImportConfig) -> ImportResult:
    """Write a checkpoint with the weights of a reference file; nothing in that file is executed.

    Raises:
        UsageError: the checkpoint exists and may not be replaced.
        CheckpointError: the file is missing, damaged or of another program, or its classes have no names.
        DataError: the checkpoint cannot be written.
    """
    out = config.out or Path("checkpoint") / f"{config.source.stem}.pt"
    target = refuse_overwrite(out, config.force)
    make_folder(target.parent)
    reference = read_reference(config.source)
    class_names = config.class_names or reference_class_names(reference.num_classes)
    if not class_names and reference.is_identities:
        class_names = EXPRESSIONS
    if not class_names:
        raise CheckpointError(
            f"{config.source} has {reference.num_classes} classes; name them in label order with --classes"
        )
    model = build_reference(reference, len(class_names))
    checkpoint = Checkpoint(
        model=model,
        class_names=class_names,
        framing=Framing(),  # the reference weights were trained on aligned colour faces like RAF-DB's
        config=config_to_dict(config),
        epoch=reference.epoch or 0,
        selected_on="test",  # the reference program keeps the best epoch on the test split
    )
    save_checkpoint(target, checkpoint)
    return ImportResult(out, class_names, reference.num_classes)


def export_reference(config: ExportReferenceConfig) -> ReferenceExport:
    """Write a checkpoint's weights so that the reference program loads them.

    Raises:
        UsageError: the checkpoint does not exist, or the file does and may not be replaced.
        CheckpointError: the checkpoint cannot be read, holds a network other than the paper's, or other weights of
            its heads.
        DataError: the file cannot be written.
    """
    target = refuse_overwrite(config.out, config.force)
    make_folder(target.parent)
    checkpoint = load_checkpoint(named_model(config.checkpoint))
    if checkpoint.branch_weight != BRANCH_WEIGHT:
        raise CheckpointError(
            f"the reference program weighs both heads equally, but the local head of {printable(config.checkpoint)} "
            f"has the weight {checkpoint.branch_weight:g}; train with --set branch_weight={BRANCH_WEIGHT}"
        )
    write_reference(target, checkpoint.model, epoch=checkpoint.epoch, data_parallel=config.data_parallel)
    return ReferenceExport(config.out, checkpoint.class_names)
