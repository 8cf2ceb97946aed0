"""Starting from weights that were trained before: ours, or the published program's."""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from ampnet.checkpoints.bundled import named_model
from ampnet.checkpoints.checkpoint import load_checkpoint
from ampnet.checkpoints.reference.convert import read_reference
from ampnet.config import Freeze
from ampnet.errors import CheckpointError
from ampnet.labels import EXPRESSIONS
from ampnet.models.ampnet import AMPNet
from ampnet.training.optimizer import HEADS


def load_pretrained(model: AMPNet, path: Path, class_names: Sequence[str]) -> str:
    """Copy pre-trained weights into a network.

    Heads are taken over when they know the same classes (their rows follow the names), else they stay new.

    Args:
        model: changed in place.
        path: a checkpoint or run folder of ours, ``bundled``, or a file of the published program (7 classes are
            taken to be in RAF-DB's order).
        class_names: of the network, in label order.

    Returns:
        One sentence on what was taken over.

    Raises:
        CheckpointError: the file cannot be read, or holds a network of another size.
    """
    state, known = _read(named_model(path))
    own = model.state_dict()
    for name, value in own.items():
        if not name.startswith(HEADS) and (name not in state or state[name].shape != value.shape):
            raise CheckpointError(
                f"{path} holds a network of another size ({name} differs); "
                "choose the same --variant, --width and --modules"
            )
    taken = {name: state[name] for name in own if not name.startswith(HEADS)}
    if sorted(known) == sorted(class_names):
        rows = [list(known).index(name) for name in class_names]
        heads = {name: state[name][rows] for name in own if name.startswith(HEADS)}
        if all(value.shape == own[name].shape for name, value in heads.items()):  # not so with other modules
            model.load_state_dict(taken | heads)
            return f"weights from {path}, heads included"
    model.load_state_dict(own | taken)
    return f"weights from {path}, but new heads: it knows other classes or has other modules"


def freeze_parameters(model: AMPNet, freeze: Freeze) -> None:
    """Keep the stem out of training; frozen statistics are the loop's part."""
    if freeze == "stem":
        model.stem.requires_grad_(False)


def _read(path: Path) -> tuple[dict[str, Tensor], Sequence[str]]:
    """Give weights under our names and the class names of the heads, none where they are unknown."""
    try:
        checkpoint = load_checkpoint(path)
    except CheckpointError as ours:
        if path.is_dir() or path.suffix == ".safetensors":
            raise
        try:
            published = read_reference(path)
        except CheckpointError:
            raise ours from None
        classes = EXPRESSIONS if published.num_classes == len(EXPRESSIONS) else ()
        return published.state, classes
    return checkpoint.model.state_dict(), checkpoint.class_names
