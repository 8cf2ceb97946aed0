"""`ampnet import` and `ampnet export-reference`: checkpoints of the authors' program into ours, and back."""

from dataclasses import dataclass
from pathlib import Path

from ampnet.checkpoints.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from ampnet.checkpoints.reference.convert import build_reference, read_reference, reference_class_names, write_reference
from ampnet.config import ExportConfig, ImportConfig, config_to_dict
from ampnet.errors import CheckpointError, UsageError
from ampnet.faces.framing import Framing
from ampnet.labels import EXPRESSIONS


@dataclass(frozen=True)
class ImportResult:
    """What was read, and where it is now."""

    checkpoint: Path
    class_names: tuple[str, ...]
    known_classes: int
    """Classes of the file's own heads."""

    @property
    def has_new_heads(self) -> bool:
        """Whether the heads start untrained, because the file's know other classes."""
        return self.known_classes != len(self.class_names)

    def lines(self) -> list[str]:
        """Say it in a few lines."""
        lines = [f"checkpoint: {self.checkpoint}", f"classes: {', '.join(self.class_names)}"]
        if self.has_new_heads:
            lines.append(
                f"the file's heads know {self.known_classes} classes, so both heads are new and untrained; "
                f"next: ampnet train --pretrained {self.checkpoint}"
            )
        else:
            lines.append(f"next: ampnet eval {self.checkpoint}")
        return lines


@dataclass(frozen=True)
class ExportResult:
    """What was written."""

    file: Path
    class_names: tuple[str, ...]

    def lines(self) -> list[str]:
        """Say it in a few lines."""
        return [f"file: {self.file}", f"labels from 0: {', '.join(self.class_names)}"]


def import_reference(config: ImportConfig) -> ImportResult:
    """Write a checkpoint with the weights of a published file; nothing in that file is executed.

    Raises:
        UsageError: the checkpoint exists and may not be replaced.
        CheckpointError: the file is missing, broken or of another program, or its classes have no names.
        DataError: the checkpoint cannot be written.
    """
    out = config.out or Path("checkpoint") / f"{config.source.stem}.pt"
    _refuse_to_replace(out, config.force)
    published = read_reference(config.source)
    class_names = config.class_names or reference_class_names(published.num_classes)
    if not class_names and published.is_identities:
        class_names = EXPRESSIONS
    if not class_names:
        raise CheckpointError(
            f"{config.source} knows {published.num_classes} classes; name them in their order with --classes"
        )
    model = build_reference(published, len(class_names))
    checkpoint = Checkpoint(
        model=model,
        class_names=class_names,
        framing=Framing(),  # the published weights were trained on aligned colour faces like RAF-DB's
        config=config_to_dict(config),
        epoch=published.epoch or 0,
        selected_on="test",  # the published program keeps the best epoch on the test split
    )
    save_checkpoint(out, checkpoint)
    return ImportResult(out, class_names, published.num_classes)


def export_reference(config: ExportConfig) -> ExportResult:
    """Write a checkpoint's weights so that the published program loads them.

    Raises:
        UsageError: the file exists and may not be replaced.
        CheckpointError: the checkpoint cannot be read, or holds another network than the paper's.
        DataError: the file cannot be written.
    """
    _refuse_to_replace(config.out, config.force)
    checkpoint = load_checkpoint(config.checkpoint)
    write_reference(config.out, checkpoint.model, epoch=checkpoint.epoch, data_parallel=config.data_parallel)
    return ExportResult(config.out, checkpoint.class_names)


def _refuse_to_replace(target: Path, force: bool) -> None:
    if target.exists() and not force:
        raise UsageError(f"{target} exists; choose another place with --out, or replace it with --force")
