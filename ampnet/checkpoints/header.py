"""The header of our checkpoints: everything but the weights, as a schema with bounds."""

import json
import sys
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ampnet.errors import CheckpointError
from ampnet.faces.framing import Framing
from ampnet.settings import MAX_FOLDS, MAX_SEED, ArchitectureConfig, SelectionSplit, TrainConfig
from ampnet.settings.labels import MAX_CLASSES, fault_of_class_names

FORMAT = "ampnet"
VERSION = 1

NOT_OURS = "it is not an ampnet checkpoint"

MAX_EPOCHS = 1_000_000

Number = Annotated[float, Meta(ge=-sys.float_info.max, le=sys.float_info.max)]
"""Neither NaN nor infinity; msgspec's bounds refuse both."""
Share = Annotated[float, Meta(ge=0, le=1)]
Epoch = Annotated[int, Meta(ge=0, le=MAX_EPOCHS)]
Temperature = Annotated[float, Meta(ge=0.01, le=100)]


class RunSettings(msgspec.Struct, frozen=True):
    """The settings of a run that are used again when its checkpoint is; see :func:`run_settings`."""

    seed: Annotated[int, Meta(ge=0, le=MAX_SEED)] = TrainConfig.seed
    """Decided which faces the run held out, if the data set has no validation split."""
    fold: Annotated[int, Meta(ge=0, le=MAX_FOLDS)] = 0
    """The fold that was held out; 0 without folds."""
    recipe: Any = None

    @property
    def on_votes(self) -> bool:
        """Whether its training targets held the annotators' votes."""
        return isinstance(self.recipe, dict) and self.recipe.get("targets") in ("votes", "mix")


class Header(msgspec.Struct, kw_only=True):
    """See :class:`ampnet.checkpoints.checkpoint.Checkpoint`; unknown entries are ignored, for newer minor versions."""

    architecture: ArchitectureConfig
    class_names: Annotated[tuple[str, ...], Meta(min_length=2, max_length=MAX_CLASSES)]
    framing: Framing
    config: dict[str, Any]
    epoch: Epoch
    metrics: Annotated[dict[str, Number], Meta(max_length=1000)]
    branch_weight: Share
    selected_on: SelectionSplit
    temperature: Temperature
    class_shares: Annotated[tuple[Share, ...], Meta(max_length=MAX_CLASSES)] = ()
    prior_strength: Share = 0.0
    rejection_threshold: Share = 0.0
    version: int


def run_settings(config: dict[str, Any]) -> RunSettings:
    """Read a checkpoint's ``config``.

    Raises:
        msgspec.ValidationError: a value is of another type or out of range; not for that of a loaded checkpoint.
    """
    return msgspec.convert(config, RunSettings)


def parse_header(plain: Any) -> Header:
    """Check a header and give its values their types.

    Args:
        plain: plain values, from a file or from :meth:`ampnet.checkpoints.checkpoint.Checkpoint.header`.

    Raises:
        CheckpointError: it is another program's or a newer version's, or its parts contradict each other.
        ConfigError, DataError: the network's size or the framing is out of range.
        msgspec.ValidationError: a value is missing, of another type or out of range.
    """
    if not isinstance(plain, dict) or plain.get("format") != FORMAT:
        raise CheckpointError(f"{NOT_OURS}; convert a reference program's file with `ampnet import`")
    version = plain.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise CheckpointError("it was written by a newer ampnet; upgrade ampnet, or train again")
    header = msgspec.convert(plain, Header)
    run_settings(header.config)
    try:
        json.dumps(header.config, allow_nan=False, default=str)
    except ValueError:
        raise CheckpointError("it is damaged: a number among its settings is not finite") from None
    if fault := fault_of_class_names(header.class_names):
        raise CheckpointError(f"it is damaged: {fault}")
    for what, count in (("classes", header.architecture.num_classes), ("class shares", len(header.class_shares))):
        if count not in (len(header.class_names), *([0] if what == "class shares" else [])):
            raise CheckpointError(f"it is damaged: {len(header.class_names)} class names for {count} {what}")
    return header
