"""Prepared images that cannot be read: they are left out and listed, and never end a run."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar

from ampnet.files.printable import printable


class UnreadableImage(NamedTuple):
    """A prepared image that cannot be read."""

    name: str
    """As in data_label.txt."""
    reason: str


class _Batch(Protocol):
    @property
    def unreadable(self) -> Sequence[UnreadableImage]: ...


B = TypeVar("B", bound=_Batch)


class UnreadableImages:
    """Collects the unreadable images of a run.

    Attributes:
        reasons: name -> reason.
    """

    def __init__(self) -> None:
        self.reasons: dict[str, str] = {}

    def watch(self, batches: Iterable[B]) -> Iterator[B]:
        """Pass batches on, and collect their unreadable images.

        Loading starts at once, not with the first batch: a data loader draws a number from torch's generator when it
        starts, which must not come between the seeding of a step and its dropout.
        """
        return map(self._note, iter(batches))

    def _note(self, batch: B) -> B:
        self.reasons.update(batch.unreadable)
        return batch


def describe_unreadable(reasons: Mapping[str, str]) -> str:
    """Describe unreadable images in one line; there must be at least one."""
    name, reason = next(iter(reasons.items()))
    first = f"{printable(name)}: {printable(reason)}"
    return f"cannot read {first}" if len(reasons) == 1 else f"cannot read {len(reasons):,} images, first {first}"
