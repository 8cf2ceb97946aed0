"""Initialisation from pre-trained weights: ours, or the reference program's."""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from ampnet.checkpoints.checkpoint import load_checkpoint
from ampnet.checkpoints.header import NOT_OURS
from ampnet.checkpoints.model_files import named_model
from ampnet.checkpoints.reference.reference_files import read_reference
from ampnet.errors import CheckpointError, require
from ampnet.files.printable import printable
from ampnet.models.ampnet import AMPNet
from ampnet.settings import Freeze
from ampnet.settings.labels import EXPRESSIONS
from ampnet.training.optimizer import HEADS


def load_pretrained(model: AMPNet, path: Path, class_names: Sequence[str]) -> str:
    """Load pre-trained weights into a network.

    Heads are loaded if they have the same classes, matched by name; otherwise they keep their initialisation.

    Args:
        model: changed in place.
        path: a checkpoint, a run folder, ``bundled``, or a reference program's file (whose 7 classes are assumed to be
            in RAF-DB's order).
        class_names: class names of the network, in label order.

    Returns:
        A sentence describing what was loaded.

    Raises:
        CheckpointError: the file cannot be read, or holds a network of another size.
    """
    state, known = _read(named_model(path))
    own = model.state_dict()
    for name, value in own.items():
        if not name.startswith(HEADS) and (name not in state or state[name].shape != value.shape):
            raise CheckpointError(
                f"{printable(path)} holds a network of another size ({name} differs); "
                "use the same --variant, --width and --modules"
            )
    taken = {name: state[name] for name in own if not name.startswith(HEADS)}
    if sorted(known) == sorted(class_names):
        rows = [list(known).index(name) for name in class_names]
        heads = {name: state[name][rows] for name in own if name.startswith(HEADS)}
        if all(value.shape == own[name].shape for name, value in heads.items()):  # they differ with other modules
            model.load_state_dict(taken | heads)
            return f"weights from {printable(path)}, heads included"
    model.load_state_dict(own | taken)
    return f"weights from {printable(path)}, but new heads: it has other classes or modules"


def freeze_parameters(model: AMPNet, freeze: Freeze) -> None:
    """Freeze the stem's parameters; the training loop freezes statistics.

    Raises:
        ConfigError: the network has no stem.
    """
    if freeze == "stem":
        require(model.architecture.network == "ampnet", f"{model.architecture.network} has no stem to freeze")
        model.stem.requires_grad_(False)


def _read(path: Path) -> tuple[dict[str, Tensor], Sequence[str]]:
    """Return weights under our names, and the class names of the heads; empty if unknown."""
    try:
        checkpoint = load_checkpoint(path)
    except CheckpointError as ours:
        if path.is_dir() or path.suffix == ".safetensors":
            raise
        try:
            reference = read_reference(path)
        except CheckpointError as theirs:
            raise (theirs if NOT_OURS in str(ours) else ours) from None
        classes = EXPRESSIONS if reference.num_classes == len(EXPRESSIONS) else ()
        return reference.state, classes
    return checkpoint.model.state_dict(), checkpoint.class_names
